# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the patterns of a job leave out one of its sources whole. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from ..runner._exclusion import Exclusion
from ..runner._job import Job
from ..runner._problem import Problem


def refuse(job: Job, option: str, source: str) -> None:
    """Problem when the job's patterns leave out a source whole: a backup of it would hold nothing."""
    pattern = leaving_out(job.exclude, source)
    if pattern:
        raise Problem(
            f"job {job.name}: {option}: exclude {pattern!r} leaves it out whole ({source}), and nothing of it would be "
            f"saved. Name only what lies in it, such as {source}/cache, or take it out of the job."
        )


def leaving_out(patterns: Sequence[str], path: str) -> str:
    """The pattern by which restic leaves out this path, by its own or a parent's name; empty when none does.

    One with ``!`` brings back what those before it leave out.
    """
    found = ""
    for pattern in patterns:
        if pattern.startswith("!"):
            found = "" if Exclusion([pattern[1:]]).leaves_out(path) else found
        elif Exclusion([pattern]).leaves_out(path):
            found = pattern
    return found
