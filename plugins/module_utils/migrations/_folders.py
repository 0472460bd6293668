# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders in which Docker's own driver keeps plain volumes, between which data moves by renames."""

from __future__ import annotations

import os
from pathlib import Path

from ..runner import _files
from ..runner._problem import Problem
from ._journal import Journal

_DATA = "_data"
_OF_DOCKER = (_DATA, "opts.json")
"""What the driver keeps in a volume's folder."""


def move(inode: int, source: Path, target: Path) -> None:
    """Rename the data, known by its inode, and what lies beside it into another volume's folder; it may be repeated.

    The target's data directory is empty. One takes the place of the data too, so that a container that has the volume
    mounted can still be started.
    """
    data = source / _DATA
    if data.exists() and data.stat().st_ino == inode:
        os.rename(data, target / _DATA)
    data.mkdir(exist_ok=True)
    for name in sorted(os.listdir(source)):
        if name not in _OF_DOCKER:
            os.rename(source / name, target / name)
    for folder in (target, source, target.parent):
        _files.synchronise(folder)


def refuse_newcomers(journal: Journal, path: Path) -> None:
    """Problem when somebody wrote into the volume while its data was elsewhere."""
    if path.is_dir() and os.listdir(path):
        raise Problem(
            f"volume {journal.volume}: somebody wrote into {path} during its migration, while its data was in volume "
            f"{journal.staging}. Stop who uses it, move away what lies there, and run again."
        )
