# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content manifest of a backup: what is read again, what is not, and what is in doubt."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _manifest_making
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._manifest_file import (
    CHANGED,
    UNREAD,
    Record,
    read,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._manifest_making import (
    Manner,
    outermost,
    write,
)
from hypothesis import given, strategies as some

DAY = 86400
NOW = 2_000_000_000


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Files that were last changed long ago."""
    root = tmp_path / "tree"
    (root / "a").mkdir(parents=True)
    for number, name in enumerate(("a/one", "a/two", "three")):
        (root / name).write_text(f"content {number}\n")
    return root


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files whose content was read."""
    names: list[str] = []
    real = _manifest_making.sha256

    def noting(path: str) -> tuple[str, os.stat_result]:
        names.append(os.path.basename(path))
        return real(path)

    monkeypatch.setattr(_manifest_making, "sha256", noting)
    return names


def made(root: Path, now: int = NOW, hashes: bool = True) -> dict[str, Record]:
    manifest = root.parent / "manifest"
    write(manifest, [str(root)], lambda path: path.endswith("/left out"), Manner(hashes, 30 * DAY, now))
    with manifest.open("rb") as stream:
        return {record.entry.path: record for record in read(stream)}


def test_the_hash_is_that_of_the_content(tree: Path) -> None:
    found = made(tree)
    assert list(found) == [".", "a", "a/one", "a/two", "three"]
    for path, record in found.items():
        content = (tree / path).read_bytes() if (tree / path).is_file() else None
        assert record.sha256 == ("" if content is None else hashlib.sha256(content).hexdigest())


def test_what_nothing_tells_of_a_change_is_not_read_again(tree: Path, opened: list[str]) -> None:
    first = made(tree)
    manifest = (tree.parent / "manifest").read_bytes()
    opened.clear()
    assert made(tree, NOW + DAY) == first
    assert (tree.parent / "manifest").read_bytes() == manifest
    assert opened == []


def test_every_kind_of_change_is_seen(tree: Path, opened: list[str]) -> None:
    made(tree)
    opened.clear()
    one, three = tree / "a" / "one", tree / "three"
    before = one.stat()
    one.write_text("CONTENT 0\n")
    os.utime(one, ns=(before.st_atime_ns, before.st_mtime_ns))  # who hides a change cannot hide its ctime
    (tree / "new").write_text("content 2\n")
    os.replace(tree / "new", three)
    (tree / "b").mkdir()
    (tree / "b" / "late").touch()
    made(tree, NOW + DAY)
    assert sorted(opened) == ["late", "one", "three"]


def test_everything_is_read_again_in_time_but_not_in_one_night(tree: Path, opened: list[str]) -> None:
    for number in range(200):
        (tree / f"file {number}").touch()
    made(tree)
    opened.clear()
    nights = []
    for night in range(1, 31):
        opened.clear()
        made(tree, NOW + night * DAY)
        nights.append(len(opened))
    assert sum(nights) == 203
    assert nights[:14] == [0] * 14
    assert max(nights) < 40


def test_what_is_too_young_to_be_told_apart_is_read_again(tree: Path, opened: list[str]) -> None:
    now = int((tree / "three").stat().st_mtime)
    made(tree, now)
    opened.clear()
    made(tree, now + 1)
    assert sorted(opened) == ["one", "three", "two"]


def test_a_clock_that_went_back_has_everything_read(tree: Path, opened: list[str]) -> None:
    made(tree, NOW + DAY)
    opened.clear()
    made(tree, NOW)
    assert sorted(opened) == ["one", "three", "two"]


def test_a_file_that_changes_meanwhile_is_in_doubt(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = _manifest_making.sha256

    def written(path: str) -> tuple[str, os.stat_result]:
        if path.endswith("one"):
            (tree / "a" / "one").write_text("another\n")
        if path.endswith("two"):
            raise PermissionError(13, "no", path)
        return real(path)

    monkeypatch.setattr(_manifest_making, "sha256", written)
    found = made(tree)
    assert (found["a/one"].doubt, found["a/one"].sha256) == (CHANGED, "")
    assert (found["a/two"].doubt, found["a/two"].sha256) == (UNREAD, "")
    assert found["three"].doubt == ""


def test_without_hashes_nothing_is_read(tree: Path, opened: list[str]) -> None:
    assert made(tree, hashes=False)["three"].entry.size == 10
    assert opened == []


def test_every_link_has_the_hash_of_its_file(tree: Path, opened: list[str]) -> None:
    os.link(tree / "a" / "one", tree / "b")
    for _turn in range(2):
        found = made(tree)
        assert found["b"].entry.same_as == "a/one"
        assert found["b"].sha256 == found["a/one"].sha256 != ""
    assert opened.count("b") == 0


def test_what_is_left_out_is_not_in_it(tree: Path) -> None:
    (tree / "left out").mkdir()
    (tree / "left out" / "file").touch()
    assert "left out" not in made(tree)


def test_a_manifest_that_is_not_sound_is_made_anew(tree: Path, opened: list[str]) -> None:
    first = made(tree)
    manifest = tree.parent / "manifest"
    manifest.write_bytes(manifest.read_bytes()[:-20])
    (tree.parent / ".manifest.123").write_text("of a run that was killed")
    opened.clear()
    assert made(tree) == first
    assert opened == ["three"]
    assert not (tree.parent / ".manifest.123").exists()


def test_a_source_that_has_gone_is_for_restic_to_tell(tmp_path: Path) -> None:
    assert made(tmp_path / "none") == {}


@given(
    some.lists(some.text("ab/", min_size=1, max_size=6).map(lambda text: "/" + "/".join(filter(None, text.split("/")))))
)
def test_outermost_sources_hold_all_and_none_twice(sources: list[str]) -> None:
    sources = [source for source in sources if source != "/"]
    found = outermost(sources)
    assert found == sorted(set(found))
    for source in sources:
        assert sum(f"{source}/".startswith(f"{one}/") for one in found) == 1
