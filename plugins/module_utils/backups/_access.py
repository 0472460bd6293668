# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host may do with a repository: its passwords, which restic calls keys, and whether it can delete."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ..runner import _answers
from ..runner._answers import Progress
from ..runner._problem import Locked, Problem
from ..runner._restic import Restic
from ..runner._restic_process import Outcome
from ._password_change import Key, same_key

WAIT = 60
"""Seconds to wait for a repository that somebody else works on: a play waits meanwhile."""
_MARK = "holdfast-proof"
"""The tag of the snapshot that a proof tries to remove. No job has it, so no retention of a job counts it."""
_MARK_TEXT = b"Saved by holdfast to prove that this host cannot remove it.\n"
# S3 and its like, restic's REST server, rclone, SFTP; restic's own words when one of them has refused.
_REFUSED = re.compile(r"\b403\b|forbidden|denied|not permitted|unable to remove|AccessDenied", re.IGNORECASE)


class Access(Restic):
    """restic with what only modules ask of it."""

    def list_keys(self) -> list[Key]:
        """All passwords of the repository, by id."""
        # restic 0.14 takes a lock for this whatever it is told.
        outcome = self.patiently(lambda: self._checked(["key", "list", "--json"], "list its keys"), WAIT)
        listed = _answers.parse(outcome.output, "key list")
        return [Key(str(entry["id"]), bool(entry["current"])) for entry in listed or []]

    def add_key(self, password_file: Path) -> None:
        """Let one more password open the repository."""
        arguments = ["key", "add", f"--new-password-file={password_file}"]
        self.patiently(lambda: self._checked(arguments, "add the new password"), WAIT)

    def remove_key(self, key: str) -> None:
        """Let a password no longer open the repository. Problem when it still does."""
        what = f"remove the old password (key {key})"
        outcome = self.patiently(lambda: self._attempt(["key", "remove", key], what), WAIT)
        if not any(same_key(found.id, key) for found in self.list_keys()):
            return
        if outcome.code == 0 or _REFUSED.search(outcome.errors):
            raise Problem(
                f"repository {self.repository.name}: the old password (key {key}) is still there, although restic was "
                "told to remove it: this host may not delete there. Remove it where that is allowed (restic key remove "
                f"{key}), and run this again; or leave it, with password_change: add."
            )
        raise self._problem(what, outcome)

    def can_delete(self, host: str, folder: Path) -> bool:
        """Whether this host can remove a snapshot of its own, tried on one of a few bytes that is made for it.

        One that could not be removed the last time is tried again, so at most one stays. ``folder``: where to write the
        file that it holds. Problem when the attempt ended otherwise than by success or by a refusal.
        """
        marks = self._marks(host)
        if not marks:
            (folder / _MARK).write_bytes(_MARK_TEXT)
            self.patiently(lambda: self.backup([str(folder / _MARK)], [], host, [_MARK], _ignore), WAIT)
            marks = self._marks(host)
        outcome = self.patiently(lambda: self._attempt(["forget", marks[0]], "try to remove a snapshot"), WAIT)
        if marks[0] not in self._marks(host):
            return True
        # restic 0.14 succeeds all the same and says nothing.
        if outcome.code == 0 or _REFUSED.search(outcome.errors):
            return False
        raise Problem(
            f"repository {self.repository.name}: whether it is append-only could not be proven: restic neither removed "
            f"snapshot {marks[0][:8]}, which was made for this, nor was it refused ({self._words(outcome.errors)}). "
            "Mend what it says, and run this again."
        )

    def _marks(self, host: str) -> list[str]:
        arguments = ["snapshots", "--json", "--no-lock", f"--host={host}", f"--tag={_MARK}"]
        listed = _answers.parse(self._checked(arguments, "list the snapshots").output, "snapshots")
        return [str(entry["id"]) for entry in listed or []]

    def _attempt(self, arguments: Sequence[str], what: str) -> Outcome:
        """Run restic, whatever comes of it but a lock: afterwards one looks what is there."""
        outcome = self._run(arguments)
        problem = self._problem(what, outcome) if outcome.code != 0 else None
        if isinstance(problem, Locked):
            raise problem
        return outcome


def _ignore(_progress: Progress) -> None:
    """Nobody looks at the progress of a few bytes."""
