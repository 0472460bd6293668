# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as data in a tree, and how much of it there is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._tree import (
    EMPTY,
    MISSING,
    OCCUPIED,
    Content,
    look,
    measure,
)


def fill(directory: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("names", "mount_point", "expected"),
    [
        (None, False, MISSING),
        ([], False, EMPTY),
        (["lost+found/"], True, EMPTY),
        (["lost+found/", ".holdfast-restore-nightly-1a2b3c4d-0/"], True, EMPTY),
        (["lost+found/"], False, OCCUPIED),
        (["empty/"], False, OCCUPIED),
        (["file"], True, OCCUPIED),
    ],
)
def test_look(tmp_path: Path, names: list[str] | None, mount_point: bool, expected: str) -> None:
    target = tmp_path / "target"
    for name in names or []:
        (target / name).mkdir(parents=True) if name.endswith("/") else fill(target, {name: "x"})
    if names == []:
        target.mkdir()
    assert look(str(target), mount_point) == expected


def test_look_at_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"")
    assert look(str(path), False) == EMPTY
    path.write_bytes(b"x")
    assert look(str(path), False) == OCCUPIED


def test_measure_counts_links_once_each_and_leaves_out_what_it_is_told(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    fill(tree, {"a": "12345", "lost+found/b": "1", "kept/c": "1"})
    os.link(tree / "a", tree / "hard")
    (tree / "soft").symlink_to("a")
    assert measure(str(tree), (str(tree / "kept"),)) == Content(2, 10)
    assert measure(str(tree / "a")) == Content(1, 5)
