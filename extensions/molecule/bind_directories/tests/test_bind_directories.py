# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host itself says about the directories that the scenario declares."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.mark.parametrize(
    ("path", "uid", "gid", "mode"),
    [
        ("/srv/app", 0, 0, 0o755),
        ("/srv/app/exports", 5432, 5432, 0o750),
        ("/srv/shared", 2000, 2000, 0o2770),
        ("/srv/closed", 0, 0, 0o750),
        ("/mnt/data/media", 2000, 0, 0o750),
    ],
)
def test_declared_directories(host: Any, path: str, uid: int, gid: int, mode: int) -> None:
    directory = host.file(path)
    assert directory.is_directory
    assert (directory.uid, directory.gid, directory.mode) == (uid, gid, mode)


def test_getfacl_reads_the_list_as_it_was_declared(host: Any) -> None:
    said = host.check_output("getfacl --absolute-names --omit-header --numeric /srv/shared")
    assert set(said.split()) == {
        "user::rwx",
        "user:33:rwx",
        "group::r-x",
        "mask::rwx",
        "other::---",
        "default:user::rwx",
        "default:user:33:rwx",
        "default:group::r-x",
        "default:mask::rwx",
        "default:other::---",
    }


def test_nothing_else_was_left_behind(host: Any) -> None:
    assert sorted(host.file("/srv").listdir()) == ["app", "closed", "shared"]
    assert host.file("/mnt/data").listdir() == ["media"]
