# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restores of all jobs have put in place on this host, and which of it came in the way of another restore."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ._restore_journal import ASIDE, STAGED, Journal, Placement, entries, record_file
from ._restore_nesting import overlap
from ._tree import OCCUPIED, look


def targets() -> set[str]:
    """Those of all jobs."""
    return {target for job in _jobs() for target in entries(job)}


def marks_of_others(job: str) -> list[str]:
    """For the journal of a restore that begins: what is in place by then was not put there meanwhile."""
    return [mark for _job, _target, mark in _of_others(job)]


def overtaker(journal: Journal, placement: Placement) -> str:
    """The other job whose restore has filled the target, or a part of it, since the journal began; else empty."""
    if placement.phase not in (STAGED, ASIDE) or look(placement.target, placement.mount_point) != OCCUPIED:
        return ""
    if placement.phase == ASIDE and not os.path.lexists(placement.tree):  # what is there is its own
        return ""
    for job, target, mark in _of_others(journal.job):
        if mark not in journal.known and overlap(target, placement.target):
            return job
    return ""


def _of_others(job: str) -> Iterator[tuple[str, str, str]]:
    """Job, target and mark."""
    for other in _jobs():
        if other != job:
            yield from ((other, target, str(entry["mark"])) for target, entry in entries(other).items())


def _jobs() -> list[str]:
    return sorted(path.stem for path in record_file("any").parent.glob("[!.]*.json"))
