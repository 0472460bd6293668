# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories that are opened name by name beneath one that is open, so that no symbolic link is ever followed.

Whoever may write into a tree, such as a container into its volume, can replace a directory by a link at any moment.
What is done here is done to descriptors, and hits what was opened or nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from ..runner._problem import Problem

_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def opened(path: str) -> Iterator[int]:
    """The directory at the path. Only its last name is kept from being a link. Raises Problem, and OSError."""
    try:
        directory = os.open(path, _FLAGS)
    except NotADirectoryError:
        raise Problem(_obstacle(path, _read_link(path, None))) from None
    try:
        yield directory
    finally:
        os.close(directory)


@contextmanager
def reached(directory: int, names: Sequence[str], called: str = "") -> Iterator[tuple[int, int]]:
    """The deepest of the directories ``names``, one beneath the other, that exists; and how many of them do.

    Raises :class:`Problem` when one of them is a link or no directory, without the object in front; and OSError.
    ``called``: what stands for ``directory`` in front of their paths, such as "/".
    """
    here = os.dup(directory)
    count = 0
    try:
        for depth in range(1, len(names) + 1):
            try:
                below = _step(here, names[depth - 1], called + "/".join(names[:depth]))
            except FileNotFoundError:
                break
            os.close(here)
            here = below
            count = depth
        yield here, count
    finally:
        os.close(here)


def make(directory: int, name: str, uid: int, gid: int, mode: int | None) -> None:
    """Make one directory in the open one, with mode 0755 unless another is given.

    One that somebody made in between is taken, and gets the same. Raises Problem for a link, and OSError.
    """
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=directory)
    made = _step(directory, name, name)
    try:
        os.fchown(made, uid, gid)
        os.fchmod(made, 0o755 if mode is None else mode)
    finally:
        os.close(made)


def walk(directory: int) -> Iterator[tuple[tuple[str, ...], int, os.stat_result]]:
    """All that lies beneath, on the same file system: its names, the descriptor of its directory, and its status.

    A directory comes before what lies in it. What vanishes in between is left out. One descriptor a level is held.
    """
    device = os.fstat(directory).st_dev
    levels = [(os.dup(directory), iter(os.listdir(directory)))]
    names: list[str] = []
    try:
        while levels:
            here, entries = levels[-1]
            name = next(entries, None)
            if name is None:
                os.close(levels.pop()[0])
                del names[len(levels) - 1 :]
                continue
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=here, follow_symlinks=False)
                if status.st_dev != device:
                    continue
                yield (*names, name), here, status
                if stat.S_ISDIR(status.st_mode):
                    levels.append(_listed(here, name))
                    names.append(name)
    finally:
        for here, _entries in levels:
            os.close(here)


def _listed(directory: int, name: str) -> tuple[int, Iterator[str]]:
    """The directory and its names; one that turned into something else meanwhile counts as vanished."""
    try:
        below = os.open(name, _FLAGS, dir_fd=directory)
    except NotADirectoryError as error:
        raise FileNotFoundError(*error.args) from error
    try:
        return below, iter(os.listdir(below))
    except BaseException:
        os.close(below)
        raise


def _step(directory: int, name: str, path: str) -> int:
    """Open one directory in another. ``path`` is what it is called in errors."""
    try:
        return os.open(name, _FLAGS, dir_fd=directory)
    except NotADirectoryError:
        raise Problem(_obstacle(path, _read_link(name, directory))) from None


def _read_link(name: str, directory: int | None) -> str:
    """Where the link leads to; empty when it is none."""
    try:
        return os.readlink(name, dir_fd=directory)
    except OSError:
        return ""


def _obstacle(path: str, target: str) -> str:
    if target:
        return (
            f"{path} is a symbolic link to {target}, and links are not followed, since they may lead anywhere. "
            "Name the directory itself, or put a directory in the link's place."
        )
    return f"{path} is there and is no directory. Move it out of the way, or name another directory."
