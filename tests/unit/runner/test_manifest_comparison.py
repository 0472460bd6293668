# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restored tree against its snapshot's manifest: each difference is told, and no change of a running service."""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._answers import Node
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._manifest_comparison import (
    Comparison,
    Difference,
    nanoseconds,
    settled,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._manifest_file import lines, read
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._manifest_making import Manner, write

NOW = 2_000_000_000


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "origin"
    (root / "a" / "deep").mkdir(parents=True)
    (root / "a" / "one").write_text("content\n")
    (root / "a" / "deep" / "two").write_text("content\n")
    (root / "link").symlink_to("a/one")
    os.link(root / "a" / "one", root / "second")
    os.setxattr(root / "a" / "one", "user.note", b"kept")
    return root


def manifest_of(root: Path, hashes: bool = True) -> list[bytes]:
    path = root.parent / "manifest"
    write(path, [str(root)], lambda _path: False, Manner(hashes, 86400, NOW))
    return path.read_bytes().splitlines(keepends=True)


def compared(manifest: list[bytes], source: Path, copy: Path, hashes: bool = True) -> Comparison:
    comparison = Comparison(str(source), str(copy), hashes)
    for line in manifest:
        comparison.take(line)
    comparison.end()
    return comparison


def copied(root: Path) -> Path:
    copy = root.parent / "copy"
    shutil.copytree(root, copy, symlinks=True)
    (copy / "second").unlink()
    os.link(copy / "a" / "one", copy / "second")
    return copy


def test_a_true_copy_has_no_difference(tree: Path) -> None:
    found = compared(manifest_of(tree), tree, copied(tree))
    assert (found.differences, found.entries, found.doubtful) == ([], 7, 0)


def flips_a_byte(copy: Path) -> None:
    (copy / "a" / "deep" / "two").write_text("cOntent\n")


def loses_a_file(copy: Path) -> None:
    (copy / "a" / "deep" / "two").unlink()


def adds_a_file(copy: Path) -> None:
    (copy / "b").touch()


def changes_a_mode(copy: Path) -> None:
    (copy / "a" / "deep").chmod(0o700)


def points_elsewhere(copy: Path) -> None:
    (copy / "link").unlink()
    (copy / "link").symlink_to("a/two")


def parts_the_links(copy: Path) -> None:
    (copy / "second").unlink()
    shutil.copy2(copy / "a" / "one", copy / "second")


def drops_an_attribute(copy: Path) -> None:
    os.removexattr(copy / "a" / "one", "user.note")


def puts_a_directory_there(copy: Path) -> None:
    loses_a_file(copy)
    (copy / "a" / "deep" / "two").mkdir()


@pytest.mark.parametrize(
    ("harm", "sentence"),
    [
        (flips_a_byte, "a/deep/two: content differs"),
        (loses_a_file, "a/deep/two: is missing"),
        (adds_a_file, "b: was not there"),
        (changes_a_mode, "a/deep: permissions 0755 → 0700"),
        (points_elsewhere, "link: target a/one → a/two"),
        (parts_the_links, "second: hard link to a/one → none before it"),
        (drops_an_attribute, "a/one: extended attributes differ"),
        (puts_a_directory_there, "a/deep/two: is a directory, was a file"),
    ],
)
def test_every_harm_is_told(tree: Path, harm: Callable[[Path], None], sentence: str) -> None:
    manifest, copy = manifest_of(tree), copied(tree)
    harm(copy)
    assert sentence in [one.sentence for one in compared(manifest, tree, copy).differences]


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give a file away")
def test_another_owner_is_told(tree: Path) -> None:
    manifest, copy = manifest_of(tree), copied(tree)
    os.chown(copy / "a", 1, 2)
    assert [one.sentence for one in compared(manifest, tree, copy).differences] == ["a: owner 0:0 → 1:2"]


def test_without_hashes_only_content_goes_unseen(tree: Path) -> None:
    manifest, copy = manifest_of(tree, hashes=False), copied(tree)
    flips_a_byte(copy)
    assert compared(manifest, tree, copy, hashes=False).differences == []
    adds_a_file(copy)
    assert len(compared(manifest, tree, copy, hashes=False).differences) == 1


def test_a_part_of_a_source_is_compared_alone(tree: Path) -> None:
    (tree / "b").mkdir()
    os.link(tree / "a" / "one", tree / "b" / "third")
    os.link(tree / "a" / "one", tree / "b" / "fourth")
    manifest = manifest_of(tree)
    copy = tree.parent / "copy"
    (copy / "b").mkdir(parents=True)
    shutil.copy2(tree / "a" / "one", copy / "b" / "fourth")
    os.link(copy / "b" / "fourth", copy / "b" / "third")
    found = compared(manifest, tree / "b", copy / "b")
    assert (found.differences, found.entries) == ([], 3)


def test_what_was_in_doubt_is_not_compared(tree: Path) -> None:
    records = list(read(manifest_of(tree)))
    doubtful = [one._replace(sha256="", doubt="x") if one.entry.path == "a/deep/two" else one for one in records]
    copy = copied(tree)
    (copy / "a" / "deep" / "two").write_text("longer content\n")
    found = compared(list(lines(doubtful)), tree, copy)
    assert (found.differences, found.doubtful) == ([], 1)


def test_lost_and_found_belongs_to_its_file_system(tree: Path) -> None:
    (tree / "lost+found").mkdir()
    (tree / "lost+found" / "#1").touch()
    manifest, copy = manifest_of(tree), copied(tree)
    shutil.rmtree(copy / "lost+found")
    assert compared(manifest, tree, copy).differences == []


def difference(tree: Path, path: str) -> tuple[Difference, Node]:
    """One of an entry, and the same entry as the snapshot would have it."""
    (record,) = [one for one in read(manifest_of(tree)) if one.entry.path == path]
    whole, rest = divmod(record.mtime, 1_000_000_000)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{rest:09}Z"
    entry = record.entry
    node = Node(path, "file", entry.mode, entry.uid, entry.gid, entry.size, text)
    return Difference(path, "content differs", record), node


def test_a_difference_from_the_snapshot_too_is_a_harm(tree: Path) -> None:
    one, node = difference(tree, "a/deep/two")
    assert settled([one], {"a/deep/two": node}) == [one]


@pytest.mark.parametrize("change", [{"mtime": "2026-01-01T00:00:00Z"}, {"size": 1}, {"uid": 4711}, {"type": "dir"}])
def test_a_change_that_the_snapshot_has_met_is_none(tree: Path, change: dict[str, Any]) -> None:
    one, node = difference(tree, "a/deep/two")
    assert settled([one], {"a/deep/two": replace(node, **change)}) == []


def test_what_came_or_went_before_the_snapshot_is_no_harm(tree: Path) -> None:
    one, node = difference(tree, "a/deep/two")
    assert settled([one], {}) == []
    late = Difference("late", "was not there", None)
    assert settled([late], {"late": node}) == []
    assert settled([late], {}) == [late]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T01:00:01.5+01:00", 1_500_000_000),
        ("1969-12-31T23:00:00.000000001-01:00", 1),
        ("2026-01-31T02:30:00.123456789Z", 1769826600_123456789),
        ("", 0),
    ],
)
def test_times_to_the_nanosecond(text: str, expected: int) -> None:
    assert nanoseconds(text) == expected
