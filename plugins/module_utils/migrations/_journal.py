# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration writes down before each step, so that the next run finishes or undoes what was interrupted.

The phases in their order:

``begun``       containers may be stopped, a copy may be under way: the next run undoes that.
``verified``    the copy is complete and proved: from here on it only goes forward.
``clearing``    containers are removed; data that moves by rename leaves the old volume.
``replacing``   the old volume is removed, and the new one created under its name.
``filling``     the data goes into the new volume.
``recreating``  the data is in place; containers are created again and started, the staging volume goes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..runner import _files, _paths
from ..runner._problem import Problem
from ..volumes._volume import Definition

BEGUN, VERIFIED, CLEARING, REPLACING, FILLING, RECREATING = PHASES = (
    "begun",
    "verified",
    "clearing",
    "replacing",
    "filling",
    "recreating",
)
_SCHEMA = 1
_ENDING = ".json"


@dataclass
class Held:
    """A container that is created again."""

    id: str
    name: str
    state: str
    """What it was before anything was touched: ``running``, ``paused``, or anything else for "not running"."""
    inspect: Mapping[str, Any]
    """All that Docker knew of it then."""
    written: list[str] = field(default_factory=list)
    """The paths of its own layer that are carried over: they are in the archive."""
    unsaved: int = 0
    """How many of such paths it has that are not in the archive yet."""
    is_back: bool = False
    """It is there again, and in its state."""

    @property
    def ran(self) -> bool:
        return self.state in ("running", "restarting", "paused")


@dataclass
class Journal:
    """The migration of one volume, as it lies on the disk: root's alone, since environments hold secrets."""

    volume: str
    strategy: str
    old: Definition
    new: Definition
    containers: list[Held]
    """In the order in which they are stopped."""
    phase: str = BEGUN
    fingerprint: str = ""
    """Of the old tree before it was copied."""
    inode: int = 0
    """Of the old tree's top, where it moves by rename."""
    target: list[int] = field(default_factory=list)
    """Owner, group and mode that the empty target had before the copy began; empty as long as it has not."""
    stopping: str = ""
    """The container that Docker was asked last to stop, as long as it has not answered."""
    is_filling: bool = False
    """The copy into the new volume has begun."""

    @property
    def staging(self) -> str:
        return staging_name(self.volume)

    @property
    def is_given_up(self) -> bool:
        """The old volume stays the volume; what is left to do is to create its containers again."""
        return self.new == self.old

    def knows(self, name: str | None) -> bool:
        """Whether it is none or one of these containers: one may have gone between the plan and the beginning."""
        return name is None or any(held.name == name for held in self.containers)

    def held(self, name: str) -> Held:
        return next(held for held in self.containers if held.name == name)

    def has_reached(self, phase: str) -> bool:
        return PHASES.index(self.phase) >= PHASES.index(phase)

    def enter(self, phase: str) -> None:
        self.phase = phase
        self.save()

    def give_up(self) -> None:
        self.new = self.old
        self.enter(RECREATING)

    def save(self) -> None:
        path = _paths.migration_file(self.volume)
        _files.private_directory(_paths.STATE)
        _files.private_directory(path.parent)
        _files.write(path, (json.dumps({"schema": _SCHEMA, **asdict(self)}, indent=1) + "\n").encode(), 0o600)

    def forget(self) -> None:
        """The migration is over: nothing of it is left to be done."""
        path = _paths.migration_file(self.volume)
        for held in self.containers:
            _files.remove(self.archive(held))
        _files.remove(path)
        for left in path.parent.glob(f".{path.name}.*"):
            # Of a run that was killed while it wrote.
            _files.remove(left)

    def archive(self, held: Held) -> Path:
        """Where what the container wrote to its own layer waits for it."""
        path = _paths.migration_file(self.volume)
        return path.with_name(f"{path.stem}.{held.id[:12]}.tar")


def staging_name(volume: str) -> str:
    return f"{volume}.holdfast-staging"


def probe_name(volume: str) -> str:
    return f"{volume}.holdfast-probe"


def lock_file() -> Path:
    """One migration at a time on a host: those of two volumes may have to take the same containers away."""
    return _folder() / ".lock"


def all_volumes() -> list[str]:
    """The volumes whose migration is under way or was interrupted, without a look into their journals."""
    try:
        names = os.listdir(_folder())
    except FileNotFoundError:
        return []
    return sorted(unquote(name[: -len(_ENDING)]) for name in names if name.endswith(_ENDING))


def _folder() -> Path:
    return _paths.migration_file("any").parent


def load(volume: str) -> Journal | None:
    """The journal of the volume's migration that was interrupted, None when there is none. Problem when not sound."""
    path = _paths.migration_file(volume)
    try:
        data = json.loads(path.read_bytes())
        schema = data.pop("schema")
        if schema == _SCHEMA:
            return _from_json(data)
    except FileNotFoundError:
        return None
    except PermissionError:
        why = "may not be read by this user. Run the task as root (become: true)"
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        why = (
            f"is not sound ({error!r}). Compare the volumes {volume} and {staging_name(volume)} by hand, and move the "
            "journal away"
        )
    else:
        why = f"has schema {schema}, and this program knows {_SCHEMA}. Use the newer version of the collection"
    raise Problem(f"volume {volume}: the journal {path} of its interrupted migration {why}.")


def _from_json(data: dict[str, Any]) -> Journal:
    data["old"] = Definition(**data["old"])
    data["new"] = Definition(**data["new"])
    data["containers"] = [Held(**held) for held in data["containers"]]
    return Journal(**data)
