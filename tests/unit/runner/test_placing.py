# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restored trees go in place without a moment at which a kill would lose anything: killed before every single call."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import (
    _paths,
    _placing,
    _restore_journal,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_journal import Journal, Placement
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._tree import (
    Content,
    Root,
    existing_ancestor,
    measure,
    root_of,
)

JOB = "nightly"
OLD = {"a": "old a", "sub/b": "old b", "gone": "not in the snapshot"}
NEW = {"a": "new a", "sub/b": "new b", "sub/c": "new c"}
KILLED = 86
CALLS = ("rename", "replace", "mkdir", "unlink", "rmdir", "chown", "utime", "fsync")
"""Of ``os``: with these a restore changes what a power cut leaves."""


def fill(directory: Path, files: dict[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text, encoding="utf-8")


def read(directory: Path) -> dict[str, str]:
    """The files below, without those of staging directories and kept content inside a mount point."""
    found = {}
    for path in sorted(directory.rglob("*")) if directory.is_dir() else []:
        name = path.relative_to(directory)
        if path.is_file() and not name.parts[0].startswith((".holdfast-restore-", ".before-", "lost+found")):
            found[str(name)] = path.read_text(encoding="utf-8")
    return found


@dataclass
class Scene:
    """A target with what it holds, and the snapshot that comes into it."""

    placement: Placement
    snapshot: Path
    old: dict[str, str]
    volumes: list[str]

    def journal(self) -> Journal:
        return Journal(JOB, "1a2b3c4d", "2026-01-01 02:00 UTC", [self.placement])

    def prepare(self, placement: Placement) -> None:
        if placement.new_volume:
            Path(placement.target).mkdir(parents=True)

    def fetch(self, placement: Placement) -> None:
        """What restic does: the directories above the source come along."""
        goal = Path(placement.tree)
        goal.parent.mkdir(parents=True)
        for parent in list(goal.parents)[: len(Path(placement.source).parents) - 1]:
            parent.chmod(0o711)
        shutil.copytree(self.snapshot, goal)

    def prove(self, placement: Placement) -> None:
        """What the manifest says is proved elsewhere; here only that it is asked while the tree waits."""
        assert Path(placement.tree).is_dir()

    def dispose(self, placement: Placement) -> None:
        target = Path(placement.target)
        if placement.new_volume and target.is_dir() and not any(target.iterdir()):
            shutil.rmtree(target.parent)

    def restore(self) -> None:
        journal = self.journal()
        _placing.stage(journal, self)
        _placing.set_aside(journal, 0)
        _placing.bring_in(journal, 0)
        journal.forget()

    def recover(self) -> None:
        """What the next run does first."""
        journal = _restore_journal.load(JOB)
        if journal and journal.committed:
            _placing.finish(journal)
        elif journal:
            _placing.clean(journal, self)

    @property
    def target(self) -> Path:
        return Path(self.placement.target)

    @property
    def kept(self) -> Path:
        return Path(self.placement.kept)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill does not ask for the disk: what is not written out yet is still there."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)
    monkeypatch.setattr(_placing._files, "write_out", lambda _directory: None)


def scene(root: Path, kind: str) -> Scene:
    snapshot = root / "snapshot"
    fill(snapshot, NEW)
    snapshot.chmod(0o750)
    target = root / "srv" / "deep" / "app" if kind == "home" else root / "srv" / "app"
    (root / "srv").mkdir()
    mount_point = kind.startswith("mount point")
    if kind not in ("home", "new volume"):
        target.mkdir()
    old = OLD if kind in ("replace", "mount point") else {}
    fill(target, old) if old else None
    if mount_point:
        (target / "lost+found").mkdir()
    above = str(target) if mount_point else existing_ancestor(str(target))
    kept = f"{target}/.before-x" if mount_point else f"{target}.before-x"
    if kind == "new volume":
        target = root / "srv" / "volume" / "_data"
        above = str(target.parent)
    placement = Placement(
        label="path /srv/app",
        source=str(target) if kind == "home" else "/srv/app",
        target=str(target),
        staging=f"{above}/.holdfast-restore-nightly-1a2b3c4d-0",
        kept=kept if old else "",
        mount_point=mount_point,
        root=root_of(str(snapshot)),
        content=measure(str(snapshot)),
        new_volume="copy" if kind == "new volume" else "",
    )
    return Scene(placement, snapshot, old, [])


def killed_before(call: int, work: Callable[[], None]) -> bool:
    """Do the work in a process of its own that dies, without a word, before its so-manieth change; whether it died."""
    pid = os.fork()
    if pid == 0:
        _die_before(call)
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == KILLED


def _die_before(call: int) -> None:
    left = [call]

    def counting(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            if left[0] == 0:
                os._exit(KILLED)
            left[0] -= 1
            return function(*arguments, **options)

        return counted

    for name in CALLS:
        setattr(os, name, counting(getattr(os, name)))


def assert_nothing_lost(one: Scene) -> None:
    """The previous content is complete at one place, or on its way entry by entry between the two."""
    there = {**read(one.target), **(read(one.kept) if one.placement.kept else {})}
    for name, text in one.old.items():
        assert there.get(name) == text or read(one.kept).get(name) == text


def assert_restored(one: Scene) -> None:
    assert read(one.target) == NEW
    assert root_of(str(one.target)) == one.placement.root
    assert not one.placement.kept or read(one.kept) == one.old


def assert_tidy(root: Path) -> None:
    assert [str(path) for path in root.rglob(".holdfast-restore-*")] == []
    assert _restore_journal.load(JOB) is None


KINDS = ["replace", "empty", "home", "mount point", "mount point, empty", "new volume"]


@pytest.mark.parametrize("kind", KINDS)
def test_goes_in_place(host: Path, kind: str) -> None:
    one = scene(host, kind)
    one.restore()
    assert_restored(one)
    assert_tidy(host)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_before_any_call_is_finished_or_cleaned_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    for call in range(1000):
        root = tmp_path / str(call)
        monkeypatch.setattr(_paths, "STATE", root / "state")
        one = scene(root, kind)
        died = killed_before(call, one.restore)
        assert_nothing_lost(one)
        one.recover()
        assert_tidy(root)
        if read(one.target) != NEW:
            assert read(one.target) == one.old
            one.restore()
        assert_restored(one)
        if not died:
            break
    assert call > 20, "too few calls were counted for this to be a test"


@pytest.mark.parametrize("kind", ["replace", "mount point"])
def test_killed_again_while_it_finishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    for call in range(1000):
        root = tmp_path / str(call)
        monkeypatch.setattr(_paths, "STATE", root / "state")
        one = scene(root, kind)
        journal = one.journal()
        _placing.stage(journal, one)
        died = killed_before(call, one.recover)
        assert_nothing_lost(one)
        one.recover()
        assert_restored(one)
        assert_tidy(root)
        if not died:
            break


def test_what_was_used_after_the_kill_is_not_held_against_the_restore(host: Path) -> None:
    one = scene(host, "replace")
    journal = one.journal()
    _placing.stage(journal, one)
    _placing.set_aside(journal, 0)
    _placing._rename_in(journal.placements[0])
    fill(one.target, {"a": "written by the service since"})
    one.recover()
    assert read(one.target) == {**NEW, "a": "written by the service since"}
    assert_tidy(host)


@pytest.mark.parametrize("kind", ["replace", "mount point", "home"])
def test_a_staging_directory_that_is_gone_is_no_finished_restore(host: Path, kind: str) -> None:
    one = scene(host, kind)
    journal = one.journal()
    _placing.stage(journal, one)
    shutil.rmtree(one.placement.staging)
    with pytest.raises(Problem, match=r"is gone\. Mount its file system and run this again, or remove .*nightly\.json"):
        one.recover()
    assert _restore_journal.load(JOB) == journal
    assert read(one.target) == one.old


def test_parents_that_were_missing_come_back_with_their_mode(host: Path) -> None:
    one = scene(host, "home")
    one.restore()
    assert one.target.parent.stat().st_mode & 0o7777 == 0o711


def test_a_failed_fetch_leaves_everything_as_it_was(host: Path) -> None:
    one = scene(host, "replace")

    class Broken(Scene):
        def fetch(self, placement: Placement) -> None:
            super().fetch(placement)
            raise Problem("repository main: gone")

    broken = Broken(one.placement, one.snapshot, one.old, [])
    with pytest.raises(Problem, match="gone"):
        broken.restore()
    assert read(one.target) == OLD
    assert_tidy(host)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "/srv/other"}, "is not in the staging directory"),
        ({"content": Content(3, 1)}, "3 files with 15 bytes, but the snapshot has 3 files with 1 bytes"),
        ({"root": Root(True, 0, 0, 0o2770)}, "owner and mode in the staging directory are"),
    ],
)
def test_what_is_not_the_snapshot_is_not_put_in_place(host: Path, change: dict[str, Any], words: str) -> None:
    one = scene(host, "replace")
    wanted = replace(one.placement, **change)

    class Astray(Scene):
        def fetch(self, _placement: Placement) -> None:
            super().fetch(one.placement)

    with pytest.raises(Problem, match=words):
        Astray(wanted, one.snapshot, one.old, []).restore()
    assert read(one.target) == OLD
    assert_tidy(host)


