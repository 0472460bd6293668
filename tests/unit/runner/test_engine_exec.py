# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command in a container, against a daemon that answers on a real socket."""

from __future__ import annotations

import io
import json
import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _engine_exec, _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._child import TimeOut
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._engine_exec import ContainerEngine
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem


def frame(kind: int, content: bytes) -> bytes:
    return struct.pack(">BxxxL", kind, len(content)) + content


class Daemon(threading.Thread):
    """Answers as Docker does: one connection after the other, the stream of an exec in pieces as it likes."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(_paths.DOCKER_SOCKET))
        self.listener.listen()
        self.requests: list[tuple[str, Any]] = []
        self.stream = [frame(1, b"first "), frame(2, b"a warning\n"), frame(1, b"second")]
        self.status = "101 UPGRADED"
        self.exec: dict[str, Any] = {"Running": False, "ExitCode": 0, "Pid": 1, "ContainerID": "c1"}
        self.container: dict[str, Any] | None = {"State": {"Status": "running"}, "Id": "c1"}
        self.hangs = False
        self.received = b""

    def run(self) -> None:
        while True:
            try:
                wire, _address = self.listener.accept()
            except OSError:
                return
            with wire:
                self._answer(wire)

    def _answer(self, wire: socket.socket) -> None:
        reader = wire.makefile("rb")
        method, path, _version = reader.readline().decode().split()
        length = 0
        while (line := reader.readline().strip().lower()) != b"":
            length = int(line.partition(b":")[2]) if line.startswith(b"content-length") else length
        body = json.loads(reader.read(length)) if length else None
        self.requests.append((f"{method} {path}", body))
        if path.endswith("/start"):
            wire.sendall(f"HTTP/1.1 {self.status}\r\nConnection: Upgrade\r\n\r\n".encode())
            for piece in self.stream:
                wire.sendall(piece[:3])
                wire.sendall(piece[3:])
            if self.hangs:
                wire.settimeout(10)
                self.received = wire.recv(1)
            elif self.requests[0][1]["AttachStdin"]:
                self.received = reader.read()
            return
        answers: dict[str, Any] = {"POST /containers/c1/exec": {"Id": "e1"}, "GET /exec/e1/json": self.exec}
        answers["GET /containers/db/json"] = self.container
        answer = answers.get(f"{method} {path}")
        content = json.dumps(answer).encode()
        status = "404 Not Found" if answer is None else "200 OK"
        wire.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    one = Daemon()
    one.start()
    yield one
    one.listener.close()


def run(**options: Any) -> tuple[Any, bytes]:
    output = io.BytesIO()
    ended = ContainerEngine().execute("c1", ["dump", "-x"], 5, {"PASSWORD": "s3cret"}, output, **options)
    return ended, output.getvalue()


def test_output_errors_and_status_are_told_apart(daemon: Daemon) -> None:
    daemon.exec["ExitCode"] = 3
    begun: list[str] = []
    ended, output = run(user="postgres", on_begin=begun.append)
    assert (output, ended.code, ended.errors, begun) == (b"first second", 3, "a warning", ["e1"])
    assert daemon.requests[0][1] == {
        "AttachStdin": False,
        "AttachStdout": True,
        "AttachStderr": True,
        "Cmd": ["dump", "-x"],
        "Env": ["PASSWORD=s3cret"],
        "User": "postgres",
    }


def test_what_it_reads_reaches_it_and_ends(daemon: Daemon) -> None:
    run(given=b"password: x\n")
    assert daemon.received == b"password: x\n"


def test_large_output_passes_through(daemon: Daemon) -> None:
    pieces = [os.urandom(300_000) for _number in range(5)]
    daemon.stream = [frame(1, piece) for piece in pieces]
    assert run()[1] == b"".join(pieces)


def test_a_connection_that_breaks_off_is_no_end(daemon: Daemon) -> None:
    daemon.stream = [frame(1, b"half of it")[:-3]]
    with pytest.raises(Problem, match="the connection to Docker broke off"):
        run()


def test_what_docker_refuses_is_told(daemon: Daemon) -> None:
    daemon.status, daemon.stream = "409 Conflict", [b'{"message":"container is paused"}']
    with pytest.raises(Problem, match=r"could not run dump in container c1: .*container is paused"):
        run()


def test_what_hangs_is_killed(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        daemon.hangs = True
        daemon.exec = {"Running": True, "ExitCode": None, "Pid": process.pid, "ContainerID": "c1"}
        monkeypatch.setattr(_engine_exec, "_is_in", lambda pid, container: (pid, container) == (process.pid, "c1"))
        with pytest.raises(TimeOut):
            ContainerEngine().execute("c1", ["dump"], 0.5, {}, io.BytesIO())
        assert process.wait(10) == -9


def test_a_process_of_somebody_else_is_not_killed(daemon: Daemon) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        daemon.exec = {"Running": True, "ExitCode": None, "Pid": process.pid, "ContainerID": "c1" * 32}
        ContainerEngine().kill("e1")
        assert process.poll() is None
        process.kill()


@pytest.mark.parametrize(
    ("container", "message"),
    [(None, "none of this name"), ({"State": {"Status": "paused"}}, "is paused, and nothing can run in it")],
)
def test_a_container_that_does_not_run_is_told(daemon: Daemon, container: Any, message: str) -> None:
    daemon.container = container
    with pytest.raises(Problem, match=message):
        ContainerEngine().running("db")


def test_the_machine_with_its_processes_is_this_one() -> None:
    assert not _engine_exec._is_in(os.getpid(), "0" * 64)
    assert not _engine_exec._is_in(1, "")
    assert not _engine_exec._is_in(2**22 + 1, "")
