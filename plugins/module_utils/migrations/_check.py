# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a host matters to a migration, and what stands against one. No input, no output."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..runner._problem import Problem
from ..trees._content import Content
from ..trees._copying import Size
from ..volumes._kind import BIND, TMPFS
from ..volumes._volume import Definition, Volume
from ._way import KEEP_IN_PLACE, MOVE, STAGE_NEW, device, kind, strategy

STOP = "stop"
_MOST_NAMED = 5


@dataclass(frozen=True)
class User:
    """A container that has to be created again."""

    id: str
    name: str
    state: str
    patience: int | None = None
    """Seconds that it gives itself to stop; None: Docker's own 10."""
    removes_itself: bool = False
    service: str = ""
    """The Swarm service whose task it is."""
    written: int = 0
    """How many paths of its own layer are carried over."""
    deleted: tuple[str, ...] = ()
    """Paths of its image that it deleted in its own layer: these come back."""
    obstacle: str = ""
    """Why it could not be created again, with the way out; empty when it can."""

    @property
    def runs(self) -> bool:
        return self.state in ("running", "restarting", "paused")


@dataclass(frozen=True)
class Facts:
    """What the host says beyond the volume itself."""

    users: tuple[User, ...] = ()
    """In the order in which they are stopped."""
    size: Size | None = None
    """None where it can be seen only once the volume is held mounted."""
    target: Content | None = None
    """What lies at the device of the new definition; None where that cannot be seen yet."""
    is_local: bool = True
    """Docker's paths are paths of this host."""
    obstacle: str = ""
    """Why the data would not fit there, with the way out; empty when it would, as far as can be seen."""
    binders: tuple[str, ...] = ()
    """Running containers that bind the volume's own directory by its path."""


def check(wanted: Definition, volume: Volume, facts: Facts, quiesce: str, data: str) -> None:
    """Problem when the volume must not be migrated, or cannot be."""
    noun = f"volume {volume.name}: cannot be migrated"
    old = Definition(volume.driver, volume.driver_options, volume.labels)
    _check_definitions(noun, volume, old, wanted, data)
    if not facts.is_local:
        raise Problem(
            f"{noun}: its data lies on the host behind docker_host. Run the task on that host, with the daemon's own "
            "socket."
        )
    for user in facts.users:
        _check_user(noun, user)
    if facts.binders:
        raise Problem(
            f"{noun}: {few(facts.binders)} binds its directory {volume.mountpoint} by its path, and would go on "
            "using the old one. Stop it, and let it mount the volume by its name."
        )
    _check_quiesce(noun, facts, quiesce)
    way = strategy(old, wanted, data)
    if way == STAGE_NEW and facts.target is not None and not facts.target.is_empty:
        raise Problem(
            f"{noun}: {device(wanted)} is not empty, it holds {facts.target}. Empty it, or name another; or set "
            "data: keep_in_place to use what lies there instead of the volume's data."
        )
    if facts.obstacle:
        raise Problem(facts.obstacle)
    if way != MOVE and volume.content.beside and data != KEEP_IN_PLACE:
        raise Problem(
            f"{noun}: Docker would remove with it what a restore kept beside its data: "
            f"{' and '.join(volume.content.beside)}. Move that away, and run again."
        )


def _check_definitions(noun: str, volume: Volume, old: Definition, wanted: Definition, data: str) -> None:
    if TMPFS in (kind(old), kind(wanted)):
        raise Problem(
            f"{noun}: {'the new definition is' if kind(wanted) is TMPFS else 'it is'} memory (type: tmpfs), which "
            "holds data only as long as a container uses it. Set on_drift: recreate to create it anew."
        )
    if data == KEEP_IN_PLACE and not wanted.driver_options.get("device") and wanted.driver == "local":
        raise Problem(
            f"{noun} with data: keep_in_place: the new definition names no device where data could lie. Leave "
            "data out, or declare driver_options with type and device."
        )
    if kind(wanted) is BIND and kind(old) is not BIND and volume.mountpoint:
        place = os.path.normpath(device(wanted))
        folder = os.path.dirname(volume.mountpoint)
        if os.path.commonpath([place, folder]) in (place, folder):
            raise Problem(
                f"{noun}: driver_options.device: {place} and the volume's own folder {folder}, which goes with it, "
                "lie in one another. Name another directory."
            )


def _check_user(noun: str, user: User) -> None:
    if user.service:
        raise Problem(
            f"{noun}: container {user.name} is a task of the Swarm service {user.service}, and Swarm would start it "
            f"again at once. Scale the service to 0 (docker service scale {user.service}=0), remove its stopped tasks, "
            "and run again."
        )
    if user.removes_itself and user.runs:
        raise Problem(
            f"{noun}: container {user.name} was started with --rm: Docker would remove it, with its anonymous volumes, "
            "when it is stopped. End it yourself, and run again."
        )
    if user.obstacle:
        raise Problem(f"{noun}: container {user.name} could not be created again: {user.obstacle}")


def _check_quiesce(noun: str, facts: Facts, quiesce: str) -> None:
    running = [user.name for user in facts.users if user.runs]
    if not running or quiesce == STOP:
        return
    if quiesce == "pause":
        raise Problem(
            f"{noun} with quiesce: pause: {few(running)} would have to be created again, since Docker removes no "
            "volume that a container refers to. Set quiesce: stop."
        )
    raise Problem(
        f"{noun}: {few(running)} run{'s' if len(running) == 1 else ''}. Set quiesce: stop to let the module stop, "
        "create again and start what runs, or stop it yourself."
    )


def few(names: Sequence[str]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
