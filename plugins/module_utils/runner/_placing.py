# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Put restored trees in place so that a kill or a power cut at any moment leaves one complete copy of everything.

A tree is restored into a staging directory in the file system of its target, checked there, written out, and only then
renamed into place. The journal, written before each step, lets the next run finish what was begun.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Iterator, Protocol

from . import _files
from ._problem import Problem
from ._restore_journal import ASIDE, DONE, LEFT, PLACED, STAGED, STAGING, Journal, Placement, journal_file, record
from ._restore_leftovers import kept_in
from ._restore_records import overtaker
from ._tree import EMPTY, LOST_FOUND, OCCUPIED, STAGING_PREFIX, Root, look, measure, root_of


class Surroundings(Protocol):
    """What lies outside the file system."""

    def prepare(self, placement: Placement) -> None:
        """Make the volume that the placement needs, if any."""

    def fetch(self, placement: Placement) -> None:
        """Restore ``source`` of the snapshot below ``staging``."""

    def prove(self, placement: Placement) -> None:
        """Compare what was restored below ``staging`` with what the snapshot tells of it."""

    def dispose(self, placement: Placement) -> None:
        """Undo :meth:`prepare`, and end a restic that a killed run left writing into ``staging``."""


def stage(journal: Journal, surroundings: Surroundings) -> None:
    """Restore every tree into its staging directory, check it there, and commit. If one fails, all are removed."""
    journal.save()
    try:
        for placement in journal.placements:
            with _telling(placement, "restored into a staging directory", "Nothing was put in place."):
                surroundings.prepare(placement)
                os.mkdir(placement.staging, 0o700)
                surroundings.fetch(placement)
                _compare(placement, placement.tree, "in the staging directory")
                surroundings.prove(placement)
                _files.write_out(Path(placement.staging))
    except BaseException:
        clean(journal, surroundings)
        raise
    journal.placements = [replace(placement, phase=STAGED) for placement in journal.placements]
    journal.save()


def clean(journal: Journal, surroundings: Surroundings) -> None:
    """Remove what a restore left that did not come to its commit; the targets were not touched."""
    for placement in journal.placements:
        with _telling(placement, "cleaned of an unfinished restore", f"Remove {placement.staging} by hand."):
            surroundings.dispose(placement)
            _remove_staging(placement)
    journal.forget()


def give_up(journal: Journal, surroundings: Surroundings) -> None:
    """Remove what waits in its staging directory. What is in place by now stays there; nothing may be in between."""
    waiting = [placement for placement in journal.placements if placement.phase == STAGED]
    # Staging again before anything goes: half a tree must never be taken for one that only has to be put in place.
    journal.placements = [replace(placement, phase=STAGING) for placement in waiting]
    journal.save()
    clean(journal, surroundings)


def set_aside(journal: Journal, index: int) -> None:
    """Move the previous content to where it is kept. Continues where a killed run stopped."""
    placement = journal.placements[index]
    if placement.phase != STAGED:
        return
    if placement.kept:
        with _telling(placement, f"moved aside to {placement.kept}", "Run the restore again to go on."):
            if placement.mount_point:
                _move_entries_aside(placement)
            elif os.path.lexists(placement.target) and not os.path.lexists(placement.kept):
                os.rename(placement.target, placement.kept)
                _files.synchronise(Path(placement.target).parent)
    journal.set_phase(index, ASIDE)


def bring_in(journal: Journal, index: int, resumed: bool = False) -> None:
    """Put the restored tree in its place and check it there. Continues where a killed run stopped.

    When ``resumed``, what was in place before the kill may have been used since, so only what is still to come is
    looked at. All of it was compared with the snapshot before the commit.
    """
    placement = journal.placements[index]
    if resumed and overtaker(journal, placement):
        _leave(journal, index)
        return
    if resumed:
        _require_presence(journal, placement)
    set_aside(journal, index)
    placement = journal.placements[index]
    if placement.phase == ASIDE:
        with _telling(placement, f"put in place at {placement.target}", "Run the restore again to go on."):
            if placement.mount_point:
                _move_entries_in(journal, placement)
            elif os.path.lexists(placement.tree):
                _refuse_newcomer(journal, placement)
                _rename_in(placement)
        journal.set_phase(index, PLACED)
    if journal.placements[index].phase == PLACED:
        with _telling(placement, f"checked at {placement.target}", "Run the restore again to go on."):
            if not resumed:
                _compare(placement, placement.target, "in its place")
            _remove_staging(placement)
        record(journal.job, placement.target, journal.snapshot)
        journal.set_phase(index, DONE)


def drop_kept(journal: Journal, index: int) -> None:
    """Remove the previous content, once what took its place has been checked."""
    placement = journal.placements[index]
    with _telling(placement, f"rid of its previous content at {placement.kept}", "Remove it by hand."):
        for earlier in kept_in(placement.kept) if placement.mount_point else ():
            # It came along when the entries moved aside, and is not what this restore was allowed to remove.
            os.rename(earlier, os.path.join(placement.target, os.path.basename(earlier)))
        _remove(placement.kept)


def finish(journal: Journal) -> None:
    """Bring a committed restore that was interrupted to its end. The previous content stays where it is kept."""
    for index in range(len(journal.placements)):
        bring_in(journal, index, resumed=True)
    journal.forget()


