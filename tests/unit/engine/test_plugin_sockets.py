# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finding plugins and asking them for their handshake, with real sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.engine import _plugin_sockets

MANAGED = "a" * 64


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path]]:
    """For sockets, whose paths must be short, and for specifications."""
    monkeypatch.setattr(_plugin_sockets, "SPECIFICATIONS", (tmp_path, tmp_path / "missing"))
    monkeypatch.setattr(_plugin_sockets, "_PATIENCE", 0.2)
    with TemporaryDirectory(dir="/tmp") as sockets:
        monkeypatch.setattr(_plugin_sockets, "SOCKETS", Path(sockets))
        yield Path(sockets), tmp_path


@pytest.fixture
def open_sockets() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def listen(path: Path, stack: ExitStack) -> socket.socket:
    path.parent.mkdir(exist_ok=True)
    listening = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    listening.bind(str(path))
    listening.listen()
    return listening


def answer(listening: socket.socket, content: bytes) -> None:
    connection, _peer = listening.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(content)


@pytest.mark.usefixtures("folders")
def test_no_plugins() -> None:
    assert _plugin_sockets.silent() == {}


def test_plugins_are_found_where_docker_looks(folders: tuple[Path, Path], open_sockets: ExitStack) -> None:
    sockets, specifications = folders
    for path in (sockets / "a.sock", sockets / "b" / "b.sock", sockets / MANAGED / "c.sock"):
        listen(path, open_sockets)
    (sockets / "no.sock").write_text("")
    (specifications / "d.spec").write_text("tcp://127.0.0.1:7000\n")
    (specifications / "e.spec").write_text("unix:///run/e.sock")
    (specifications / "f.spec").write_text("nonsense")
    assert _plugin_sockets.addresses() == {
        "a": str(sockets / "a.sock"),
        "b": str(sockets / "b" / "b.sock"),
        f"c ({MANAGED[:12]})": str(sockets / MANAGED / "c.sock"),
        "d": ("127.0.0.1", 7000),
        "e": "/run/e.sock",
    }


def test_only_the_silent_ones_are_named(folders: tuple[Path, Path], open_sockets: ExitStack) -> None:
    sockets, _specifications = folders
    good, mute = (listen(sockets / name, open_sockets) for name in ("good.sock", "mute.sock"))
    listen(sockets / "dead.sock", open_sockets)
    listen(sockets / "gone.sock", open_sockets).close()
    threads = [
        threading.Thread(target=answer, args=arguments) for arguments in ((good, b"HTTP/1.1 200 OK"), (mute, b""))
    ]
    for thread in threads:
        thread.start()
    found = _plugin_sockets.silent()
    for thread in threads:
        thread.join()
    assert found == {
        "mute": "closes the connection without an answer",
        "dead": "no answer to the handshake within 0.2 s",
        "gone": "connection refused",
    }
