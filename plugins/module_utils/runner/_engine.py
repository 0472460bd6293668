# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker Engine, over its socket: only what a backup needs to know and to do."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from . import _paths
from ._problem import Problem

_TIMEOUT = 60
"""Seconds for an answer of the daemon."""
_LEEWAY = 5
"""Seconds for a container to be down once its time to stop is over."""
_VOLATILE = ("tmpfs", "ramfs")
_DEFAULT_STOP = 10
"""Seconds that Docker gives a container to stop when it names no time of its own."""


@dataclass(frozen=True)
class Volume:
    """A volume as the daemon knows it."""

    name: str
    driver: str
    mountpoint: str
    """Empty when the driver gives no path on this host."""
    is_mount: bool
    """True when its data is mounted by its driver, and only while a container uses it."""
    labels: Mapping[str, str] = field(default_factory=dict)
    is_volatile: bool = False
    """It lies in memory, and is gone with its last container."""


@dataclass(frozen=True)
class Mount:
    """What of the host a container sees."""

    volume: str
    """Empty for a bind mount."""
    source: str
    writable: bool


@dataclass(frozen=True)
class Container:
    """A container of this host."""

    id: str
    name: str
    state: str
    """``running``, ``paused``, ``exited``, …"""
    created: int
    swarm_service: str
    """Empty for a container that Swarm does not look after."""
    mounts: tuple[Mount, ...]


