# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much a folder holds, counted within bounds: enough to say what would be lost, never a long wait."""

from __future__ import annotations

import os
import stat
import time
from dataclasses import dataclass, replace

MOST_FILES = 100_000
MOST_SECONDS = 5.0


@dataclass(frozen=True)
class Content:
    """What a folder holds. What cannot be looked into is not empty."""

    files: int = 0
    """Everything that is not a folder; symbolic links count as themselves."""
    folders: int = 0
    size: int = 0
    """Bytes of the files, as their length says."""
    more: bool = False
    """There is more than was counted."""
    unknown: str = ""
    """Why nothing could be counted; empty when it could."""
    beside: tuple[str, ...] = ()
    """What else goes with the folder, such as "3 files (1.2 MB) in /srv/app.before-x"."""

    @property
    def is_empty(self) -> bool:
        return not (self.files or self.folders or self.more or self.unknown or self.beside)

    def __str__(self) -> str:
        if self.beside:
            own = replace(self, beside=())
            return " and ".join([*([] if own.is_empty else [str(own)]), *self.beside])
        if self.unknown:
            return f"data that cannot be counted ({self.unknown})"
        more = "more than " if self.more else ""
        files = f"{more}{self.files:,} file{'' if self.files == 1 else 's'}"
        if not self.files:
            return f"{files} in {self.folders:,} folder{'' if self.folders == 1 else 's'}"
        return f"{files} ({more}{_in_units(self.size)})"


def content_of(path: str, most_files: int = MOST_FILES, most_seconds: float = MOST_SECONDS) -> Content:
    """Count what lies under ``path``, without following symbolic links, up to so many entries or seconds.

    A file system's own empty ``lost+found`` at the top counts as nothing, as it does for Docker's copy-up.
    """
    deadline = time.monotonic() + most_seconds
    files = folders = size = 0
    more = False
    ahead = [path]
    while ahead:
        folder = ahead.pop()
        try:
            entries = os.scandir(folder)
        except OSError as error:
            if folder == path:
                return Content(unknown=f"{path}: {error.strerror}")
            more = True
            continue
        with entries:
            for entry in entries:
                if files + folders >= most_files or time.monotonic() > deadline:
                    return Content(files, folders, size, more=True)
                if entry.is_dir(follow_symlinks=False):
                    folders += 1
                    ahead.append(entry.path)
                else:
                    files += 1
                    size += _size(entry)
    if folders == 1 and not files and not more and os.listdir(path) == ["lost+found"]:
        folders = 0
    return Content(files, folders, size, more)


def _size(entry: os.DirEntry[str]) -> int:
    """The length of a regular file in bytes; devices, sockets and what is gone by now have none."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0


def _in_units(size: int) -> str:
    """A number of bytes in the decimal units that Docker and disk makers use."""
    if size < 1000:
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:,.1f} PB"
