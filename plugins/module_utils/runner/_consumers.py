# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses what a restore would change: containers, and the backup of its job."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Sequence

from . import _paths, _quiesce
from ._engine import Container, Engine
from ._systemd import show


@dataclass(frozen=True)
class Consumers:
    """The containers of this host that matter to a restore."""

    running: tuple[Container, ...] = ()
    returning: tuple[Container, ...] = ()
    """Those that a backup has stopped and will start again; their names are followed by its job."""


def look(engine: Engine, with_volumes: bool) -> Consumers:
    """The containers of now. Without Docker there are none, unless volumes are to be restored."""
    if not with_volumes and not _paths.DOCKER_SOCKET.exists():
        return Consumers()
    there = engine.containers()
    running = tuple(one for one in there if one.state in ("running", "paused", "restarting"))
    noted = {name: job for job in _quiesce.noted_jobs() for name in _quiesce.waiting(job)}
    stopped = [one for one in there if one.name in noted and one not in running]
    return Consumers(running, tuple(replace(one, name=f"{one.name} (job {noted[one.name]})") for one in stopped))


def users_of_any(containers: Sequence[Container], targets: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({name for target in targets for name in users(containers, "", target)}))


def users(containers: Sequence[Container], volume: str, path: str) -> tuple[str, ...]:
    """The containers that would see another content than they opened, or write into the one being restored."""
    return tuple(sorted(one.name for one in containers if _uses(one, volume, path)))


def _uses(container: Container, volume: str, path: str) -> bool:
    for mount in container.mounts:
        source = os.path.realpath(mount.source) if mount.source else ""
        if volume and mount.volume == volume:
            return True
        if source and os.path.commonpath([source, path]) == path:
            return True
        # One that only reads from above, such as a monitor of the whole host, follows the new content by its name.
        if source and mount.writable and os.path.commonpath([source, path]) == source:
            return True
    return False


def busy_backup(job: str) -> str:
    """The unit of the job's backup while it is at work, else empty."""
    if not (_paths.RUN / "systemd" / "system").is_dir():  # sd_booted(3): no systemd, no units
        return ""
    unit = _paths.backup_service(job)
    state = show([unit], ["ActiveState"]).get(unit, {}).get("ActiveState")
    return unit if state in ("activating", "active", "deactivating") else ""
