# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of Docker, against a daemon that answers on a real socket."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _engine, _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._engine import Engine, Mount
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

CONTAINER = {
    "Id": "c1",
    "Names": ["/db"],
    "State": "running",
    "Created": 7,
    "Labels": {"com.docker.swarm.service.name": "web"},
    "Mounts": [
        {"Type": "volume", "Name": "pgdata", "Source": "/docker/pgdata/_data", "RW": True},
        {"Type": "bind", "Source": "/srv", "RW": False},
        {"Type": "tmpfs", "Source": "", "RW": True},
    ],
}
ANSWERS: dict[str, tuple[int, Any]] = {
    "GET /volumes/pgdata": (
        200,
        {"Name": "pgdata", "Driver": "local", "Mountpoint": "/docker/pgdata/_data", "Options": None},
    ),
    "GET /volumes/nfs": (
        200,
        {"Name": "nfs", "Driver": "local", "Mountpoint": "/m", "Options": {"device": ":/x", "type": "nfs"}},
    ),
    "GET /volumes/quota": (200, {"Name": "quota", "Driver": "local", "Mountpoint": "/q", "Options": {"size": "1G"}}),
    "GET /volumes/labelled": (200, {"Name": "labelled", "Driver": "local", "Mountpoint": "/l", "Labels": {"a": "b"}}),
    "POST /volumes/create": (201, {"Name": "new"}),
    "DELETE /volumes/busy": (409, {"message": "volume is in use."}),
    "GET /info": (200, {"DockerRootDir": "/docker"}),
    "GET /containers/json?all=1": (200, [CONTAINER]),
    "GET /volumes/plugin": (200, {"Name": "plugin", "Driver": "rclone", "Mountpoint": "/r", "Options": {}}),
    "GET /containers/c3/json": (200, {"State": {"Status": "running"}, "HostConfig": {"AutoRemove": True}}),
    "GET /containers/c1/json": (200, {"State": {"Status": "running"}, "Config": {"StopTimeout": 90}}),
    "POST /containers/c1/stop": (204, None),
    "POST /containers/c1/start": (304, None),
    "POST /containers/c1/pause": (409, {"message": "Container c1 is already paused."}),
}


class Daemon(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    calls: list[str]
    bodies: list[bytes]
    hangs = False
    breaks_off_at = ""

    def handle_error(self, request: object, client_address: object) -> None:
        """The client went away, as one test wants it to."""


class Handler(BaseHTTPRequestHandler):
    server: Daemon

    def answer(self) -> None:
        call = f"{self.command} {self.path}"
        self.server.calls.append(call)
        if call == self.server.breaks_off_at:
            self.close_connection = True
            return
        if self.server.hangs:
            threading.Event().wait(5)
        self.server.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        status, content = ANSWERS.get(call, (404, {"message": "no such thing"}))
        body = b"" if content is None else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815  the names that http.server looks for

    def log_message(self, *_arguments: object) -> None:
        """The test says what it saw."""

    def address_string(self) -> str:
        return "socket"


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with Daemon(str(_paths.DOCKER_SOCKET), Handler) as server:
        server.calls, server.bodies = [], []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("daemon")
def test_volumes() -> None:
    volume = Engine().volume("pgdata")
    assert volume
    assert (volume.driver, volume.mountpoint, volume.is_mount) == ("local", "/docker/pgdata/_data", False)
    nfs, quota = Engine().volume("nfs"), Engine().volume("quota")
    assert nfs
    assert nfs.is_mount
    assert quota
    assert not quota.is_mount
    plugin = Engine().volume("plugin")
    assert plugin
    assert plugin.is_mount
    assert Engine().volume("none") is None


def test_volumes_are_made_and_removed(daemon: Daemon) -> None:
    Engine().create_volume("new", {"a": "b"})
    assert json.loads(daemon.bodies[-1]) == {"Name": "new", "Driver": "local", "Labels": {"a": "b"}}
    Engine().remove_volume("gone")
    assert daemon.calls == ["POST /volumes/create", "DELETE /volumes/gone"]
    assert daemon.bodies[-1] == b""
    with pytest.raises(Problem, match="could not remove volume busy: volume is in use"):
        Engine().remove_volume("busy")


@pytest.mark.usefixtures("daemon")
def test_the_labels_of_a_volume_and_where_one_will_lie() -> None:
    labelled, plain = Engine().volume("labelled"), Engine().volume("pgdata")
    assert labelled
    assert plain
    assert (labelled.labels, plain.labels) == ({"a": "b"}, {})
    assert Engine().predicted_mountpoint("new") == "/docker/volumes/new/_data"


@pytest.mark.usefixtures("daemon")
def test_containers() -> None:
    (found,) = Engine().containers()
    assert (found.id, found.name, found.state, found.swarm_service) == ("c1", "db", "running", "web")
    assert found.mounts[0] == Mount("pgdata", "/docker/pgdata/_data", True)
    assert found.mounts[1] == Mount("", "/srv", False)
    assert Engine().state("c1", "db") == "running"
    assert Engine().state("c2", "db") is None
    assert [Engine().removes_itself(each, "db") for each in ("c1", "c2", "c3")] == [False, False, True]


def test_a_container_gets_the_time_to_stop_that_it_asks_for(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    real = _engine._Connection
    monkeypatch.setattr(
        _engine, "_Connection", lambda host, timeout: (waits.append(timeout), real(host, timeout=timeout))[1]
    )
    Engine().stop("c1", "db")
    assert daemon.calls[-1] == "POST /containers/c1/stop"
    assert waits[-1] == 90 + 60


def test_a_stop_under_way_is_waited_for_but_not_for_ever(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "_patience", lambda _self, _container, _name: 0)
    monkeypatch.setattr(_engine, "_LEEWAY", 0.1)
    Engine().await_stop("c1", "db")
    daemon.hangs = True
    Engine().await_stop("c1", "db")
    assert daemon.calls == ["POST /containers/c1/wait?condition=not-running"] * 2


@pytest.mark.usefixtures("daemon")
def test_what_is_so_already_is_done_and_what_is_refused_is_told() -> None:
    Engine().start("c1", "db")
    with pytest.raises(Problem, match=r"could not pause container db: Container c1 is already paused"):
        Engine().pause("c1", "db")


def test_a_daemon_that_is_down() -> None:
    with pytest.raises(Problem, match=r"could not list the containers: .*docker_socket: .* Start the daemon"):
        Engine().containers()


def test_a_daemon_that_goes_down_in_the_middle(daemon: Daemon) -> None:
    daemon.breaks_off_at = "POST /containers/c1/stop"
    with pytest.raises(
        Problem, match=r"could not stop container db: the connection to Docker broke off\. See systemctl"
    ):
        Engine().stop("c1", "db")
    daemon.breaks_off_at = "POST /containers/c1/wait?condition=not-running"
    Engine().await_stop("c1", "db")


def test_a_daemon_that_does_not_answer(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.hangs = True
    monkeypatch.setattr(_engine, "_TIMEOUT", 0.1)
    with pytest.raises(Problem, match=r"no answer within 0.1 s"):
        Engine().containers()
