# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that survive a crash at any moment, and locks that end with the process that holds them."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import BinaryIO

from ._problem import Locked


def write(path: Path, content: bytes, mode: int) -> None:
    """Replace the file in one step, durably: after a crash it holds either the old or the new content, whole.

    ``mode`` is applied as given, whatever the umask. Raises OSError; the file is then as it was.
    """
    with replacing(path, mode) as stream:
        stream.write(content)


@contextmanager
def replacing(path: Path, mode: int) -> Iterator[BinaryIO]:
    """The same for content that is written into the stream bit by bit; an exception leaves the file as it was."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    synchronise(path.parent)


def unwritten(noun: str, path: Path, error: OSError) -> str:
    """What to tell when a file could not be written: the error itself often names none."""
    way = "Free some space there" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Make that possible"
    return f"{noun} {path} could not be written: {error.strerror}. {way}, and run this again."


def remove(path: Path) -> None:
    """Remove the file durably; one that is not there is removed already."""
    path.unlink(missing_ok=True)
    synchronise(path.parent)


def synchronise(directory: Path) -> None:
    """Make what was created, renamed or removed in the directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_out(directory: Path) -> None:
    """Let the whole file system of the directory reach the disk (syncfs): one call instead of one for each file."""
    library = ctypes.CDLL(None, use_errno=True)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if library.syncfs(descriptor) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(directory))
    finally:
        os.close(descriptor)


def private_directory(path: Path) -> None:
    """Make the directory and what is missing above it, for root alone."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def lock(path: Path, timeout: float, shared: bool = False) -> Iterator[None]:
    """Hold the lock, after waiting up to ``timeout`` seconds for it; the kernel lets go of it with the process.

    Several may hold it ``shared``. Raises Locked when the time is over. Only for the main thread (SIGALRM).
    """
    private_directory(path.parent)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _acquire(descriptor, path, timeout, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path, timeout: float, kind: int) -> None:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
        return
    except BlockingIOError:
        pass
    previous = signal.signal(signal.SIGALRM, _time_is_up)
    try:
        # Never 0, which would switch the alarm off; the interval repeats it should the first one be lost.
        signal.setitimer(signal.ITIMER_REAL, max(timeout, 0.001), 0.1)
        fcntl.flock(descriptor, kind)
        signal.setitimer(signal.ITIMER_REAL, 0)
    except TimeoutError:
        raise Locked(
            f"lock {path}: another run on this host still held it after {timeout:g} s. "
            f"See who with fuser {path}, and run again once it has finished."
        ) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _time_is_up(_number: int, _frame: FrameType | None) -> None:
    raise TimeoutError
