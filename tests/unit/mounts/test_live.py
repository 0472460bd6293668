# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted against what is declared."""

from __future__ import annotations

from typing import Mapping

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import _kinds, _live, _options, _presets
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._mountinfo import Mount

SHOWN = (
    "rw,nosuid,nodev,relatime,vers=4.2,rsize=262144,wsize=262144,namlen=255,hard,proto=tcp,timeo=600,retrans=2,sec=sys,"
    "clientaddr=10.0.0.12,local_lock=none,addr=10.0.0.11"
)


def mount(source: str = "storage:/srv/a", shown: str = SHOWN, fstype: str = "nfs4") -> Mount:
    return Mount("/mnt/a", fstype, source, options=frozenset(shown.split(",")))


def same(fstype: str, src: str, seen: Mount, addresses: Mapping[str, frozenset[str]] | None = None) -> bool:
    kind = _kinds.kind_of(fstype)
    return _live.is_same_source(kind, _kinds.source_of(kind, src), seen, addresses or {})


@pytest.mark.parametrize(
    ("fstype", "src", "seen"),
    [
        ("nfs", "storage:/srv/a", mount()),
        ("nfs", "storage:/srv/a/", mount()),
        ("nfs4", "Storage:/srv/a", mount()),
        ("nfs", "10.0.0.11:/srv/a", mount()),
        ("efs", "fs-1:/", mount("127.0.0.1:/")),
        ("aznfs", "a.file.core.windows.net:/a/share", mount("10.161.100.100:/a/share")),
        ("cifs", "//Server/Share", mount("//server/share", fstype="cifs")),
        ("glusterfs", "one:/vol", mount("one:vol", fstype="fuse.glusterfs")),
        ("fuse.sshfs", "sshfs#u@h:/x", mount("u@h:/x", fstype="fuse.sshfs")),
        ("fuse.rclone", "remote:b/", mount("remote:b", fstype="fuse.rclone")),
    ],
)
def test_the_same_source(fstype: str, src: str, seen: Mount) -> None:
    assert same(fstype, src, seen)


@pytest.mark.parametrize(
    ("fstype", "src", "seen"),
    [
        ("nfs", "storage:/srv/b", mount()),
        ("nfs", "other:/srv/a", mount()),
        ("nfs", "10.0.0.99:/srv/a", mount()),
        ("nfs", "storage:/srv/a", mount(fstype="ext4")),
        ("fuse.sshfs", "u@h:/x", mount("u@h:/y", fstype="fuse.sshfs")),
        ("cifs", "//server/other", mount("//server/share", fstype="cifs")),
    ],
)
def test_another_source(fstype: str, src: str, seen: Mount) -> None:
    assert not same(fstype, src, seen)


def test_a_name_stands_for_its_address() -> None:
    seen = mount("10.0.0.11:/srv/a")
    assert same("nfs", "storage:/srv/a", seen, {"storage": frozenset({"10.0.0.11"})})
    assert not same("nfs", "storage:/srv/a", seen, {"storage": frozenset({"10.0.0.12"})})
    assert not same("nfs", "storage:/srv/a", seen)


def told(own: str, shown: str = SHOWN) -> list[str]:
    options = _presets.resolve("default", "nfs", _options.split(own))
    return [str(one) for one in _live.differences(_kinds.KINDS["nfs"], options, mount(shown=shown))]


def test_the_default_is_in_force() -> None:
    assert told("") == []


@pytest.mark.parametrize(
    "own", ["nconnect=8", "rsize=1024", "timeo=9000", "nfsvers=4", "noauto", "sec=sys", "x-systemd.requires=a.service"]
)
def test_what_the_kernel_shows_otherwise_is_no_difference(own: str) -> None:
    assert told(own, SHOWN) == []


@pytest.mark.parametrize(
    ("own", "difference"),
    [
        ("nfsvers=4.1", ["vers=4.2 → vers=4.1"]),
        ("ro", ["rw → ro"]),
        ("soft", ["hard → soft"]),
        ("noexec", ["exec → noexec"]),
        ("suid", ["nosuid → suid"]),
        ("timeo=100", ["timeo=600 → timeo=100"]),
        ("sec=krb5p", ["sec=sys → sec=krb5p"]),
    ],
)
def test_what_is_declared_and_not_in_force(own: str, difference: list[str]) -> None:
    assert told(own) == difference


def test_what_is_in_force_and_not_declared() -> None:
    assert told("", f"{SHOWN},noatime") == ["noatime → atime"]
    assert told("", SHOWN.replace("rw,", "ro,")) == ["ro → rw"]
    assert told("", f"ro,{SHOWN}") == ["ro → rw"]
    assert told("nosuid,users", f"{SHOWN},noexec") == []


def test_what_can_change_while_in_use() -> None:
    options = _presets.resolve("default", "nfs", _options.split("noexec,ro"))
    found = _live.differences(_kinds.KINDS["nfs"], options, mount())
    assert {str(one): one.in_place for one in found} == {"exec → noexec": True, "rw → ro": False}
    assert _live.in_place(options) == ("ro", "noexec", "nosuid", "nodev", "diratime", "relatime")
