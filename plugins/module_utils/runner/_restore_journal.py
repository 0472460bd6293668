# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore writes down before each step, so that the next run can finish what a kill or a power cut interrupted.

The phases of one tree, in their order:

``staging``  restic may still be writing: the next run removes the staging directory, the target was not touched.
``staged``   every tree of the journal is complete in its staging directory: from here on it only goes forward.
``aside``    the previous content lies where it is kept; the restored tree goes in.
``placed``   the restored tree is in place; what is left of the staging directory goes.
``done``     checked in its place.
``left``     another job's restore had filled the target meanwhile: that stays, the staging directory is gone.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from . import _files, _paths
from ._problem import Problem
from ._tree import STAGING_PREFIX, Content, Root

STAGING, STAGED, ASIDE, PLACED, DONE, LEFT = "staging", "staged", "aside", "placed", "done", "left"
_SCHEMA = 1


@dataclass(frozen=True)
class Placement:
    """The way of one restored tree to its target. All paths absolute, without symbolic links."""

    label: str
    """What a person calls it: "volume pgdata"."""
    source: str
    """Its path in the snapshot."""
    target: str
    staging: str
    kept: str
    """Where the previous content goes; empty when there is none."""
    mount_point: bool
    """The target is the root of a file system, so its entries move, not itself."""
    root: Root
    content: Content
    new_volume: str = ""
    """The volume that this restore creates; an unfinished one is removed again."""
    phase: str = STAGING

    @property
    def tree(self) -> str:
        """Where restic puts the tree."""
        return self.staging + self.source


@dataclass
class Journal:
    """All placements of one restore of one job, as they lie on the disk."""

    job: str
    snapshot: str
    time: str
    placements: list[Placement]
    known: list[str] = field(default_factory=list)
    """The marks of what other jobs' restores had put in place when it began: see :mod:`_restore_records`."""

    def save(self) -> None:
        path = journal_file(self.job)
        _files.private_directory(path.parent)
        data = {"schema": _SCHEMA, **asdict(self)}
        _files.write(path, (json.dumps(data, indent=1, sort_keys=True) + "\n").encode(), 0o600)

    def forget(self) -> None:
        _files.remove(journal_file(self.job))

    def set_phase(self, index: int, phase: str) -> None:
        self.placements[index] = replace(self.placements[index], phase=phase)
        self.save()

    @property
    def committed(self) -> bool:
        """Past the point from which it only goes forward."""
        return all(placement.phase != STAGING for placement in self.placements)


def journal_file(job: str) -> Path:
    return _paths.STATE / "restores" / f"{job}.json"


def lock_file(job: str) -> Path:
    """Held by the restore of the job that is at work."""
    return journal_file(job).with_suffix(".lock")


def record_file(job: str) -> Path:
    return _paths.STATE / "restored" / f"{job}.json"


def record(job: str, target: str, snapshot: str) -> None:
    """Note that a restore has put this snapshot in place at the target."""
    path = record_file(job)
    _files.private_directory(path.parent)
    # Only ever compared for being another one, so a clock that jumps does no harm.
    mark = datetime.now(timezone.utc).isoformat(timespec="microseconds")
    data = {"schema": _SCHEMA, "targets": {**entries(job), target: {"snapshot": snapshot, "mark": mark}}}
    _files.write(path, (json.dumps(data, indent=1, sort_keys=True) + "\n").encode(), 0o600)


def restored(job: str) -> dict[str, str]:
    """Target → snapshot of what restores of the job have put in place; nothing when the record is not sound."""
    return {target: entry["snapshot"] for target, entry in entries(job).items()}


def entries(job: str) -> dict[str, dict[str, str]]:
    """The record: by target the snapshot, and a mark that no other entry has; nothing when it is not sound."""
    try:
        found = json.loads(record_file(job).read_bytes())["targets"]
        return {target: {"snapshot": entry["snapshot"], "mark": entry["mark"]} for target, entry in found.items()}
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def load(job: str) -> Journal | None:
    """The journal that an interrupted restore of the job left behind, if any."""
    path = journal_file(job)
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise Problem(_unusable(job, path, str(error))) from None
    try:
        if data.pop("schema") != _SCHEMA:
            raise Problem(_unusable(job, path, f"its schema is not {_SCHEMA}"))
        rows = [
            Placement(**{**row, "root": Root(**row["root"]), "content": Content(**row["content"])})
            for row in data.pop("placements")
        ]
        return Journal(placements=rows, **data)
    except (KeyError, TypeError, AttributeError) as error:
        raise Problem(_unusable(job, path, repr(error))) from None


def _unusable(job: str, path: Path, why: str) -> str:
    return (
        f"job {job}: an earlier restore was interrupted and its journal {path} cannot be understood ({why}). "
        f"Look for directories {STAGING_PREFIX}* beside the targets, then remove the journal."
    )
