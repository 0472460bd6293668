# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a directory tree holds, name by name: the one description of an entry, and the one order in which they come.

Names are streamed, so memory does not grow with their number, save for those within one directory and for hard links.
Sockets belong to a process, not to the data, and are left out; so is an empty ``lost+found`` at the top, which mkfs
makes.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import Callable, NamedTuple

from ._tree import LOST_FOUND

TOP = "."
"""The path of the tree's own topmost node."""
FILE = "file"
_KINDS = {
    stat.S_IFREG: FILE,
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symbolic link",
    stat.S_IFIFO: "pipe",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}
_VANISHED = (FileNotFoundError, NotADirectoryError)
_ATTRIBUTES = ("user.", "system.posix_acl_", "security.capability")
"""The extended attributes that are data and that a confined backup can read. SELinux's belongs to the place."""


class Entry(NamedTuple):
    """One name in a tree. A tuple, of which there may be millions."""

    path: str
    """Relative to the top, :data:`TOP` for the top itself; bytes that are no UTF-8 as ``os.fsdecode`` has them."""
    kind: str
    mode: int
    """Permissions with set-uid, set-gid and sticky bits; 0 for a symbolic link, which has none."""
    uid: int
    gid: int
    size: int
    """Bytes of a file, 0 of everything else."""
    target: str = ""
    """Where a symbolic link points, or a device's two numbers."""
    attributes: tuple[tuple[str, str], ...] = ()
    """Extended attributes, ACLs among them: name and value in hexadecimal digits."""
    same_as: str = ""
    """The first path of the tree that is a hard link to the same file; empty for that first one."""


def order(path: str) -> list[str]:
    """By this the paths of one tree are sorted: parents first, then name by name."""
    return [] if path == TOP else path.split("/")


def full(root: str, path: str) -> str:
    """Where an entry of the tree lies."""
    return root if path == TOP else os.path.join(root, path)


def refuse(error: OSError) -> None:
    """Let what cannot be looked into end the walk."""
    raise error


def entries(
    root: str,
    is_left_out: Callable[[str], bool] = lambda _path: False,
    on_trouble: Callable[[OSError], None] = refuse,
) -> Iterator[tuple[Entry, os.stat_result]]:
    """Every entry of the tree with what lstat says. What vanishes meanwhile is passed over.

    ``is_left_out`` is asked about full paths; nothing below one that it names is looked at. ``on_trouble`` is told of
    what cannot be looked into, which is passed over when that returns.
    """
    linked: dict[tuple[int, int], str] = {}
    for path, found in _walk(root, is_left_out, on_trouble):
        kind = _KINDS[stat.S_IFMT(found.st_mode)]
        place = full(root, path)
        same_as = ""
        if found.st_nlink > 1 and kind != "directory":
            same_as = linked.setdefault((found.st_dev, found.st_ino), path)
        try:
            entry = Entry(
                path=path,
                kind=kind,
                mode=0 if kind == "symbolic link" else stat.S_IMODE(found.st_mode),
                uid=found.st_uid,
                gid=found.st_gid,
                size=found.st_size if kind == FILE else 0,
                target=_target(place, kind, found),
                attributes=_attributes(place),
                same_as="" if same_as == path else same_as,
            )
        except _VANISHED:
            continue
        except OSError as error:
            on_trouble(error)
            continue
        yield entry, found


def _walk(
    root: str, is_left_out: Callable[[str], bool], on_trouble: Callable[[OSError], None]
) -> Iterator[tuple[str, os.stat_result]]:
    if is_left_out(root):
        return
    try:
        top = os.lstat(root)
        ahead = [iter(_names(root, "") if stat.S_ISDIR(top.st_mode) else [])]
    except OSError as error:
        on_trouble(error)
        return
    yield TOP, top
    while ahead:
        path = next(ahead[-1], None)
        if path is None:
            ahead.pop()
            continue
        place = os.path.join(root, path)
        try:
            found = os.lstat(place)
            if stat.S_ISSOCK(found.st_mode) or is_left_out(place) or (path == LOST_FOUND and _is_bare(place, found)):
                continue
            below = _names(root, path) if stat.S_ISDIR(found.st_mode) else []
        except _VANISHED:
            continue
        except OSError as error:
            on_trouble(error)
            continue
        yield path, found
        if below:
            ahead.append(iter(below))


def _names(root: str, directory: str) -> list[str]:
    """What the directory holds, as sorted paths relative to the root."""
    return [os.path.join(directory, name) for name in sorted(os.listdir(os.path.join(root, directory)))]


def _is_bare(path: str, found: os.stat_result) -> bool:
    return stat.S_ISDIR(found.st_mode) and not os.listdir(path)


def _target(path: str, kind: str, found: os.stat_result) -> str:
    if kind == "symbolic link":
        return os.readlink(path)
    if kind.endswith("device"):
        return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"
    return ""


def _attributes(path: str) -> tuple[tuple[str, str], ...]:
    try:
        names = os.listxattr(path, follow_symlinks=False)
        return tuple(
            (name, os.getxattr(path, name, follow_symlinks=False).hex())
            for name in sorted(names)
            if name.startswith(_ATTRIBUTES)
        )
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.ENODATA):
            raise
        return ()