class Engine:
    """A client of the daemon on this host. Problem when the daemon is down, refuses, or does not answer in time.

    ``container`` is an id, which no other container gets later; ``name`` is what a person knows it by.
    """

    def volume(self, name: str) -> Volume | None:
        """The volume of exactly this name; None when there is none."""
        found = self._call("GET", f"/volumes/{quote(name, safe='')}", f"look for volume {name}", absent=True)
        if found is None:
            return None
        options = found.get("Options") or {}
        return Volume(
            name=str(found["Name"]),
            driver=str(found["Driver"]),
            mountpoint=_place(found),
            is_mount="device" in options or str(found["Driver"]) != "local",
            labels=dict(found.get("Labels") or {}),
            is_volatile=found["Driver"] == "local" and options.get("type") in _VOLATILE,
        )

    def create_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Make a plain volume. The caller has looked whether there is one: Docker would answer with that."""
        wanted = {"Name": name, "Driver": "local", "Labels": dict(labels)}
        self._call("POST", "/volumes/create", f"create volume {name}", body=wanted)

    def remove_volume(self, name: str) -> None:
        """Remove the volume with its data; one that is gone is removed already."""
        self._call("DELETE", f"/volumes/{quote(name, safe='')}", f"remove volume {name}", absent=True)

    def predicted_mountpoint(self, name: str) -> str:
        """Where the local driver puts the data of a volume of this name."""
        return f"{self._call('GET', '/info', 'ask for its root directory')['DockerRootDir']}/volumes/{name}/_data"

    def containers(self) -> list[Container]:
        """Every container, whatever its state."""
        listed = self._call("GET", "/containers/json?all=1", "list the containers")
        return [_container(entry) for entry in listed]

    def state(self, container: str, name: str) -> str | None:
        """``running``, ``paused``, ``exited``, …; None when the container is gone."""
        found = self._call("GET", f"/containers/{container}/json", f"look at container {name}", absent=True)
        return None if found is None else str(found["State"]["Status"])

    def removes_itself(self, container: str, name: str) -> bool:
        """Whether Docker removes it, with its anonymous volumes, as soon as it is down (``docker run --rm``)."""
        found = self._call("GET", f"/containers/{container}/json", f"look at container {name}", absent=True)
        return found is not None and bool((found.get("HostConfig") or {}).get("AutoRemove", False))

    def stop(self, container: str, name: str) -> None:
        """Stop it as ``docker stop`` does, with the time that the container gives itself."""
        self._call("POST", f"/containers/{container}/stop", f"stop container {name}", self._patience(container, name))

    def await_stop(self, container: str, name: str) -> None:
        """Wait until a stop that was asked for has happened; not for longer than it can take."""
        # A Docker that is down is told by what is asked of it next.
        with suppress(OSError, http.client.HTTPException):
            path = f"/containers/{container}/wait?condition=not-running"
            self._exchange("POST", path, self._patience(container, name) + _LEEWAY)

    def start(self, container: str, name: str) -> None:
        self._call("POST", f"/containers/{container}/start", f"start container {name}")

    def pause(self, container: str, name: str) -> None:
        self._call("POST", f"/containers/{container}/pause", f"pause container {name}")

    def unpause(self, container: str, name: str) -> None:
        self._call("POST", f"/containers/{container}/unpause", f"unpause container {name}")

    def _patience(self, container: str, name: str) -> int:
        """The seconds that the container gives itself to stop."""
        found = self._call("GET", f"/containers/{container}/json", f"look at container {name}")
        return int(found["Config"].get("StopTimeout") or _DEFAULT_STOP)

    def _call(
        self, method: str, path: str, what: str, patience: float = 0, absent: bool = False, body: Any = None
    ) -> Any:
        """The parsed answer; None for an empty one and, where ``absent`` is an answer, for 404.

        ``patience``: how many seconds the daemon may work before it answers. ``body`` is sent as JSON.
        """
        timeout = _TIMEOUT + patience
        try:
            status, answer = self._exchange(method, path, timeout, body)
        except socket.timeout:
            raise Problem(
                f"Docker: could not {what}: no answer within {timeout:g} s. See systemctl status docker."
            ) from None
        except (ConnectionResetError, BrokenPipeError, http.client.IncompleteRead):
            raise Problem(
                f"Docker: could not {what}: the connection to Docker broke off. "
                "See systemctl status docker, and try again once it runs."
            ) from None
        except (OSError, http.client.HTTPException) as error:
            why = error.strerror if isinstance(error, OSError) else repr(error)
            raise Problem(
                f"Docker: could not {what}: {_paths.DOCKER_SOCKET}: {why}. Start the daemon: systemctl start docker."
            ) from None
        if status == http.client.NOT_FOUND and absent:
            return None
        # 304: it is in the wanted state already.
        if status >= http.client.BAD_REQUEST:
            raise Problem(f"Docker: could not {what}: {_reason(answer, status)}.")
        return json.loads(answer) if answer.strip() else None

    def _exchange(self, method: str, path: str, timeout: float, body: Any = None) -> tuple[int, bytes]:
        connection = _Connection("localhost", timeout=timeout)
        try:
            if body is None:
                connection.request(method, path)
            else:
                connection.request(method, path, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


class _Connection(http.client.HTTPConnection):
    """HTTP over the daemon's socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(_paths.DOCKER_SOCKET))


def _place(found: Mapping[str, Any]) -> str:
    """Where the volume is on this host. A plugin that Docker runs, with a tag in its name, tells a path of its own."""
    return "" if ":" in found["Driver"] else str(found.get("Mountpoint") or "")


def _container(entry: dict[str, Any]) -> Container:
    names = entry.get("Names") or [entry["Id"][:12]]
    return Container(
        id=str(entry["Id"]),
        name=str(names[0]).lstrip("/"),
        state=str(entry["State"]),
        created=int(entry["Created"]),
        swarm_service=str((entry.get("Labels") or {}).get("com.docker.swarm.service.name", "")),
        mounts=tuple(
            Mount(
                volume=str(mount.get("Name", "")) if mount["Type"] == "volume" else "",
                source=str(mount.get("Source", "")),
                writable=bool(mount.get("RW", True)),
            )
            for mount in entry.get("Mounts") or ()
        ),
    )


def _reason(body: bytes, status: int) -> str:
    try:
        return str(json.loads(body)["message"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return f"status {status}"