def _leave(journal: Journal, index: int) -> None:
    """Settle a placement whose target another job's restore has filled: only the staging directory goes."""
    placement = journal.placements[index]
    with _telling(placement, "cleaned of an interrupted restore", f"Remove {placement.staging} by hand."):
        _remove_staging(placement)
    journal.set_phase(index, LEFT)


def _require_presence(journal: Journal, placement: Placement) -> None:
    """Problem when the staged tree is neither where it was nor in its place; nothing more is moved then."""
    staged, placed = os.path.lexists(placement.tree), os.path.lexists(placement.target)
    if placement.phase == STAGED or (placement.phase == ASIDE and placement.mount_point):
        present = staged
    else:
        present = staged or placed
    if not present:
        raise Problem(
            f"{placement.label}: an interrupted restore cannot be finished, since {placement.staging} is gone. Mount "
            f"its file system and run this again, or remove {journal_file(journal.job)} to give that restore up."
        )


def _compare(placement: Placement, tree: str, where: str) -> None:
    """Refuse what is not the tree of the snapshot: restic exits 0 also when nothing matched what it was asked for."""
    again = "The repository may be damaged: run restic check, or restore another snapshot."
    if not os.path.lexists(tree):
        raise Problem(f"{placement.label}: {placement.source} is not {where} after the restore. {again}")
    root = root_of(tree)
    if root != placement.root:
        raise Problem(f"{placement.label}: owner and mode {where} are {_words(root)}, not {_words(placement.root)}.")
    content = measure(tree, without=(placement.staging, placement.kept))
    if content != placement.content:
        raise Problem(
            f"{placement.label}: {where} are {content.files} files with {content.bytes} bytes, but the snapshot has "
            f"{placement.content.files} files with {placement.content.bytes} bytes. {again}"
        )


def _words(root: Root) -> str:
    return f"{root.uid}:{root.gid} {root.mode:04o} ({'directory' if root.directory else 'file'})"


def _move_entries_aside(placement: Placement) -> None:
    if not os.path.isdir(placement.kept):
        # Closed until it has the target's own owner and mode: what was shut off stays shut off.
        os.mkdir(placement.kept, 0o700)
    _copy_root(placement.target, placement.kept)
    apart = (LOST_FOUND, os.path.basename(placement.staging), os.path.basename(placement.kept))
    for name in sorted(os.listdir(placement.target)):
        if name not in apart:
            os.rename(os.path.join(placement.target, name), os.path.join(placement.kept, name))
    _files.synchronise(Path(placement.kept))
    _files.synchronise(Path(placement.target))


def _move_entries_in(journal: Journal, placement: Placement) -> None:
    """Move entry by entry. A ``lost+found`` of the snapshot stays behind: it belonged to another file system."""
    times = os.lstat(placement.tree)
    _copy_root(placement.tree, placement.target)
    for name in sorted(os.listdir(placement.tree)):
        goal = os.path.join(placement.target, name)
        if name == LOST_FOUND:
            continue
        if os.path.lexists(goal):
            raise Problem(_newcomer(journal, placement, goal))
        os.rename(os.path.join(placement.tree, name), goal)
    os.utime(placement.target, ns=(times.st_atime_ns, times.st_mtime_ns))
    _files.write_out(Path(placement.target))


def _copy_root(origin: str, goal: str) -> None:
    """Owner, mode, extended attributes and times of the directory itself."""
    found = os.lstat(origin)
    os.chown(goal, found.st_uid, found.st_gid)
    shutil.copystat(origin, goal)


def _rename_in(placement: Placement) -> None:
    """One rename. On the way home, missing directories above the target come along with their owner and mode."""
    origin, goal = placement.tree, placement.target
    if placement.source == placement.target:
        while not os.path.lexists(os.path.dirname(goal)):
            origin, goal = os.path.dirname(origin), os.path.dirname(goal)
    else:
        os.makedirs(os.path.dirname(goal), exist_ok=True)
    os.rename(origin, goal)
    _files.synchronise(Path(goal).parent)


def _refuse_newcomer(journal: Journal, placement: Placement) -> None:
    """What came since the restore began is not overwritten, unless it is empty."""
    state = look(placement.target, False)
    if state == OCCUPIED:
        raise Problem(_newcomer(journal, placement, placement.target))
    if state == EMPTY and os.path.isdir(placement.target) != placement.root.directory:
        _remove(placement.target)


def _newcomer(journal: Journal, placement: Placement, path: str) -> str:
    job = overtaker(journal, placement)
    if job:
        return (
            f"{placement.label}: the restore of job {job} has filled {placement.target} during this one. That stays. "
            "Run this again, which removes what waits."
        )
    kept = f", the previous content at {placement.kept}" if placement.kept else ""
    return (
        f"{placement.label}: {path} was written by somebody else during the restore. The restored content waits at "
        f"{placement.tree}{kept}. Stop what writes there, move {path} away, and run the restore again."
    )


def _remove_staging(placement: Placement) -> None:
    if not os.path.basename(placement.staging).startswith(STAGING_PREFIX):
        raise Problem(
            f"{placement.label}: {placement.staging} is no staging directory of a restore. Check the journal."
        )
    _remove(placement.staging)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


@contextmanager
def _telling(placement: Placement, what: str, way_out: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        place = f" ({error.filename})" if error.filename else ""
        raise Problem(f"{placement.label}: could not be {what}: {error.strerror or error}{place}. {way_out}") from error
