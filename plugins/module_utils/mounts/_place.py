# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory on which something is to be mounted, while nothing is mounted there."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from ..directories import _shaping
from ..directories._ownership import Ownership
from ..runner._problem import Problem
from ..trees import _beneath


@dataclass(frozen=True)
class Place:
    """What is there."""

    exists: bool = False
    ownership: Ownership = field(default_factory=Ownership)
    entries: tuple[str, ...] = ()
    """The first names in it."""
    problem: str = ""
    """Why nothing can be mounted there, as a sentence."""


_SHOWN = 3


def look(path: str) -> dict[str, Any]:
    """The place as what JSON can hold, so that it can be asked for in another process. Raises OSError."""
    try:
        with _reached(path) as (directory, missing):
            if missing:
                return {"exists": False}
            status = os.fstat(directory)
            return {
                "exists": True,
                "ownership": [status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)],
                "entries": sorted(os.listdir(directory))[: _SHOWN + 1],
            }
    except Problem as problem:
        return {"exists": True, "problem": str(problem)}


def place(seen: dict[str, Any]) -> Place:
    """What :func:`look` returned."""
    return Place(
        seen["exists"],
        Ownership(*seen.get("ownership", ())),
        tuple(seen.get("entries", ())),
        seen.get("problem", ""),
    )


def told_of(entries: Sequence[str]) -> str:
    """The first names, for a message."""
    return ", ".join(entries[:_SHOWN]) + (", …" if len(entries) > _SHOWN else "")


def make(path: str, wanted: Ownership) -> bool:
    """Make the directory and those above it, or give the one there what is wanted of it; whether it was made."""
    made = False
    while True:
        with _reached(path) as (directory, missing):
            if not missing:
                _shaping.apply(directory, wanted.over(Ownership(0, 0, 0o755)) if made else wanted)
                return made
            made = len(missing) == 1
            _beneath.make(directory, missing[0], 0, 0, 0o755)


def unmake(path: str) -> None:
    """Remove a directory that was made for nothing, unless somebody has put something into it."""
    with suppress(OSError):
        os.rmdir(path)


@contextmanager
def _reached(path: str) -> Iterator[tuple[int, Sequence[str]]]:
    """The directory, or the nearest one above it that exists, and the names that are missing."""
    names = [name for name in path.split("/") if name]
    with _beneath.opened("/") as root, _beneath.reached(root, names, "/") as (directory, count):
        yield directory, names[count:]
