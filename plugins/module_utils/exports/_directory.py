# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The directory that is exported: looked at and made by descriptors, without following any link."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from ..directories import _shaping
from ..directories._ownership import Ownership
from ..runner._problem import Problem
from ..trees import _beneath

_ABOVE_MODE = 0o755
"""What directories on the way get, which are root's."""


def look(path: str) -> tuple[Ownership | None, tuple[str, ...], bool]:
    """What it is like, None when it is not there; what is missing above it; whether it is empty.

    Raises Problem for a link or a file in the way, and OSError.
    """
    with _reached(path) as (directory, missing):
        if missing:
            return None, missing[:-1], True
        status = os.fstat(directory)
        is_empty = not set(os.listdir(directory)) - {"lost+found"}
        return Ownership(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)), (), is_empty


def make(path: str, wanted: Ownership) -> None:
    """Make the directory and those above it. Raises Problem, and OSError."""
    last = False
    while not last:
        with _reached(path) as (directory, missing):
            if not missing:
                break
            last = len(missing) == 1
            _beneath.make(directory, os.path.basename(missing[0]), 0, 0, 0o700 if last else _ABOVE_MODE)
    shape(path, wanted)


def shape(path: str, wanted: Ownership) -> None:
    """Give owner, group and mode to the directory alone, while it is empty. Raises Problem, and OSError."""
    with _reached(path) as (directory, missing):
        if missing:
            raise Problem("the directory was there and is gone. Find out who removed it, and run again.")
        if set(os.listdir(directory)) - {"lost+found"}:
            raise Problem("the directory was empty and now holds data, so it is left as it is. Run again.")
        _shaping.apply(directory, wanted)


@contextmanager
def _reached(path: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The directory, or the nearest one above it that exists; and the paths that are missing, from above on."""
    names = [name for name in path.split("/") if name]
    paths = [f"/{'/'.join(names[: depth + 1])}" for depth in range(len(names))]
    with _beneath.opened("/") as root, _beneath.reached(root, names, "/") as (directory, count):
        yield directory, tuple(paths[count:])
