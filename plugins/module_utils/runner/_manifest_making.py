# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the content manifest of a backup: every entry of its sources, with the hashes of what is in the files.

A file whose size, inode and times are those of the last manifest keeps its hash, as restic itself passes it over; so
only what changed is read while containers stand still. Each is read again before its hash reaches the greatest age:
when, differs from file to file, so that it does not come to all of them in one night.
"""

from __future__ import annotations

import os
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from . import _files, _manifest_file
from ._entry import FILE, entries, full
from ._hashing import AHEAD, THREADS, sha256
from ._manifest_file import CHANGED, UNREAD, Record, Unsound

_GRAIN = 2_000_000_000
"""Nanoseconds between two time stamps of the coarsest file systems. What changed so shortly before it was read may have
changed again after it, and bear the same stamp."""


@dataclass(frozen=True)
class Manner:
    """How a manifest is made."""

    hashes: bool
    """With the SHA-256 of each file; otherwise none is read."""
    max_age: int
    """Seconds after which a file is read again, although nothing tells of a change."""
    now: int
    """Seconds since the epoch."""


def write(path: Path, sources: Sequence[str], is_left_out: Callable[[str], bool], manner: Manner) -> None:
    """Bring the manifest at the path up to date. Raises OSError; the one before is there until then, whole."""
    for left in path.parent.glob(f".{path.name}.*"):  # by a run that was killed
        left.unlink(missing_ok=True)
    with _last(path) as last, _files.replacing(path, 0o600) as stream:
        for line in _manifest_file.lines(_records(outermost(sources), is_left_out, manner, last)):
            stream.write(line)


def outermost(sources: Sequence[str]) -> list[str]:
    """The sources in order, without those that lie in another one and are saved with it."""
    found: list[str] = []
    for source in sorted(set(sources), key=lambda path: path.split("/")):
        if not (found and source.startswith(f"{found[-1]}/")):
            found.append(source)
    return sorted(found)


class _Last:
    """The manifest before, read along with the walk: both are in the same order."""

    def __init__(self, records: Iterator[Record]) -> None:
        self._records = records
        self._next = self._advance()

    def take(self, record: Record) -> Record | None:
        """What it says of the same entry; None when that is nothing."""
        key = record.key
        while self._next is not None and self._next.key < key:
            self._next = self._advance()
        return self._next if self._next is not None and self._next.key == key else None

    def _advance(self) -> Record | None:
        try:
            return next(self._records, None)
        except Unsound:
            # Then the files are read, and the manifest is sound again.
            return None


@contextmanager
def _last(path: Path) -> Iterator[_Last]:
    try:
        stream = path.open("rb")
    except FileNotFoundError:
        yield _Last(iter(()))
        return
    with stream:
        yield _Last(_manifest_file.read(stream))


def _records(
    sources: Sequence[str], is_left_out: Callable[[str], bool], manner: Manner, last: _Last
) -> Iterator[Record]:
    waiting: deque[tuple[Record, Future[Record] | None]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for source in sources:
            linked: dict[str, tuple[Record, Future[Record] | None]] = {}
            for entry, found in entries(source, is_left_out, _pass_over):
                record = _stamped(Record(source, entry), found)
                hashing: Future[Record] | None = None
                if entry.same_as:
                    record, hashing = _alike(record, *linked.get(entry.same_as, (record, None)))
                elif entry.kind == FILE and manner.hashes:
                    known = _reused(record, last.take(record), manner)
                    record, hashing = (known, None) if known else (record, pool.submit(_read, record, found, manner))
                    if found.st_nlink > 1:
                        linked[entry.path] = record, hashing
                waiting.append((record, hashing))
                if len(waiting) == AHEAD:
                    yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())


def _pass_over(_error: OSError) -> None:
    """restic meets it too, and its word on it decides about the run."""


def _stamped(record: Record, found: os.stat_result) -> Record:
    if record.entry.kind != FILE:
        return record
    return record._replace(mtime=found.st_mtime_ns, ctime=found.st_ctime_ns, inode=found.st_ino)


def _alike(record: Record, first: Record, hashing: Future[Record] | None) -> tuple[Record, Future[Record] | None]:
    """A further link to a file: its content is that of the first."""
    return record._replace(sha256=first.sha256, doubt=first.doubt, ctime=first.ctime, read=first.read), hashing


def _reused(record: Record, last: Record | None, manner: Manner) -> Record | None:
    """The record with the hash of the last one; None when the file is to be read."""
    if last is None or not last.sha256:
        return None
    unchanged = (last.entry.size, last.mtime, last.ctime, last.inode) == (
        record.entry.size,
        record.mtime,
        record.ctime,
        record.inode,
    )
    age = manner.now - last.read
    if not unchanged or age < 0 or age >= _greatest_age(record, manner.max_age):
        return None
    return record._replace(sha256=last.sha256, read=last.read)


def _greatest_age(record: Record, most: int) -> float:
    """Between half of the most and all of it, the same for one file every time."""
    return most * (0.5 + zlib.crc32(os.fsencode(record.entry.path)) / 2**33)


def _read(record: Record, found: os.stat_result, manner: Manner) -> Record:
    try:
        digest, after = sha256(full(record.source, record.entry.path))
    except OSError:
        return record._replace(doubt=UNREAD)
    if _stamps(after) != _stamps(found):
        return record._replace(doubt=CHANGED)
    settled = max(record.mtime, record.ctime) < manner.now * 1_000_000_000 - _GRAIN
    return record._replace(sha256=digest, read=manner.now, ctime=record.ctime if settled else 0)


def _stamps(found: os.stat_result) -> tuple[int, ...]:
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _finished(record: Record, hashing: Future[Record] | None) -> Record:
    if hashing is None:
        return record
    read = hashing.result()
    return record._replace(sha256=read.sha256, doubt=read.doubt, ctime=read.ctime, read=read.read)
