# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a migration has to copy, and whether it fits where it is to go: asked before anything is touched."""

from __future__ import annotations

from pathlib import Path

from ..runner._problem import Problem
from ..trees._copying import Size, check_space, measure
from ..volumes._kind import BIND, PLAIN
from ..volumes._volume import Definition, Volume
from ._way import kind


def obstacle(volume: Volume, size: Size, place: Path) -> str:
    """What stands against a copy of this size to the place, with the way out; empty when nothing does."""
    if not place.is_dir():
        return (
            f"volume {volume.name}: cannot be migrated: driver_options.device: {place} is no directory of this host. "
            "Create it, or mount what it should be on."
        )
    try:
        check_space(f"volume {volume.name}", size, place)
    except Problem as problem:
        return str(problem)
    return ""


def size_of(old: Definition, volume: Volume) -> Size | None:
    """How much is to be copied, where that can be seen without a container of one's own."""
    path = volume.mountpoint if kind(old) is PLAIN else ""
    if kind(old) is BIND:
        path = old.driver_options["device"]
    try:
        return measure(Path(path)) if path else None
    except OSError as error:
        raise Problem(f"volume {volume.name}: {path}: {error.strerror}. Its data cannot be seen.") from error
