# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the data of a volume is on this host, and the room in which its first content is made ready."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..engine._docker import Docker
from ..engine._holder import Holder
from ..runner import _files, _paths
from ..runner._problem import Problem
from ..runner._sources import is_mounted
from ..runner._tree import LOST_FOUND
from ..trees._content import content_of
from ..volumes._volume import Volume, fixed_root

STAGING = ".holdfast-seed"
"""In or beside the data: what is not in place yet. No data of the volume."""


@dataclass(frozen=True)
class Room:
    """The directories of one seed. All of them in the file system of the volume's data, except ``work``."""

    root: Path
    """The volume's data."""
    staging: Path
    """For root alone, and removed whole."""
    tree: Path
    """What becomes the volume's data."""
    work: Path
    """On this host's own mounts: what is fetched or made first."""
    swaps: bool
    """Whether the tree takes the place of the volume's directory in one step; else its entries move one by one."""

    def make(self) -> None:
        """An empty tree with the owner, the mode and the attributes that the volume's own directory has."""
        self.clear()
        for folder in (self.staging, self.tree, self.work):
            folder.mkdir(mode=0o700)
        copy_traits(self.root, self.tree)

    def clear(self) -> None:
        """Remove what is not in place."""
        for folder in (self.staging, self.work):
            if os.path.lexists(folder):
                shutil.rmtree(folder)
        _files.synchronise(self.staging.parent)

    def place(self) -> None:
        """Put the tree in place, and let it reach the disk. Safe to repeat when it moves entries."""
        _files.write_out(self.tree)
        if self.swaps:
            os.rename(self.tree, self.root)
            _files.synchronise(self.root.parent)
            return
        copy_traits(self.tree, self.root)
        for name in sorted(os.listdir(self.tree)):
            if name != LOST_FOUND:
                os.rename(self.tree / name, self.root / name)
        _files.write_out(self.root)


def copy_traits(origin: Path, goal: Path) -> None:
    """Owner, mode, extended attributes and times of the directory itself."""
    found = os.lstat(origin)
    os.chown(goal, found.st_uid, found.st_gid)
    shutil.copystat(origin, goal)


def remove_staging(staging: Path) -> None:
    """Remove what a journal names, if that is what it says."""
    if not staging.name.startswith(STAGING):
        raise Problem(f"{staging}: is no staging directory of a seed. Check the journals in {_paths.STATE / 'seeds'}.")
    if os.path.lexists(staging):
        shutil.rmtree(staging)


@contextmanager
def data_of(docker: Docker, volume: Volume, purpose: str) -> Iterator[Path]:
    """The directory on this host where the volume's data is, while the context lasts."""
    root = fixed_root(volume)
    if root:
        if not os.path.isdir(root):
            raise Problem(
                f"volume {volume.name}: its directory {root} is not there, so no container could use it. Create it."
            )
        yield Path(os.path.realpath(root))
        return
    with Holder(docker, purpose, {volume.name: "/data"}) as paths:
        yield paths[volume.name]


def new_room(volume: Volume, root: Path) -> Room:
    """A room for a volume whose data is at ``root``: beside the data where one step can put it in place."""
    plain = fixed_root(volume) == volume.mountpoint
    beside = root.parent / (STAGING if plain else f"{STAGING}-{volume.name}")
    return room_at(volume.name, root, str(beside) if _can_swap(volume, root) else "")


def room_at(name: str, root: Path, staging: str) -> Room:
    """The room as the journal has it: with ``staging`` beside the data, or, when that is empty, in it."""
    place = Path(staging) if staging else root / STAGING
    work = place / "work" if staging else _paths.seed_file(name).with_suffix(".work")
    return Room(root, place, place / "tree", work, bool(staging))


def _can_swap(volume: Volume, root: Path) -> bool:
    """Not for what is mounted there, nor under a quota, which hangs on the directory itself."""
    if not fixed_root(volume) or volume.driver_options.get("size") or is_mounted(str(root)):
        return False
    return not os.listdir(root) and os.stat(root).st_dev == os.stat(root.parent).st_dev


def holdings(root: Path) -> str:
    """What the volume holds, in words; empty when nothing but what mkfs or a seed left there."""
    with os.scandir(root) as entries:
        is_empty = all(entry.name == STAGING or _is_made_by_mkfs(entry) for entry in entries)
    return "" if is_empty else str(content_of(str(root)))


def _is_made_by_mkfs(entry: os.DirEntry[str]) -> bool:
    return entry.name == LOST_FOUND and entry.is_dir(follow_symlinks=False) and not os.listdir(entry.path)
