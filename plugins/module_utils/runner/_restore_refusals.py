# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why a restore may not touch a place. Pure."""

from __future__ import annotations

from typing import Sequence

from ._problem import Problem
from ._restore_terms import NEW, REPLACE, Place, Request, Tree
from ._tree import OCCUPIED


def refuse(request: Request, tree: Tree, place: Place, backup: str) -> None:
    """Problem when the tree may not come into the place, in the mode that is wanted."""
    noun = f"restore {request.job}: {tree.origin.label}"
    _refuse_others(noun, request, place)
    if request.mode == NEW:
        if place.state == OCCUPIED:
            raise Problem(f"{noun}: the target {place.path} holds data already. Name another target, or remove it.")
        return
    refuse_use(noun, place.path, place.users, place.returning, backup)
    if request.mode == REPLACE and place.indispensable:
        raise Problem(
            f"{noun}: to replace {place.path} would move away, or come into, what this host's backups need: "
            f"{', '.join(place.indispensable)}. Restore beside it with mode new, and put in place by hand what you "
            "want of it."
        )
    if place.state == OCCUPIED and place.mounts_inside:
        raise Problem(
            f"{noun}: other file systems are mounted inside {place.path}: {', '.join(place.mounts_inside)}. They would "
            "move aside with it. Unmount them, or restore beside it with mode new."
        )


def refuse_use(noun: str, path: str, users: Sequence[str], returning: Sequence[str], backup: str) -> None:
    """Problem while somebody sees what would change beneath it, or would come to see it in the middle."""
    if users:
        raise Problem(
            f"{noun}: {path} is used by running containers: {', '.join(users)}. "
            "Stop them and run this again, or restore beside it with mode new."
        )
    refuse_backup(noun, path, returning, backup)


def refuse_backup(noun: str, path: str, returning: Sequence[str], backup: str) -> None:
    """Problem while a backup reads what would change beneath it, or is to start containers again that use it."""
    if backup:
        raise Problem(
            f"{noun}: the backup of this job is at work in {backup}. Run this again when it has ended (see holdfast "
            f"status), or end it with systemctl stop {backup}."
        )
    if returning:
        raise Problem(
            f"{noun}: {path} is used by containers that a backup has stopped and will start again: "
            f"{', '.join(returning)}. Let that backup end, or run holdfast release with its job; then stop them and "
            "run this again."
        )


def _refuse_others(noun: str, request: Request, place: Place) -> None:
    """Problem when another restore comes into the same place."""
    if place.filler:
        raise Problem(
            f"{noun}: the restore of job {place.filler.job} in the same call brings data into {place.filler.target}. "
            "Name another target."
        )
    if place.inner:
        raise Problem(
            f"{noun}: the restore of job {place.inner.job} in the same call brings data into {place.inner.target}, "
            f"which lies in {place.path}. Name job {request.job} before job {place.inner.job}: what lies around comes "
            "first."
        )
    if place.outer:
        raise Problem(
            f"{noun}: the restore of job {place.outer.job}, later in the same call, brings data into "
            f"{place.outer.target}, around {place.path}. Name job {place.outer.job} before job {request.job}: what "
            "lies around comes first."
        )
    if place.waiting:
        raise Problem(
            f"{noun}: a restore of job {place.waiting} is at work on {place.path}, or was interrupted and waits for "
            f"it. Let it end, or finish it with holdfast restore {place.waiting}; then run this again."
        )
