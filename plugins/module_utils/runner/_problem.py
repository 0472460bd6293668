# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What went wrong, in words for a person at night, with the exit status that the runner gives it."""

from __future__ import annotations


class Problem(Exception):
    """Something that stops one object: the message names the object, the action, the value and the way out."""

    exit_code = 1


class Partial(Problem):
    """A snapshot exists, but some of the data could not be read (restic's own exit status for it is 3 too)."""

    exit_code = 3


class Locked(Problem):
    """Somebody else works on the repository, and the bounded wait is over (restic's own exit status is 11 too)."""

    exit_code = 11


class Precondition(Problem):
    """The run must not start now: a source is missing, not mounted, or empty (EX_TEMPFAIL of sysexits.h)."""

    exit_code = 75
