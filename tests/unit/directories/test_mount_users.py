# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has a directory mounted, out of tables of mounts."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.directories import _mount_users
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._mount_users import users_of
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._mountinfo import Mount

HOST = (Mount("/", "ext4", "/dev/vda", "/", "8:1"), Mount("/data", "ext4", "/dev/vdb", "/store", "8:2"))


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_mount_users, "_PROC", tmp_path)
    (tmp_path / "meminfo").touch()
    return tmp_path


def add(proc: Path, number: int, namespace: str, device: str, root: str) -> None:
    process = proc / str(number)
    (process / "ns").mkdir(parents=True)
    (process / "ns" / "mnt").symlink_to(f"mnt:[{namespace}]")
    (process / "comm").write_text("postgres\n", encoding="utf-8")
    (process / "mountinfo").write_text(f"36 35 {device} {root} /in/it rw - ext4 /dev/vda rw\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "device", "root", "is_user"),
    [
        ("/srv/app", "8:1", "/srv/app", True),
        ("/srv/app", "8:1", "/srv/app/data", True),
        ("/srv/app", "8:1", "/srv/application", False),
        ("/srv/app", "8:1", "/srv", False),
        ("/srv/app", "8:9", "/srv/app", False),
        ("/data/app", "8:2", "/store/app", True),
        ("/data/app", "8:2", "/app", False),
        ("/data", "8:2", "/store", True),
    ],
)
def test_what_is_mounted_of_it(proc: Path, path: str, device: str, root: str, is_user: bool) -> None:
    add(proc, 4711, "1", device, root)
    assert users_of(path, HOST) == (("process 4711 (postgres)",) if is_user else ())


def test_one_of_each_table_is_named_and_what_ended_is_not(proc: Path) -> None:
    add(proc, 12, "1", "8:1", "/srv/app")
    add(proc, 9, "1", "8:1", "/srv/app")
    add(proc, 30, "2", "8:1", "/srv/app")
    (proc / "31").mkdir()
    assert users_of("/srv/app", HOST) == ("process 9 (postgres)", "process 30 (postgres)")


def test_nothing_is_known_without_a_table(proc: Path) -> None:
    add(proc, 12, "1", "8:1", "/srv/app")
    assert users_of("/srv/app", ()) == ()
