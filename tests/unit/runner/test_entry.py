# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The walk of a tree: its order, what it passes over, and what it tells."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._entry import TOP, entries, order


@pytest.fixture
def root(tmp_path: Path) -> Path:
    found = tmp_path / "root"
    found.mkdir()
    return found


def paths(root: Path) -> list[str]:
    return [entry.path for entry, _found in entries(str(root))]


def test_parents_come_first_and_names_in_order(root: Path) -> None:
    for name in ("b/x", "a-b/x", "a/z", "a/b/c", "a0"):
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    found = paths(root)
    assert found == [TOP, "a", "a/b", "a/b/c", "a/z", "a-b", "a-b/x", "a0", "b", "b/x"]
    assert found == sorted(found, key=order)


def test_what_is_no_data_is_passed_over(root: Path) -> None:
    (root / "lost+found").mkdir()
    (root / "a" / "lost+found").mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(root / "socket"))
        assert paths(root) == [TOP, "a", "a/lost+found"]


def test_what_an_entry_tells(root: Path) -> None:
    file = root / "file"
    file.write_text("content")
    file.chmod(0o4751)
    os.link(file, root / "second")
    (root / "link").symlink_to("elsewhere")
    found = {entry.path: entry for entry, _found in entries(str(root))}
    assert (found["file"].mode, found["file"].size, found["file"].same_as) == (0o4751, 7, "")
    assert found["second"].same_as == "file"
    assert (found["link"].kind, found["link"].target, found["link"].mode) == ("symbolic link", "elsewhere", 0)


def test_a_file_alone_is_a_tree(root: Path) -> None:
    (root / "file").write_text("content")
    ((entry, _found),) = entries(str(root / "file"))
    assert (entry.path, entry.kind, entry.size) == (TOP, "file", 7)


def test_nothing_below_what_is_left_out_is_looked_at(root: Path) -> None:
    (root / "a" / "b").mkdir(parents=True)
    asked: list[str] = []

    def is_left_out(path: str) -> bool:
        asked.append(path)
        return path.endswith("/a")

    assert [entry.path for entry, _found in entries(str(root), is_left_out)] == [TOP]
    assert asked == [str(root), str(root / "a")]
    assert list(entries(str(root / "a"), is_left_out)) == []


def test_trouble_is_told_and_ends_the_walk_only_where_nobody_listens(root: Path) -> None:
    troubles: list[OSError] = []
    assert list(entries(str(root / "none"), on_trouble=troubles.append)) == []
    assert len(troubles) == 1
    with pytest.raises(FileNotFoundError):
        list(entries(str(root / "none")))
