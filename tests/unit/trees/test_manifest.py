# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.trees._manifest import (
    MOST_DIFFERENCES,
    compare,
    digest,
    fingerprint,
    manifest,
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "a").mkdir(parents=True)
    (root / "a" / "one").write_bytes(b"1" * 300_000)
    os.link(root / "a" / "one", root / "a" / "two")
    (root / "a-b").write_text("sorts between a and a/one as a string", encoding="utf-8")
    (root / "link").symlink_to("nowhere")
    os.mkfifo(root / "pipe")
    (root / os.fsdecode(b"latin\xe9")).write_text("x", encoding="utf-8")
    return root


@pytest.fixture
def copy(tree: Path) -> Path:
    other = tree.parent / "copy"
    subprocess.run(["cp", "--archive", tree, other], check=True)
    return other


def test_parents_come_first_and_names_in_order(tree: Path) -> None:
    paths = [entry.path for entry in manifest(tree)]
    assert paths == [".", "a", "a/one", "a/two", "a-b", os.fsdecode(b"latin\xe9"), "link", "pipe"]


def test_an_entry_tells_what_it_is(tree: Path) -> None:
    entries = {entry.path: entry for entry in manifest(tree)}
    assert entries["a/one"].size == 300_000
    assert len(entries["a/one"].sha256) == 64
    assert (entries["a/two"].same_as, entries["a/two"].sha256) == ("a/one", "")
    assert (entries["link"].kind, entries["link"].target, entries["link"].mode) == ("symbolic link", "nowhere", 0)
    assert entries["pipe"].kind == "pipe"


def test_a_true_copy_has_no_differences_and_the_same_digest(tree: Path, copy: Path) -> None:
    assert compare(tree, copy) == []
    assert digest(tree) == digest(copy)


def _rewrite(root: Path) -> None:
    times = (root / "a-b").stat()
    (root / "a-b").write_text("sorts between a and a/one as a STRING", encoding="utf-8")
    os.utime(root / "a-b", ns=(times.st_atime_ns, times.st_mtime_ns))


def _unlink_hard(root: Path) -> None:
    shutil.copy2(root / "a" / "two", root / "a" / "three")
    os.replace(root / "a" / "three", root / "a" / "two")
    shutil.copystat(root.parent / "tree" / "a", root / "a")


def _add(root: Path) -> None:
    (root / "a" / "later").touch()
    shutil.copystat(root.parent / "tree" / "a", root / "a")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_rewrite, "a-b: content differs"),
        (_unlink_hard, "a/two: hard link to a/one → , content differs"),
        (_add, "a/later is too much"),
        (lambda root: (root / "a-b").chmod(0o4711), "a-b: permissions 0644 → 4711"),
        (lambda root: os.utime(root / "a-b", (5, 5)), "a-b: modified "),
        (lambda root: os.utime(root, (5, 5)), ".: modified "),
    ],
)
def test_a_difference_is_told(tree: Path, copy: Path, change: Callable[[Path], None], told: str) -> None:
    for root in (tree, copy):
        (root / "a-b").chmod(0o644)
    change(copy)
    found = compare(tree, copy)
    assert [sentence for sentence in found if sentence.startswith(told)], found
    assert len(found) == 1


def test_what_is_missing_is_told_by_its_name(tree: Path, copy: Path) -> None:
    (copy / os.fsdecode(b"latin\xe9")).unlink()
    assert "latin\\udce9 is missing" in compare(tree, copy)


def test_the_list_of_differences_is_bounded(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    for number in range(2 * MOST_DIFFERENCES):
        (tmp_path / "one" / str(number)).touch()
    assert len(compare(tmp_path / "one", tmp_path / "other")) == MOST_DIFFERENCES


def test_extended_attributes_count(tree: Path, copy: Path) -> None:
    try:
        os.setxattr(copy / "a-b", "user.origin", b"here")
    except OSError:
        pytest.skip("no extended attributes here")
    assert compare(tree, copy) == ["a-b: extended attributes differ"]


def test_sockets_and_what_mkfs_makes_are_left_out(tree: Path) -> None:
    before = [entry.path for entry in manifest(tree)]
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tree / "s"))
    server.close()
    (tree / "lost+found").mkdir()
    assert [entry.path for entry in manifest(tree)] == before
    (tree / "lost+found" / "found").touch()
    assert "lost+found/found" in [entry.path for entry in manifest(tree)]


def test_a_fingerprint_changes_with_a_write_that_hides_its_time(tree: Path) -> None:
    before = fingerprint(tree)
    assert fingerprint(tree) == before
    _rewrite(tree)
    assert fingerprint(tree) != before


def test_times_are_no_part_of_the_digest(tree: Path) -> None:
    before = digest(tree)
    os.utime(tree / "a-b", (5, 5))
    assert digest(tree) == before
