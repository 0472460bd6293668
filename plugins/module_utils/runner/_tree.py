# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies in a directory tree of this host: whether it holds data, how much, and the node at its top."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

MISSING, EMPTY, OCCUPIED = "missing", "empty", "occupied"
STAGING_PREFIX = ".holdfast-restore-"
"""The names of the directories into which a restore puts what it has not put in place yet begin so."""
LOST_FOUND = "lost+found"
"""Made by mkfs in the root of a file system: never data of the service, and never moved."""


@dataclass(frozen=True)
class Content:
    """What a tree holds: regular files and the sum of their sizes, without ``lost+found`` at its root."""

    files: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class Root:
    """The topmost node of a tree: what a restore must bring back besides the entries."""

    directory: bool
    uid: int
    gid: int
    mode: int
    """Permissions with set-uid, set-gid and sticky bits, as in ``stat``."""


def look(target: str, mount_point: bool) -> str:
    """Whether the target is missing, empty or occupied. An empty file holds nothing, a lone ``lost+found`` neither."""
    try:
        found = os.lstat(target)
    except FileNotFoundError:
        return MISSING
    if not stat.S_ISDIR(found.st_mode):
        return OCCUPIED if found.st_size or not stat.S_ISREG(found.st_mode) else EMPTY
    with os.scandir(target) as entries:
        strangers = [entry.name for entry in entries if not (mount_point and _is_no_data(entry.name))]
    return OCCUPIED if strangers else EMPTY


def _is_no_data(name: str) -> bool:
    """In the root of a file system: what mkfs made, or what an interrupted restore left."""
    return name == LOST_FOUND or name.startswith(STAGING_PREFIX)


def holds_a_file(tree: str) -> bool:
    """Whether anything but directories lies in the tree, ``lost+found`` at its root aside."""
    for above, folders, others in os.walk(tree):
        if above == tree and LOST_FOUND in folders:
            folders.remove(LOST_FOUND)
        if others or any(os.path.islink(os.path.join(above, folder)) for folder in folders):
            return True
    return False


def root_of(path: str) -> Root:
    """Type, owner and mode of the node itself."""
    found = os.lstat(path)
    return Root(stat.S_ISDIR(found.st_mode), found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))


def measure(tree: str, without: tuple[str, ...] = ()) -> Content:
    """Count the tree's regular files and bytes, without these paths and without ``lost+found`` at its root."""
    top = os.lstat(tree)
    if not stat.S_ISDIR(top.st_mode):
        return Content(1, top.st_size)
    files = size = 0
    waiting = [tree]
    apart = {*without, os.path.join(tree, LOST_FOUND)}
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.path in apart:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                elif entry.is_file(follow_symlinks=False):
                    files += 1
                    size += entry.stat(follow_symlinks=False).st_size
    return Content(files, size)


def existing_ancestor(path: str) -> str:
    """The nearest directory above the path that exists; what is made below it lies in the same file system."""
    above = os.path.dirname(path)
    while not os.path.isdir(above):
        above = os.path.dirname(above)
    return above
