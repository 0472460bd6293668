# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection to Docker: what is said when there is none, and what the options become."""

from __future__ import annotations

import gc
import socket
import ssl
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.engine import _docker
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def collect_sockets() -> Iterator[None]:
    """The SDK leaves the socket of a connection that failed to the garbage collector: let that happen here."""
    yield
    gc.collect()


def params(**changes: Any) -> dict[str, Any]:
    return {**{name: option.get("default") for name, option in _docker.OPTIONS.items()}, **changes}


def said(**changes: Any) -> str:
    with pytest.raises(Problem) as problem:
        _docker.Docker(params(**changes))
    return str(problem.value)


@pytest.fixture
def sdk() -> Any:
    return pytest.importorskip("docker")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_docker, "_installed", lambda _host: True)


def test_a_host_without_docker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(_docker.shutil, "which", lambda _program, **_: None)
    with pytest.raises(_docker.NotInstalled, match=f"neither unix://{tmp_path}/none.sock nor the program dockerd"):
        _docker.Docker(params(docker_host=f"unix://{tmp_path}/none.sock"))


@pytest.mark.usefixtures("installed")
def test_the_missing_sdk_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "docker", None)
    assert said().startswith("Failed to import the required Python library (docker)")


@pytest.mark.usefixtures("sdk", "installed")
def test_a_daemon_that_is_down(tmp_path: Path) -> None:
    down = "while connecting: the daemon is not running. Start it (systemctl start docker), or set docker_host."
    host = f"unix://{tmp_path}/none.sock"
    assert said(docker_host=host) == f"Docker at {host} cannot be reached, {down}"
    assert said(docker_host="tcp://127.0.0.1:1").endswith(down)


@pytest.mark.usefixtures("sdk")
def test_a_daemon_that_does_not_answer(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(f"{tmp_path}/d.sock")
        silent.listen()
        message = said(docker_host=f"unix://{tmp_path}/d.sock", timeout=1)
    assert message.startswith(f"Docker at unix://{tmp_path}/d.sock cannot be reached, while connecting: ")
    assert "timed out" in message


@pytest.mark.parametrize(
    ("beneath", "said"),
    [
        (PermissionError(13, "Permission denied"), "this user may not use it. Run the task as root (become: true)."),
        (ConnectionRefusedError(111, "refused"), "the daemon is not running. Start it (systemctl start docker), or "),
        (ConnectionResetError(104, "reset by peer"), "the connection broke off: the daemon stopped or started."),
        (ssl.SSLError(1, "certificate required"), "the connection was aborted. Check docker_host, the network and the"),
    ],
)
def test_the_reason_is_that_of_the_system_beneath(beneath: Exception, said: str) -> None:
    aborted = OSError("the connection was aborted.")
    aborted.__context__ = beneath
    assert _docker._reason(aborted).startswith(said)


@pytest.mark.usefixtures("sdk")
def test_missing_certificates_are_named(tmp_path: Path) -> None:
    message = said(docker_host="tcp://127.0.0.1:1", tls=True, client_cert=f"{tmp_path}/c", client_key=f"{tmp_path}/k")
    assert "cannot be reached, while connecting: " in message
    assert "cert" in message


class Tls:
    """A configuration of TLS that remembers what it was made from; the name of the host as before 7.0.0."""

    def __init__(
        self, client_cert: Any = None, ca_cert: Any = None, verify: Any = None, assert_hostname: Any = None
    ) -> None:
        self.made_from = (client_cert, ca_cert, verify, assert_hostname)


@pytest.mark.parametrize(
    ("changes", "url", "tls"),
    [
        ({}, "tcp://nas:2376", None),
        ({"tls": True}, "https://nas:2376", (("/e/cert.pem", "/e/key.pem"), None, False, None)),
        (
            {"validate_certs": True, "tls": True, "tls_hostname": "nas.lan"},
            "https://nas:2376",
            (("/e/cert.pem", "/e/key.pem"), "/e/ca.pem", True, "nas.lan"),
        ),
        (
            {"validate_certs": True, "ca_path": "/o/ca", "client_cert": "/o/c", "client_key": "/o/k"},
            "https://nas:2376",
            (("/o/c", "/o/k"), "/o/ca", True, None),
        ),
    ],
)
def test_tls(
    changes: Mapping[str, Any], url: str, tls: tuple[Any, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_CERT_PATH", "/e")
    fake = SimpleNamespace(tls=SimpleNamespace(TLSConfig=Tls), __version__="5.0.3")
    made = _docker._connection(fake, params(docker_host="tcp://nas:2376", **changes))
    assert made["base_url"] == url
    assert (made["tls"].made_from if tls else made.get("tls")) == tls


def test_a_name_to_verify_needs_an_old_sdk(sdk: Any) -> None:
    if int(sdk.__version__.partition(".")[0]) < 7:
        pytest.skip("this SDK still takes tls_hostname")
    assert said(docker_host="tcp://127.0.0.1:1", tls=True, tls_hostname="nas").startswith(
        "tls_hostname: 'nas' cannot be"
    )


class Client:
    """An answer of Docker to each question."""

    def containers(self, filters: Mapping[str, Any], **options: Any) -> list[dict[str, Any]]:
        assert options == {"all": True}
        assert filters == {"volume": ["data", "logs", "idle"]}
        data = {"Type": "volume", "Name": "data", "Destination": "/data"}
        return [
            {"Id": "2" * 64, "Names": ["/web/link", "/web"], "State": "running", "Mounts": [data, {"Type": "bind"}]},
            {"Id": "1" * 64, "Names": None, "State": "removing", "Mounts": [data, {**data, "Destination": "/twice"}]},
            {"Id": "3" * 64, "Names": ["/log"], "State": "exited", "Mounts": [{**data, "Name": "logs"}]},
            {"Id": "4" * 64, "Names": ["/path"], "State": "exited", "Mounts": [{"Type": "bind", "Name": "idle"}]},
            {"Id": "5" * 64, "Names": ["/other"], "State": "exited", "Mounts": [{**data, "Name": "another"}]},
        ]


def test_consumers_are_told_apart_by_volume(sdk: Any) -> None:
    docker = object.__new__(_docker.Docker)
    docker._host, docker._client, docker._sdk = "unix:///s", Client(), sdk
    users = docker.consumers(["data", "logs", "idle"])
    assert {name: [(user.name, user.state) for user in of] for name, of in users.items()} == {
        "data": [("1" * 12, "removing"), ("web", "running")],
        "logs": [("log", "exited")],
        "idle": [],
    }
