# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._folders import move, refuse_newcomers
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._journal import Journal
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import Definition

PLAIN = Definition("local", {}, {})


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """A volume's folder with data and more, and one of a volume that is empty."""
    source, target = tmp_path / "source", tmp_path / "target"
    for folder in (source, target):
        (folder / "_data").mkdir(parents=True)
        (folder / "opts.json").write_text(folder.name)
    (source / "_data" / "file").write_text("data")
    (source / "_data.before").mkdir()
    return source, target


def test_data_moves_with_what_lies_beside_it_and_an_empty_directory_stays(folders: tuple[Path, Path]) -> None:
    source, target = folders
    inode = (source / "_data").stat().st_ino
    for _each in range(2):
        move(inode, source, target)
        assert (target / "_data" / "file").read_text() == "data"
        assert (target / "_data").stat().st_ino == inode
        assert sorted(path.name for path in target.iterdir()) == ["_data", "_data.before", "opts.json"]
        assert sorted(path.name for path in source.iterdir()) == ["_data", "opts.json"]
        assert list((source / "_data").iterdir()) == []


def test_a_move_that_was_killed_goes_on(folders: tuple[Path, Path]) -> None:
    source, target = folders
    inode = (source / "_data").stat().st_ino
    (source / "_data").rename(target / "_data")
    move(inode, source, target)
    assert (target / "_data" / "file").exists()
    assert (target / "_data.before").exists()
    assert list((source / "_data").iterdir()) == []


def test_what_somebody_else_wrote_in_the_meantime_is_not_moved_over(folders: tuple[Path, Path], tmp_path: Path) -> None:
    journal = Journal("wiki", "move", PLAIN, PLAIN, [])
    refuse_newcomers(journal, folders[1] / "_data")
    refuse_newcomers(journal, tmp_path / "none")
    with pytest.raises(Problem, match=r"volume wiki: somebody wrote into .*/source/_data during its migration"):
        refuse_newcomers(journal, folders[0] / "_data")
