# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a tree holds, entry by entry, so that a copy can be proved to be one.

Trees are walked in one order and streamed, so memory does not grow with the number of files, save for names within one
directory and for hard links. Files are hashed by as many threads as there are cores. Sockets belong to a process, not
to the data, and are left out; so is an empty ``lost+found`` at the top, which mkfs makes.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import astuple, dataclass, fields, replace
from pathlib import Path

from ..runner._tree import LOST_FOUND

TOP = "."
"""The path of the tree's own topmost directory."""
MOST_DIFFERENCES = 20

_BUFFER = 1 << 18
_AHEAD = 64
"""Entries whose files are being hashed while the first of them is waited for."""
_KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "symbolic link",
    stat.S_IFIFO: "pipe",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}
_ATTRIBUTES = ("user.", "trusted.", "system.posix_acl_", "security.capability")
"""The extended attributes that are data. SELinux's belongs to the place where a file lies."""


@dataclass(frozen=True)
class Entry:
    """One name in a tree."""

    path: str
    """Relative to the top, :data:`TOP` for the top itself; bytes that are no UTF-8 as ``os.fsdecode`` has them."""
    kind: str
    mode: int
    """Permissions with set-uid, set-gid and sticky bits; 0 for a symbolic link, which has none."""
    uid: int
    gid: int
    size: int
    """Bytes of a file, 0 of everything else."""
    target: str
    """Where a symbolic link points, or a device's two numbers."""
    attributes: tuple[tuple[str, str], ...]
    """Extended attributes, ACLs among them: name and value in hexadecimal digits."""
    same_as: str = ""
    """The first path of the tree that is a hard link to the same file; empty for that first one."""
    sha256: str = ""
    """Of a file's content, but for hard links only of the first."""
    modified: int = 0
    """Seconds since the epoch, without their fraction, which not every file system keeps."""


_UNTOLD = {"sha256": "content differs", "attributes": "extended attributes differ"}
"""What is told without the values."""


def manifest(root: Path) -> Iterator[Entry]:
    """All entries of the tree with their files' hashes, parents first, names in order. Raises OSError."""
    waiting: deque[tuple[Entry, Future[str] | None]] = deque()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for entry in _entries(root):
            hashed = entry.kind == "file" and not entry.same_as
            waiting.append((entry, pool.submit(_sha256, os.path.join(root, entry.path)) if hashed else None))
            if len(waiting) == _AHEAD:
                yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())


def digest(root: Path) -> str:
    """One SHA-256 in hexadecimal digits over all that the manifest has but times. Raises OSError."""
    return _digest_of(astuple(replace(entry, modified=0)) for entry in manifest(root))


def fingerprint(root: Path) -> str:
    """One SHA-256 over everything but content: cheap, and another one after every write, by the time of change.

    For the same tree at two times only: a copy has another one. Raises OSError.
    """
    return _digest_of(_traits(path, found) for path, found in _walk(root))


def compare(first: Path, second: Path) -> list[str]:
    """In what the second tree differs from the first, as sentences, at most so many; empty: a true copy.

    Raises OSError.
    """
    told: list[str] = []
    for one, other in _pairs(manifest(first), manifest(second)):
        if one is None or other is None:
            told.append(f"{_name(one or other)} is {'missing' if other is None else 'too much'}")
        elif one != other:
            told.append(f"{_name(one)}: {', '.join(_differing(one, other))}")
        if len(told) == MOST_DIFFERENCES:
            break
    return told


def _pairs(
    first: Iterator[Entry], second: Iterator[Entry]
) -> Iterator[tuple[Entry, Entry] | tuple[Entry, None] | tuple[None, Entry]]:
    """The entries of one path side by side; both come in the same order."""
    one, other = next(first, None), next(second, None)
    while one is not None or other is not None:
        if one is not None and other is not None and one.path == other.path:
            yield one, other
            one, other = next(first, None), next(second, None)
        elif one is not None and (other is None or _order(one) < _order(other)):
            yield one, None
            one = next(first, None)
        elif other is not None:
            yield None, other
            other = next(second, None)


def _order(entry: Entry) -> list[str]:
    return [] if entry.path == TOP else entry.path.split("/")


def _differing(one: Entry, other: Entry) -> Iterator[str]:
    for each in fields(Entry):
        was, now = getattr(one, each.name), getattr(other, each.name)
        if was == now:
            continue
        if each.name in _UNTOLD:
            yield _UNTOLD[each.name]
        elif each.name == "mode":
            yield f"permissions {was:04o} → {now:04o}"
        else:
            yield f"{each.name.replace('same_as', 'hard link to')} {was} → {now}"


def _name(entry: Entry | None) -> str:
    return "" if entry is None else entry.path.encode(errors="backslashreplace").decode()


def _entries(root: Path) -> Iterator[Entry]:
    """The entries without the hashes."""
    linked: dict[tuple[int, int], str] = {}
    for path, found in _walk(root):
        kind = _KINDS[stat.S_IFMT(found.st_mode)]
        full = os.path.join(root, path)
        same_as = ""
        if found.st_nlink > 1 and kind != "directory":
            same_as = linked.setdefault((found.st_dev, found.st_ino), path)
        yield Entry(
            path=path,
            kind=kind,
            mode=0 if kind == "symbolic link" else stat.S_IMODE(found.st_mode),
            uid=found.st_uid,
            gid=found.st_gid,
            size=found.st_size if kind == "file" else 0,
            target=_target(full, kind, found),
            attributes=_attributes(full),
            same_as="" if same_as == path else same_as,
            modified=found.st_mtime_ns // 1_000_000_000,
        )


def _walk(root: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Every path with what lstat says, parents before what they hold, names in order, without sockets."""
    yield TOP, os.lstat(root)
    ahead = [iter(_names(root, ""))]
    while ahead:
        path = next(ahead[-1], None)
        if path is None:
            ahead.pop()
            continue
        found = os.lstat(os.path.join(root, path))
        if stat.S_ISSOCK(found.st_mode) or (path == LOST_FOUND and _is_made_by_mkfs(os.path.join(root, path), found)):
            continue
        yield path, found
        if stat.S_ISDIR(found.st_mode):
            ahead.append(iter(_names(root, path)))


def _names(root: Path, directory: str) -> list[str]:
    """What the directory holds, as sorted paths relative to the root."""
    return [os.path.join(directory, name) for name in sorted(os.listdir(os.path.join(root, directory)))]


def _is_made_by_mkfs(path: str, found: os.stat_result) -> bool:
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
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return ()
    return tuple(
        (name, os.getxattr(path, name, follow_symlinks=False).hex())
        for name in sorted(names)
        if name.startswith(_ATTRIBUTES)
    )


_buffers = threading.local()


def _sha256(path: str) -> str:
    if not hasattr(_buffers, "own"):
        _buffers.own = bytearray(_BUFFER)
    view = memoryview(_buffers.own)
    summed = hashlib.sha256()
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        while count := os.readv(descriptor, [view]):
            summed.update(view[:count])
    finally:
        os.close(descriptor)
    return summed.hexdigest()


def _finished(entry: Entry, hashing: Future[str] | None) -> Entry:
    return entry if hashing is None else replace(entry, sha256=hashing.result())


def _traits(path: str, found: os.stat_result) -> tuple[object, ...]:
    return (path, found.st_mode, found.st_uid, found.st_gid, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _digest_of(rows: Iterator[tuple[object, ...]]) -> str:
    summed = hashlib.sha256()
    for row in rows:
        summed.update(f"{row!r}\n".encode("utf-8", "backslashreplace"))
    return summed.hexdigest()