@pytest.mark.parametrize("kind", ["replace", "empty"])
def test_what_came_in_between_is_not_overwritten(host: Path, kind: str) -> None:
    one = scene(host, kind)
    journal = one.journal()
    _placing.stage(journal, one)
    _placing.set_aside(journal, 0)
    fill(one.target, {"a": "newcomer"})
    with pytest.raises(Problem, match="was written by somebody else during the restore"):
        _placing.bring_in(journal, 0)
    assert read(one.target) == {"a": "newcomer"}
    shutil.rmtree(one.target)
    one.recover()
    assert_restored(one)


def test_a_full_disk_is_said_with_the_object(host: Path) -> None:
    one = scene(host, "replace")

    class Full(Scene):
        def fetch(self, placement: Placement) -> None:
            raise OSError(28, "No space left on device", placement.staging)

    with pytest.raises(Problem, match=r"path /srv/app: could not be restored .*: No space left on device"):
        Full(one.placement, one.snapshot, one.old, []).restore()
    assert_tidy(host)


def test_a_path_that_is_no_staging_directory_is_never_removed(host: Path) -> None:
    one = scene(host, "replace")
    journal = one.journal()
    journal.placements = [replace(one.placement, staging=str(one.target))]
    with pytest.raises(Problem, match="no staging directory"):
        _placing.clean(journal, one)
    assert read(one.target) == OLD


def test_what_an_earlier_restore_kept_in_a_mount_point_is_not_dropped_with_what_this_one_keeps(host: Path) -> None:
    one = scene(host, "mount point")
    earlier = ".before-20260101T000000Z"
    fill(one.target / earlier, {"a": "older"})
    one.restore()
    assert read(one.kept / earlier) == {"a": "older"}
    _placing.drop_kept(one.journal(), 0)
    assert read(one.target / earlier) == {"a": "older"}
    assert read(one.target) == NEW
    assert not one.kept.exists()
