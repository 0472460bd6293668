# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place of this host into which a tree of a snapshot goes: where it is, and what is there now."""

from __future__ import annotations

import os
import re
from dataclasses import replace

from . import _paths
from ._engine import Engine
from ._problem import Problem
from ._restic import Snapshot
from ._restore_terms import NEW, Place, Request, Tree
from ._sources import is_mounted
from ._tree import MISSING, existing_ancestor, look, root_of

ORIGIN_LABEL = "holdfast.restored-from"
"""On a volume that a restore made: the snapshot and source that its content comes from."""


def place_of(tree: Tree, request: Request, snapshot: Snapshot, engine: Engine, check: bool) -> Place:
    """Where the tree goes. ``check``: a volume that is missing is taken as one that will have been created before."""
    if tree.origin.kind == "volume":
        return _volume_place(tree, request, snapshot, engine, check)
    return _path_place(tree, request, snapshot)


def mounts_inside(path: str) -> tuple[str, ...]:
    """What is mounted below the path, as the kernel writes it: blanks and the like as octal numbers."""
    written = re.sub(r"[ \t\n\\]", lambda match: f"\\{ord(match[0]):03o}", path)
    with open(_paths.MOUNTINFO, encoding="utf-8", errors="surrogateescape") as lines:
        points = {line.split()[4] for line in lines}
    return tuple(sorted(point for point in points if point.startswith(f"{written}/")))


def _volume_place(tree: Tree, request: Request, snapshot: Snapshot, engine: Engine, check: bool) -> Place:
    name = tree.origin.name
    if request.mode == NEW:
        name = request.target or f"{name}.restored-{snapshot.short_id}"
    noun = f"restore {request.job}: volume {name}"
    volume = engine.volume(name)
    if volume is None:
        if request.mode != NEW and not check:
            raise Problem(
                f"{noun}: Docker on this host has none of this name. Create it first, with its own driver and "
                f"options (docker volume create {name}, the module volume, or the playbook provision), then run "
                "this again; or restore it with mode new."
            )
        path = engine.predicted_mountpoint(name)
        place = _look(path, beside=os.path.dirname(path))
        return replace(place, new_volume=name) if request.mode == NEW else replace(place, supposed=True)
    if not volume.mountpoint:
        raise Problem(f"{noun}: its driver {volume.driver} gives no path on this host. Restore it with mode new.")
    if volume.is_mount and not is_mounted(volume.mountpoint):
        raise Problem(
            f"{noun}: it is mounted only while a container uses it, and what is restored now would land beneath. "
            f"Mount its device at {volume.mountpoint} for the restore, or restore it with mode new."
        )
    path = os.path.realpath(volume.mountpoint)
    return replace(_look(path, beside=os.path.dirname(path)), origin=volume.labels.get(ORIGIN_LABEL, ""))


def _path_place(tree: Tree, request: Request, snapshot: Snapshot) -> Place:
    path = tree.origin.path
    if request.mode == NEW:
        path = request.target or f"{path}.restored-{snapshot.short_id}"
    path = os.path.realpath(path)
    return _look(path, beside=existing_ancestor(path))


def _look(path: str, beside: str) -> Place:
    mount_point = is_mounted(path)
    state = look(path, mount_point)
    where = path if mount_point else existing_ancestor(path)
    space = os.statvfs(where)
    return Place(
        path=path,
        state=state,
        beside=beside,
        device=os.stat(where).st_dev,
        free=space.f_bavail * space.f_frsize,
        root=None if state == MISSING else root_of(path),
        mount_point=mount_point,
    )
