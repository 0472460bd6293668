# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kernel's table of mounts, in lines as it writes them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _mountinfo, _paths

ROWS = """\
22 1 0:20 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /srv/my\\040app rw,nosuid shared:2 master:3 - nfs4 :/srv/app ro,vers=4.2,addr=192.0.2.10
24 22 0:22 /srv/under\\134lined /mnt ro - xfs /dev/vdb rw,attr2
25 22 0:23 / /mnt rw - tmpfs  rw,size=1024k
26 23 0:24 / /srv/my\\040app/in rw - ext4 /dev/vdc
"""


@pytest.fixture
def table() -> tuple[_mountinfo.Mount, ...]:
    _paths.MOUNTINFO.write_text(ROWS)
    return _mountinfo.mounts()


def test_a_line_is_understood(table: tuple[_mountinfo.Mount, ...]) -> None:
    assert table[1] == _mountinfo.Mount(
        path="/srv/my app",
        file_system="nfs4",
        source=":/srv/app",
        root="/",
        number="0:21",
        options=frozenset(("rw", "nosuid", "ro", "vers=4.2", "addr=192.0.2.10")),
    )
    assert table[2].root == "/srv/under\\lined"
    assert (table[3].source, table[3].file_system) == ("", "tmpfs")


def test_optional_fields_and_options_may_be_missing(table: tuple[_mountinfo.Mount, ...]) -> None:
    assert (table[4].path, table[4].file_system, table[4].source) == ("/srv/my app/in", "ext4", "/dev/vdc")
    assert table[4].options == {"rw"}


def test_of_several_mounts_upon_each_other_the_uppermost_is_seen(table: tuple[_mountinfo.Mount, ...]) -> None:
    seen = _mountinfo.at("/mnt", table)
    assert seen is not None
    assert seen.file_system == "tmpfs"
    assert _mountinfo.at("/srv", table) is None


@pytest.mark.parametrize(
    ("path", "mount"),
    [
        ("/", "/"),
        ("/srv", "/"),
        ("/srv/my app", "/srv/my app"),
        ("/srv/my app/in/deep", "/srv/my app/in"),
        ("/srv/my application", "/"),
    ],
)
def test_the_mount_around_a_path(table: tuple[_mountinfo.Mount, ...], path: str, mount: str) -> None:
    found = _mountinfo.around(path, table)
    assert found is not None
    assert found.path == mount


def test_another_process_has_a_table_of_its_own(tmp_path: Path) -> None:
    other = tmp_path / "mountinfo"
    other.write_text("22 1 0:20 / / rw - btrfs /dev/vda rw\n")
    assert [mount.file_system for mount in _mountinfo.mounts(other)] == ["btrfs"]
    assert _mountinfo.around("/srv", ()) is None
