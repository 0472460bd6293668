# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove the snapshots of a job that its retention does not keep; never all of them."""

from __future__ import annotations

import time

from . import _files, _job, _paths, _state
from ._job import Job
from ._problem import Problem
from ._repository import load
from ._restic import Forgotten, Restic

WAIT = 1800
"""Seconds to wait for a repository that somebody else works on: nothing stands still meanwhile."""


def retention(name: str) -> str:
    """Apply the job's retention and record how it went; a sentence."""
    started = _state.now()
    try:
        job = _job.load(name)
        forgotten = _forget(job) if job.retention.rules() else None
    except Problem as problem:
        if problem.exit_code < 128:  # otherwise a signal ended it, and nothing is known
            _record(name, _state.text(started), problem.exit_code, str(problem), None)
        raise
    _record(name, _state.text(started), 0, "", forgotten)
    if forgotten is None:
        return f"job {name}: no retention is set; every snapshot stays"
    return f"job {name}: snapshots kept: {len(forgotten.kept)}, removed: {len(forgotten.removed)}"


def _forget(job: Job) -> Forgotten:
    """Simulate first; what would leave nothing is a mistake in the rules, whatever they say."""
    restic = Restic(load(job.repository))
    restic.version()
    rules = job.retention.rules()
    begun = time.monotonic()
    with _files.lock(_paths.lock_file(job.repository), WAIT):
        simulated = restic.forget(job.host, job.name, rules, dry_run=True)
        if simulated.leaves_nothing:
            words = ", ".join(f"{rule}: {value}" for rule, value in rules.items())
            raise Problem(
                f"job {job.name}: refused to remove all its {_whole(simulated)} snapshots, which is what its "
                f"retention comes to ({words}). Nothing was removed. Let it keep at least one, such as keep_last: 1."
            )
        if not simulated.removed:
            return simulated
        remaining = WAIT - (time.monotonic() - begun)
        return restic.patiently(lambda: restic.forget(job.host, job.name, rules, dry_run=False), remaining)


def _whole(forgotten: Forgotten) -> str:
    """How many go, and that partial ones stay when they do."""
    return f"{len(forgotten.removed)}" if not forgotten.kept else f"{len(forgotten.removed)} whole"


def _record(name: str, started: str, exit_code: int, message: str, forgotten: Forgotten | None) -> None:
    figures = {"kept": len(forgotten.kept), "removed": len(forgotten.removed)} if forgotten else {}
    run = _state.RetentionRun.ended_now(started, exit_code, message, **figures)
    _state.update(name, lambda state: state.after_retention(run))
