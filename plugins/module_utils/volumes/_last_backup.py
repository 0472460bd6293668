# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The last good backup of each volume, as the jobs of this host and what they recorded tell it.

Good is a success that found something in the volume: one that found it empty brings nothing of it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..runner import _job, _state
from ..runner._problem import Problem
from ..runner._state import Run
from ..runner._text import duration

_VOLUME = "volume "
"""How the label of a volume among the sources of a run begins."""


@dataclass(frozen=True)
class LastBackup:
    """The newest success of any job that saved something of the volume."""

    job: str
    finished: str
    """ISO 8601 in UTC."""
    age: int
    """Seconds since it finished."""
    snapshot: str | None = None

    def __str__(self) -> str:
        return f"last backed up {duration(self.age)} ago by job {self.job}"

    def shown(self) -> dict[str, Any]:
        """In the form of a module's result."""
        return {"job": self.job, "finished": self.finished, "age": self.age, "snapshot": self.snapshot}


@dataclass(frozen=True)
class Backups:
    """What is known of the backups of this host's volumes."""

    of: Mapping[str, LastBackup] = field(default_factory=dict)
    """By the volume's name; a volume that is missing has no good backup on record."""
    unread: tuple[str, ...] = ()
    """Why what a job recorded cannot be read, as sentences: then a missing backup is not known to be missing."""

    def told(self, volume: str) -> str:
        """What is known of the volume's backup, to be read after what would be lost."""
        last = self.of.get(volume)
        if last:
            return str(last)
        if self.unread:
            return f"of which no backup is known ({self.unread[0].rstrip('.')})"
        return "never backed up by a job of this host"


def last_backups() -> Backups:
    """The last good backups of all volumes, by one look at every job of this host."""
    try:
        names = _job.names()
    except OSError as error:
        return Backups(unread=(f"jobs: {error}.",))
    runs, unread = {}, []
    for name in names:
        try:
            runs[name] = _state.load(name).last_success
        except Problem as problem:
            unread.append(str(problem))
        except OSError as error:
            unread.append(f"job {name}: its state cannot be read: {error}.")
    return Backups(newest(runs.items(), _state.now()), tuple(unread))


def last_backup(volume: str) -> LastBackup | None:
    """The volume's last good backup, None when there is none on record."""
    return last_backups().of.get(volume)


def backup_of(volume: str) -> str:
    """What is known of the volume's backup, to be read after what would be lost with it."""
    return last_backups().told(volume)


def newest(runs: Iterable[tuple[str, Run | None]], now: datetime) -> dict[str, LastBackup]:
    """By volume the newest of the jobs' last successes that found something in it."""
    found: dict[str, LastBackup] = {}
    for job, run in runs:
        if run is None:
            continue
        last = LastBackup(job, run.finished, int((now - _state.time(run.finished)).total_seconds()), run.snapshot)
        for label in run.filled:
            volume = label[len(_VOLUME) :]
            if label.startswith(_VOLUME) and (volume not in found or last.age < found[volume].age):
                found[volume] = last
    return found
