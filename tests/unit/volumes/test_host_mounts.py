# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking at this host's mounts: whose table, and what is asked only for volumes in use."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._docker import Consumer
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes import _host_mounts
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._live_mount import Mounts
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import Volume


class Docker:
    """Gives one container, with the volume at ``/in``."""

    @contextmanager
    def request(self, doing: str) -> Iterator[Any]:
        yield self

    def inspect_container(self, name: str) -> dict[str, Any]:
        return {"State": {"Pid": 43}, "Mounts": [{"Type": "bind"}, {"Name": "app", "Destination": "/in"}]}


def look(*volumes: Volume) -> Mounts:
    return _host_mounts.look(volumes, Docker())


USED = (Consumer("1", "db", "running"),)


def volume(consumers: tuple[Consumer, ...] = USED, **options: str) -> Volume:
    return Volume("app", "local", options, {}, "/data", "", consumers)


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_paths, "MOUNTINFO", tmp_path / "mountinfo")
    monkeypatch.setattr(_host_mounts, "_PID_FILE", tmp_path / "docker.pid")
    monkeypatch.setattr(_host_mounts, "_PROC", tmp_path)
    (tmp_path / "mountinfo").write_text("22 1 0:20 / / rw - ext4 /dev/vda rw\n")
    return tmp_path


def test_nothing_is_read_for_what_nobody_uses(host: Path) -> None:
    (host / "mountinfo").unlink()
    assert look(volume((), type="nfs", device=":/a", o="addr=nas"), volume()) == Mounts()


def test_paths_are_those_of_now(host: Path) -> None:
    (host / "disk").mkdir()
    (host / "link").symlink_to("disk")
    devices = [str(host / name) for name in ("link", "gone")]
    seen = look(*(volume(type="none", o="bind", device=device) for device in devices))
    assert seen.real_paths == {devices[0]: str(host / "disk"), devices[1]: ""}
    assert [mount.source for mount in seen.table] == ["/dev/vda"]


def test_names_are_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def resolve(host: str, *_: Any, **__: Any) -> list[Any]:
        asked.append(host)
        if host == "lost":
            raise OSError("no such name")
        return [(2, 1, 6, "", ("192.0.2.10", 0))]

    monkeypatch.setattr(_host_mounts.socket, "getaddrinfo", resolve)
    seen = look(
        volume(type="nfs", device=":/a", o="addr=nas"),
        volume(type="nfs", device=":/a", o="addr=lost"),
        volume(type="nfs", device=":/a", o="addr=192.0.2.1"),
        volume(type="cifs", device="//share/a", o="ro"),
    )
    assert sorted(asked) == ["lost", "nas", "share"]
    assert seen.addresses == {"nas": {"192.0.2.10"}, "share": {"192.0.2.10"}}


def test_a_name_server_that_is_silent_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    end = threading.Event()
    monkeypatch.setattr(_host_mounts, "_PATIENCE", 0.05)
    monkeypatch.setattr(_host_mounts.socket, "getaddrinfo", lambda *_, **__: end.wait(60) and [])
    try:
        assert look(volume(type="nfs", device=":/a", o="addr=nas")).addresses == {}
    finally:
        end.set()


@pytest.mark.parametrize(("command", "source"), [("dockerd", "/dev/vdz"), ("bash", "/dev/vda")])
def test_the_table_is_the_daemons(host: Path, command: str, source: str) -> None:
    (host / "docker.pid").write_text("42")
    (host / "42").mkdir()
    (host / "42" / "comm").write_text(f"{command}\n")
    (host / "42" / "mountinfo").write_text("22 1 0:20 / / rw - ext4 /dev/vdz rw\n")
    seen = look(volume(type="tmpfs", device="tmpfs"))
    assert [mount.source for mount in seen.table] == [source]


def test_what_is_missing_on_the_host_is_looked_for_in_the_container(host: Path) -> None:
    memory = volume(type="tmpfs", device="tmpfs")
    assert look(memory).inside == {}
    (host / "43").mkdir()
    (host / "43" / "mountinfo").write_text("22 1 0:20 / /in rw - tmpfs tmpfs rw\n")
    assert look(memory).inside["app"].file_system == "tmpfs"
    (host / "mountinfo").write_text("22 1 0:20 / /data rw - tmpfs tmpfs rw\n")
    assert look(memory).inside == {}
