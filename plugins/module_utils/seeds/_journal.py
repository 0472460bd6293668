# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a seed writes down before each step, so that the next run can undo or finish what a kill interrupted.

The phases, in their order:

``resting``  containers are being stopped or paused; nothing is made yet.
``filling``  something may still be writing into the staging directory: it goes, and the seed is done again whole.
``placing``  the tree in the staging directory is complete and checked; it is being put in place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ..runner import _files, _paths
from ..runner._problem import Problem

RESTING, FILLING, PLACING = "resting", "filling", "placing"
_SCHEMA = 1


@dataclass(frozen=True)
class Rest:
    """A container that was put to rest."""

    id: str
    name: str
    verb: str
    """``stop`` or ``pause``."""
    stays: bool = False
    """It comes back only when the seed fails."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    """Its restart policy, when that would have the daemon's next start start it in the middle; empty when not."""


@dataclass(frozen=True)
class Journal:
    """A seed or an adoption that is under way."""

    volume: str
    label: str | None
    """The UUID in the volume's label: another volume of the name has another."""
    source: str
    """In words, for the provenance."""
    brings: str
    """What it is: ``seeded``, ``adopted`` or ``hydrated``."""
    staging: str
    """Where the tree is made ready to take the place of the volume's directory; empty when that is in the volume."""
    rests: tuple[Rest, ...] = ()
    phase: str = RESTING
    inode: int = 0
    """Of the complete tree: once the volume's directory has it, it is in place."""
    digest: str = ""
    job: str = ""
    """Whose snapshot it is, when it is one."""
    snapshot: str = ""
    """Its id."""

    def save(self) -> None:
        path = _paths.seed_file(self.volume)
        _files.private_directory(_paths.STATE)
        _files.private_directory(path.parent)
        _files.write(path, (json.dumps({"schema": _SCHEMA, **asdict(self)}, indent=1) + "\n").encode(), 0o600)

    def step(self, phase: str, inode: int = 0, digest: str = "") -> Journal:
        """The journal in its next phase, written down."""
        changed = replace(self, phase=phase, inode=inode, digest=digest)
        changed.save()
        return changed

    def forget(self) -> None:
        """Remove it, and what a run that was killed while it wrote left beside it."""
        path = _paths.seed_file(self.volume)
        for unfinished in path.parent.glob(f".{path.name}.*"):
            unfinished.unlink()
        _files.remove(path)


def load(volume: str) -> Journal | None:
    """What an interrupted seed of a volume of this name left, if any."""
    path = _paths.seed_file(volume)
    try:
        data = json.loads(path.read_bytes())
        if data.pop("schema") != _SCHEMA:
            raise Problem(_unusable(volume, f"its schema is not {_SCHEMA}"))
        return Journal(**{**data, "rests": tuple(Rest(**rest) for rest in data["rests"])})
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(_unusable(volume, repr(error))) from error


def _unusable(volume: str, why: str) -> str:
    return (
        f"volume {volume}: an earlier seed was interrupted, and its journal {_paths.seed_file(volume)} cannot be "
        f"understood ({why}). Start the containers that it names, look for .holdfast-seed in or beside the volume's "
        "data, then remove the journal."
    )
