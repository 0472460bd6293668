# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores that are at work, or were interrupted and wait: until they end, nobody takes what is there for good."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ._job import Job
from ._problem import Precondition, Problem
from ._restore_journal import Journal, Placement, journal_file, load, lock_file
from ._restore_nesting import overlap

if TYPE_CHECKING:
    from ._sources import Source


def waits_for(job: str, target: str) -> str:
    """The other job whose restore is yet to put something in place at the target, or at a part of it; else empty."""
    for journal in _others(job):
        if (journal.committed or _is_at_work(journal.job)) and any(overlap(one, target) for one in _targets(journal)):
            return journal.job
    return ""


def reasons(job: Job) -> list[str]:
    """What of it is a reason for the job not to be healthy, as sentences without a full stop."""
    try:
        own = load(job.name)
    except Problem as problem:
        return [str(problem).removeprefix(f"job {job.name}: ").rstrip(".")]
    found = [_words(own, _labels(own.placements))] if own else []
    for journal in _others(job.name):
        shared = [placement for placement in journal.placements if _concerns(placement, job)]
        found += [_words(journal, _labels(shared))] if shared else []
    if not own and _is_at_work(job.name):
        found.append(f"a restore of job {job.name} is at work")
    return found


def require_none(job: Job, sources: Sequence[Source]) -> None:
    """Precondition while a restore has to do with one of the sources: what is there may be old, half, or nothing."""
    try:
        own = load(job.name)
    except Problem as problem:
        raise Precondition(f"{problem} Nothing was saved.") from None
    for journal in [*([own] if own else []), *_others(job.name)]:
        for source in sources:
            if any(overlap(os.path.realpath(source.path), target) for target in _targets(journal)):
                raise Precondition(f"job {job.name}: {_words(journal, source.place)}. Nothing was saved.")


def _words(journal: Journal, what: str) -> str:
    if _is_at_work(journal.job):
        return f"a restore of job {journal.job} is at work on {what}: let it end"
    return (
        f"an interrupted restore of job {journal.job} waits for {what}: finish it with holdfast restore {journal.job}"
    )


def _concerns(placement: Placement, job: Job) -> bool:
    """Without asking Docker: a volume is known by its name, unless it is a new one beside it."""
    if not placement.new_volume and placement.label in [f"volume {volume}" for volume in job.volumes]:
        return True
    return any(overlap(os.path.realpath(path), placement.target) for path in job.paths)


def _targets(journal: Journal) -> list[str]:
    return [placement.target for placement in journal.placements]


def _labels(placements: Sequence[Placement]) -> str:
    return ", ".join(placement.label for placement in placements)


def _others(job: str) -> Iterator[Journal]:
    """The journals of other jobs. One that cannot be understood is its own job's to tell."""
    for path in sorted(journal_file(job).parent.glob("[!.]*.json")):
        try:
            journal = load(path.stem) if path.stem != job else None
        except Problem:
            continue
        if journal:
            yield journal


def _is_at_work(job: str) -> bool:
    """Whether somebody holds the lock of the job's restores. Taken shared for a moment, for which they wait."""
    try:
        descriptor = os.open(lock_file(job), os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
