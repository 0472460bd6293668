# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copy a tree with everything that belongs to it, after making sure that it fits. ``_manifest`` proves it."""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..runner import _files, _words
from ..runner._problem import Problem
from ._content import Content

_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2)."""
_LIBRARY = ctypes.CDLL(None, use_errno=True)
_MOST_LINES = 5


@dataclass(frozen=True)
class Size:
    """How much a tree is."""

    files: int = 0
    """Everything but directories."""
    bytes: int = 0
    """The length of the regular files; hard links count once."""
    occupied: int = 0
    """Bytes on the disk: what holes in sparse files do not take."""
    inodes: int = 0

    def __str__(self) -> str:
        return str(Content(files=self.files, size=self.bytes))


def measure(root: Path) -> Size:
    """Walk the whole tree, without following symbolic links. Raises OSError."""
    files = size = occupied = inodes = 0
    seen: set[tuple[int, int]] = set()
    for found in _walk(root):
        files += not stat.S_ISDIR(found.st_mode)
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            if (found.st_dev, found.st_ino) in seen:
                continue
            seen.add((found.st_dev, found.st_ino))
        inodes += 1
        occupied += found.st_blocks * 512
        size += found.st_size if stat.S_ISREG(found.st_mode) else 0
    return Size(files, size, occupied, inodes)


def check_space(noun: str, size: Size, target: Path) -> None:
    """Problem, with both figures, when a tree of this size does not fit into the file system of the target."""
    space = os.statvfs(target)
    free = space.f_bavail * space.f_frsize
    if size.occupied > free:
        raise Problem(
            f"{noun}: the copy needs {_words.size(size.occupied)}, and {target} has {_words.size(free)} free. "
            "Nothing was changed. Make room there, and run again."
        )
    # A file system that makes inodes as it needs them counts none.
    if space.f_files and size.inodes > space.f_favail:
        raise Problem(
            f"{noun}: the copy needs {size.inodes:,} inodes, and {target} has {space.f_favail:,} free. "
            "Nothing was changed. Remove files there, or take a file system with more inodes, and run again."
        )


def copy_tree(source: Path, target: Path, durably: bool = True) -> list[str]:
    """Copy what the directory holds, with its own owner, mode and times, into an existing directory.

    Without ``durably`` the caller has :func:`~.runner._files.write_out` called.

    Owners, modes, times, ACLs and other extended attributes, hard links and holes are kept; the copy ends with this
    process, also when it is killed. Returns a warning for each socket, which is left out. Raises Problem, with what
    was copied so far left in the target.
    """
    command = ["cp", "--archive", "--sparse=auto", "--reflink=auto", "--", f"{source}/.", str(target)]
    environment = {**os.environ, "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=environment,
        preexec_fn=partial(_die_with, os.getpid()),
        check=False,
    )
    if done.returncode != 0:
        lines = done.stderr.decode(errors="backslashreplace").strip().splitlines()
        more = f" (and {len(lines) - _MOST_LINES} lines more)" if len(lines) > _MOST_LINES else ""
        raise Problem(
            f"could not copy {source} to {target}: {'; '.join(lines[:_MOST_LINES])}{more}. "
            "Mend what the system says, and run again."
        )
    warnings = [f"{path} is a socket and was not copied." for path in _remove_sockets(target)]
    if durably:
        _files.write_out(target)
    return warnings


def _die_with(parent: int) -> None:
    """Let the kernel end this process together with its parent: nothing writes on after a killed run."""
    _LIBRARY.prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _remove_sockets(root: Path) -> Iterator[str]:
    """Their paths below the root; the directories keep the times that they had."""
    for folder, entries in _folders(root):
        sockets = [entry for entry in entries if stat.S_ISSOCK(entry.stat(follow_symlinks=False).st_mode)]
        if not sockets:
            continue
        times = os.lstat(folder)
        for socket in sockets:
            os.unlink(socket.path)
            yield os.path.relpath(socket.path, root)
        os.utime(folder, ns=(times.st_atime_ns, times.st_mtime_ns))


def _walk(root: Path) -> Iterator[os.stat_result]:
    yield os.lstat(root)
    for _folder, entries in _folders(root):
        for entry in entries:
            yield entry.stat(follow_symlinks=False)


def _folders(root: Path) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Every directory of the tree with what it holds."""
    ahead = [str(root)]
    while ahead:
        folder = ahead.pop()
        with os.scandir(folder) as found:
            entries = list(found)
        ahead += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        yield folder, entries
