# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.trees._copying import (
    Size,
    check_space,
    copy_tree,
    measure,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.trees._manifest import compare


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "source"
    (root / "sub").mkdir(parents=True)
    (root / "sub" / "data").write_bytes(b"x" * 5000)
    os.link(root / "sub" / "data", root / "again")
    with (root / "sparse").open("wb") as stream:
        stream.truncate(1 << 26)
    (root / "link").symlink_to("/etc")
    (root / "sub").chmod(0o2750)
    os.utime(root / "sub", (7, 7))
    root.chmod(0o711)
    return root


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "target").mkdir()
    return tmp_path / "target"


def test_a_copy_is_a_true_one_and_sparse_files_stay_sparse(source: Path, target: Path) -> None:
    assert copy_tree(source, target) == []
    assert compare(source, target) == []
    assert (target / "sparse").stat().st_blocks < 100


def test_a_socket_is_left_out_with_a_warning_and_its_directory_keeps_its_time(source: Path, target: Path) -> None:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(source / "sub" / "s"))
    server.close()
    os.utime(source / "sub", (7, 7))
    assert copy_tree(source, target) == ["sub/s is a socket and was not copied."]
    assert compare(source, target) == []


def test_what_cannot_be_copied_is_told(source: Path, target: Path) -> None:
    (target / "sub").write_text("in the way", encoding="utf-8")
    with pytest.raises(Problem, match=r"could not copy .*source to .*target: cp: cannot overwrite non-directory"):
        copy_tree(source, target)


def test_hard_links_count_once_and_holes_take_no_room(source: Path) -> None:
    size = measure(source)
    assert (size.files, size.bytes, size.inodes) == (4, (1 << 26) + 5000, 5)
    assert size.occupied < 100_000
    assert str(replace(size, bytes=3_100_000_000)) == "4 files (3.1 GB)"


def test_what_does_not_fit_is_refused_with_both_figures(tmp_path: Path) -> None:
    check_space("volume data", Size(1, 1, 1, 1), tmp_path)
    with pytest.raises(Problem, match=r"volume data: the copy needs 1,024.0 PiB, and .* has .* free\. Nothing was ch"):
        check_space("volume data", Size(1, 1, 1 << 60, 1), tmp_path)


def test_inodes_are_refused_too(tmp_path: Path) -> None:
    if not os.statvfs(tmp_path).f_files:
        pytest.skip("this file system counts no inodes")
    with pytest.raises(Problem, match=r"needs 1,152,921,504,606,846,976 inodes"):
        check_space("volume data", Size(1, 1, 1, 1 << 60), tmp_path)
