# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restic's patterns leave out, as its documentation says under "Excluding files". Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from ..runner._job import Job
from ..runner._problem import Problem

_ANY = "**"
_TOKEN = re.compile(r"\\(?P<plain>.)|(?P<class>\[\^?(?:\\.|[^\]\\])+\])|(?P<other>.)", re.DOTALL)


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
            found = "" if matches(pattern[1:], path) else found
        elif matches(pattern, path):
            found = pattern
    return found


def matches(pattern: str, path: str) -> bool:
    """Whether the pattern fits names that follow each other in the absolute path; one with ``/`` begins at its root."""
    rooted = pattern.startswith("/")
    parts = [part for part in posixpath.normpath(pattern).split("/") if part]
    names = [name for name in path.split("/") if name]
    starts = [0] if rooted else range(len(names))
    return bool(parts) and any(_fits(parts, names[start:]) for start in starts)


def _fits(parts: Sequence[str], names: Sequence[str]) -> bool:
    """Whether the names begin as the parts want."""
    if not parts:
        return True
    if parts[0] == _ANY:
        return any(_fits(parts[1:], names[skipped:]) for skipped in range(len(names) + 1))
    return bool(names) and bool(_expression(parts[0]).fullmatch(names[0])) and _fits(parts[1:], names[1:])


def _expression(part: str) -> re.Pattern[str]:
    """Go's pattern for one name, see its path/filepath.Match. One that Go refuses matches nothing here."""
    words = {"*": ".*", "?": "."}
    text = "".join(
        found["class"] or words.get(found["other"]) or re.escape(found["plain"] or found["other"])
        for found in _TOKEN.finditer(part)
    )
    try:
        return re.compile(text, re.DOTALL)
    except re.error:
        return re.compile(r"(?!)")
