# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command inside a container, over the Docker Engine's socket: its output streamed, its exit status asked for."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, Any, Callable

from . import _paths
from ._child import Ended, TimeOut, kill_tree
from ._engine import Engine
from ._problem import Problem

_HEADER = struct.Struct(">BxxxL")
"""Of each piece of the stream: 1 for the standard output or 2 for the error output, and the length."""
_OUTPUT, _ERRORS = 1, 2
_TAIL = 2000
_CHUNK = 1 << 16
_END = 10
"""Seconds for Docker to know that a command has ended whose output has."""
_POLL = 0.05


class ContainerEngine(Engine):
    """The daemon, as one who works inside of containers needs it."""

    def running(self, container: str) -> dict[str, Any]:
        """What Docker knows of the container. Problem unless it runs."""
        found = self._call("GET", f"/containers/{container}/json", f"look at container {container}", absent=True)
        if found is None:
            raise Problem(f"container {container}: Docker on this host has none of this name. Start it, or correct it.")
        state = found["State"]["Status"]
        if state != "running":
            raise Problem(f"container {container}: is {state}, and nothing can run in it. Start it: docker start.")
        return dict(found)

    def execute(
        self,
        container: str,
        command: Sequence[str],
        timeout: float,
        environment: Mapping[str, str],
        output: IO[bytes],
        given: bytes = b"",
        user: str | None = None,
        on_begin: Callable[[str], None] = lambda _exec: None,
    ) -> Ended:
        """Run the command to its end, with its output in the file. ``on_begin`` gets its id just before it begins.

        Raises TimeOut once it was killed, and OSError of the file.
        """
        body = {
            "AttachStdin": bool(given),
            "AttachStdout": True,
            "AttachStderr": True,
            "Cmd": list(command),
            "Env": [f"{name}={value}" for name, value in environment.items()],
            "User": user or "",
        }
        what = f"run {command[0]} in container {container}"
        identity = str(self._call("POST", f"/containers/{container}/exec", what, body=body)["Id"])
        on_begin(identity)
        try:
            errors = self._stream(identity, what, time.monotonic() + timeout, output, given)
        except socket.timeout:
            self.kill(identity)
            raise TimeOut from None
        except BaseException:
            self.kill(identity)
            raise
        return Ended(self._exit_code(identity, what), _words(errors))

    def kill(self, identity: str) -> None:
        """Kill a command that still runs. Docker itself cannot, but its processes are this host's."""
        with suppress(Problem):
            found = self._call("GET", f"/exec/{identity}/json", "look at a command", absent=True)
            if found and found["Running"] and _is_in(int(found["Pid"]), str(found["ContainerID"])):
                kill_tree(int(found["Pid"]))

    def _exit_code(self, identity: str, what: str) -> int:
        deadline = time.monotonic() + _END
        while True:
            found = self._call("GET", f"/exec/{identity}/json", what)
            if not found["Running"] and found["ExitCode"] is not None:
                return int(found["ExitCode"])
            if time.monotonic() > deadline:
                self.kill(identity)
                raise Problem(f"Docker: could not {what}: its output ended, and it did not.")
            time.sleep(_POLL)

    def _stream(self, identity: str, what: str, deadline: float, output: IO[bytes], given: bytes) -> bytes:
        """Write its output into the file; the end of its error output. Raises socket.timeout."""
        errors = b""
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as wire:
            wire.settimeout(_left(deadline))
            wire.connect(str(_paths.DOCKER_SOCKET))
            wire.sendall(_request(f"/exec/{identity}/start", {"Detach": False, "Tty": False}))
            source = _Source(wire, deadline)
            _begin(source, what)
            if given:
                wire.sendall(given)
                wire.shutdown(socket.SHUT_WR)
            while header := source.take(_HEADER.size):
                kind, length = _HEADER.unpack(header)
                while length:
                    piece = source.some(min(length, _CHUNK))
                    if not piece:
                        raise Problem(f"Docker: could not {what}: the connection to Docker broke off.")
                    length -= len(piece)
                    if kind == _OUTPUT:
                        output.write(piece)
                    elif kind == _ERRORS:
                        errors = (errors + piece)[-_TAIL:]
        return errors


class _Source:
    """What comes out of a socket, until a moment."""

    def __init__(self, wire: socket.socket, deadline: float) -> None:
        self._wire = wire
        self._deadline = deadline
        self._rest = b""

    def some(self, most: int) -> bytes:
        """What there is, empty at the end."""
        if not self._rest:
            self._wire.settimeout(_left(self._deadline))
            self._rest = self._wire.recv(_CHUNK)
        piece, self._rest = self._rest[:most], self._rest[most:]
        return piece

    def take(self, length: int) -> bytes:
        """Exactly so many bytes, or nothing at the end."""
        found = b""
        while len(found) < length and (piece := self.some(length - len(found))):
            found += piece
        return found if len(found) == length else b""

    def head(self) -> bytes:
        """All before the first empty line."""
        found = b""
        while not found.endswith(b"\r\n\r\n") and (piece := self.some(1)):
            found += piece
        return found


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise socket.timeout
    return left


def _request(path: str, body: Any) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content


def _begin(source: _Source, what: str) -> None:
    head = source.head().decode(errors="replace")
    status = head.split(" ", 2)[1:2]
    if status not in (["101"], ["200"]):
        said = source.some(_CHUNK).decode(errors="replace").strip()
        raise Problem(f"Docker: could not {what}: {said or head.strip() or 'no answer'}.")


def _is_in(pid: int, container: str) -> bool:
    """Whether the process is one of the container: Docker may count the processes of another machine."""
    try:
        return pid > 1 and container in Path(f"/proc/{pid}/cgroup").read_text()
    except OSError:
        return False


def _words(errors: bytes) -> str:
    lines = [line.strip() for line in errors.decode(errors="replace").splitlines()]
    return "; ".join(line for line in lines[-5:] if line).rstrip(".")
