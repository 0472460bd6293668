# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a seed writes down, and the directories in which it makes a tree ready."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._journal import (
    FILLING,
    PLACING,
    Journal,
    Rest,
    load,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._room import (
    STAGING,
    data_of,
    holdings,
    new_room,
    remove_staging,
    room_at,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import Volume, fixed_root

JOURNAL = Journal("app", "1-2", "volume other", False, "/x/.holdfast-seed", (Rest("0f", "db", "stop", stays=True),))


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_paths, "STATE", tmp_path / "state")
    return tmp_path / "state"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    data = tmp_path / "volumes" / "app" / "_data"
    data.mkdir(parents=True, mode=0o750)
    return data


def volume(root: Path, **options: str) -> Volume:
    return Volume("app", "local", options, {}, str(root), "")


def test_the_journal_is_read_as_it_was_written(state: Path) -> None:
    assert load("app") is None
    JOURNAL.save()
    assert load("app") == JOURNAL
    placing = JOURNAL.step(FILLING).step(PLACING, 7, "sha256:0a")
    assert (placing.phase, placing.inode, placing.digest) == (PLACING, 7, "sha256:0a")
    assert load("app") == placing
    assert stat.S_IMODE((state / "seeds" / "app.json").stat().st_mode) == 0o600
    placing.forget()
    assert load("app") is None


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"schema": 2}', '{"schema": 1, "rests": []}'])
def test_a_journal_that_is_not_sound_is_not_passed_over(state: Path, content: str) -> None:
    JOURNAL.save()
    (state / "seeds" / "app.json").write_text(content)
    with pytest.raises(Problem, match="then remove the journal"):
        load("app")


def test_a_plain_volume_gets_its_tree_in_one_step(root: Path) -> None:
    room = new_room(volume(root), root)
    assert room.swaps
    assert room.staging == root.parent / STAGING
    room.make()
    assert stat.S_IMODE(room.tree.stat().st_mode) == stat.S_IMODE(root.stat().st_mode)
    (room.tree / "file").write_text("new")
    made = room.tree.stat().st_ino
    room.place()
    assert root.stat().st_ino == made
    room.clear()
    room.clear()
    assert [path.name for path in root.parent.iterdir()] == ["_data"]


def test_what_was_written_meanwhile_is_not_replaced(root: Path) -> None:
    room = new_room(volume(root), root)
    room.make()
    (root / "own").write_text("own")
    with pytest.raises(OSError, match="not empty"):
        room.place()
    assert (root / "own").read_text() == "own"


@pytest.mark.parametrize("options", [{"size": "1G"}, {"type": "nfs", "device": ":/srv", "o": "addr=a"}])
def test_under_a_quota_and_on_a_mount_entries_move(root: Path, options: dict[str, str]) -> None:
    room = new_room(volume(root, **options), root)
    assert not room.swaps
    assert room == room_at("app", root, "")
    _paths.seed_file("app").parent.mkdir(parents=True)
    room.make()
    assert holdings(root) == ""
    room.tree.chmod(0o2700)
    for name in ("a", "b", "lost+found"):
        (room.tree / name).mkdir()
    (root / "a").mkdir()  # as a run that was killed in between leaves it
    os.rmdir(room.tree / "a")
    room.place()
    room.clear()
    assert sorted(os.listdir(root)) == ["a", "b"]
    assert stat.S_IMODE(root.stat().st_mode) == 0o2700


def test_the_room_is_found_again_by_the_journal(root: Path) -> None:
    room = new_room(volume(root), root)
    assert room_at("app", root, str(room.staging)) == room


def test_what_holds_data(root: Path) -> None:
    (root / "lost+found").mkdir()
    (root / STAGING).mkdir()
    (root / STAGING / "half").write_text("x")
    assert holdings(root) == ""
    (root / "lost+found" / "#1").write_text("found")
    assert "file" in holdings(root)


def test_only_a_staging_directory_is_removed(tmp_path: Path) -> None:
    for name in (f"{STAGING}-app", "data"):
        (tmp_path / name / "sub").mkdir(parents=True)
    remove_staging(tmp_path / f"{STAGING}-app")
    remove_staging(tmp_path / f"{STAGING}-app")
    with pytest.raises(Problem, match="is no staging directory"):
        remove_staging(tmp_path / "data")
    assert os.listdir(tmp_path) == ["data"]


def test_where_data_lies(root: Path) -> None:
    bind = {"type": "none", "o": "bind", "device": "/srv/app"}
    assert fixed_root(volume(root)) == str(root)
    assert fixed_root(volume(root, **bind)) == "/srv/app"
    assert fixed_root(volume(root, type="nfs", device=":/a", o="addr=b")) == ""
    nobody: Any = None
    with data_of(nobody, volume(root), "test") as place:
        assert place == root.resolve()
    with pytest.raises(Problem, match="is not there"), data_of(nobody, volume(root / "none"), "test"):
        pass


def test_a_directory_of_the_host_has_its_room_beside_it(root: Path, tmp_path: Path) -> None:
    device = tmp_path / "srv"
    device.mkdir()
    room = new_room(volume(root, type="none", o="bind", device=str(device)), device)
    assert room.swaps
    assert room.staging == tmp_path / f"{STAGING}-app"
