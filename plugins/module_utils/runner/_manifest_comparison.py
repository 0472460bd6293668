# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare a restored tree with the content manifest of its snapshot, entry by entry.

Where nothing stood still, a file may have changed after the manifest and before restic read it. So what differs is
looked up in the snapshot: where that differs from the manifest too, the backup has already met the change, and nothing
is said about the copy.
"""

from __future__ import annotations

import calendar
import os
import re
import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from ._answers import Node
from ._entry import FILE, TOP, Entry, entries, full, order
from ._hashing import AHEAD, THREADS, sha256
from ._manifest_file import Reader, Record
from ._tree import LOST_FOUND

_NODES = {"dir": "directory", "symlink": "symbolic link", "fifo": "pipe", "chardev": "character device"}
_NODES.update({"dev": "block device", "file": FILE})
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))")

Hashing = Future[tuple[str, os.stat_result]]


@dataclass(frozen=True)
class Difference:
    """An entry that the copy does not have as the manifest tells it."""

    path: str
    words: str
    recorded: Record | None
    """None for what the manifest does not name."""

    @property
    def sentence(self) -> str:
        return f"{self.path.encode(errors='backslashreplace').decode()}: {self.words}"


@dataclass
class Comparison:
    """The way of a manifest's lines past a restored tree, which is read along with them."""

    source: str
    """The tree's path in the snapshot."""
    tree: str
    """Where it was restored to."""
    hashes: bool
    """Whether the manifest has any."""
    entries: int = 0
    """How many have been compared."""
    doubtful: int = 0
    """How many of these without their content, which changed while the manifest was made."""
    differences: list[Difference] = field(default_factory=list)
    _reader: Reader = field(default_factory=Reader)
    _moved: dict[str, str] = field(default_factory=dict)
    """First links that lie outside of the source → the first one in it."""

    def __post_init__(self) -> None:
        self._found = _read_along(self.tree, self.hashes)
        self._next = next(self._found, None)

    def take(self, line: bytes) -> None:
        """The manifest's next line. Raises Unsound, and OSError of the tree."""
        record = self._reader.take(line)
        record = self._inside(record) if record else None
        if record is None or _is_lost(record.entry.path):
            return
        key = order(record.entry.path)
        while self._next is not None and order(self._next[0].path) < key:
            self._extra()
        if self._next is None or self._next[0].path != record.entry.path:
            self.differences.append(Difference(record.entry.path, "is missing", record))
            return
        self._compare(record, *self._next)
        self._next = next(self._found, None)

    def end(self) -> None:
        """After the last line."""
        while self._next is not None:
            self._extra()

    def close(self) -> None:
        self._found.close()

    def _extra(self) -> None:
        if self._next is not None:
            self.differences.append(Difference(self._next[0].path, "was not there", None))
        self._next = next(self._found, None)

    def _inside(self, record: Record) -> Record | None:
        """The record with paths relative to the source; None for what lies elsewhere."""
        path = _relative(self.source, full(record.source, record.entry.path))
        if path is None:
            return None
        same_as = ""
        if record.entry.same_as:
            first = full(record.source, record.entry.same_as)
            same_as = _relative(self.source, first) or self._moved.setdefault(first, path)
        return record._replace(entry=record.entry._replace(path=path, same_as="" if same_as == path else same_as))

    def _compare(self, record: Record, entry: Entry, hashing: Hashing | None) -> None:
        self.entries += 1
        wanted, found = record.entry, entry
        if record.doubt:
            self.doubtful += 1
            wanted = wanted._replace(size=found.size)
        words = list(_differing(wanted, found))
        if record.sha256 and not words and hashing is not None and hashing.result()[0] != record.sha256:
            words = ["content differs"]
        if words:
            self.differences.append(Difference(entry.path, ", ".join(words), record))


def settled(differences: Iterable[Difference], nodes: Mapping[str, Node]) -> list[Difference]:
    """Without those that are in the snapshot already. ``nodes``: what it holds, by path relative to the source."""
    return [one for one in differences if not _is_of_the_snapshot(one, nodes.get(one.path))]


def _is_of_the_snapshot(difference: Difference, node: Node | None) -> bool:
    recorded = difference.recorded
    if recorded is None:
        return node is not None
    if node is None:
        return True
    entry = recorded.entry
    same = (_NODES.get(node.type), node.uid, node.gid) == (entry.kind, entry.uid, entry.gid)
    if entry.kind == FILE:
        same = same and (node.size, nanoseconds(node.mtime)) == (entry.size, recorded.mtime)
    return not (same and (entry.kind == "symbolic link" or node.mode == entry.mode))


def nanoseconds(text: str) -> int:
    """restic's time, such as 2026-01-31T02:30:00.123456789+01:00, since the epoch; 0 for what is none."""
    match = _TIME.fullmatch(text)
    if not match:
        return 0
    seconds = calendar.timegm(time.struct_time([*(int(part) for part in match.groups()[:6]), 0, 0, 0]))
    if match[8]:
        offset = int(match[9]) * 3600 + int(match[10]) * 60
        seconds -= offset if match[8] == "+" else -offset
    return seconds * 1_000_000_000 + int((match[7] or "0").ljust(9, "0"))


def _relative(source: str, path: str) -> str | None:
    if path == source:
        return TOP
    return path[len(source) + 1 :] if path.startswith(f"{source}/") else None


def _is_lost(path: str) -> bool:
    """It belonged to a file system, not to the service, and stays behind where the target is another one."""
    return path == LOST_FOUND or path.startswith(f"{LOST_FOUND}/")


def _differing(wanted: Entry, found: Entry) -> Iterator[str]:
    if wanted.kind != found.kind:
        yield f"is a {found.kind}, was a {wanted.kind}"
        return
    if (wanted.uid, wanted.gid) != (found.uid, found.gid):
        yield f"owner {wanted.uid}:{wanted.gid} → {found.uid}:{found.gid}"
    if wanted.mode != found.mode:
        yield f"permissions {wanted.mode:04o} → {found.mode:04o}"
    if wanted.size != found.size:
        yield f"size {wanted.size} → {found.size}"
    if wanted.target != found.target:
        yield f"target {wanted.target} → {found.target}"
    if wanted.attributes != found.attributes:
        yield "extended attributes differ"
    if wanted.same_as != found.same_as:
        yield f"hard link to {wanted.same_as or 'none before it'} → {found.same_as or 'none before it'}"


def _read_along(tree: str, hashes: bool) -> Generator[tuple[Entry, Hashing | None], None, None]:
    """The entries of the tree; the files are being hashed by several threads."""
    waiting: deque[tuple[Entry, Hashing | None]] = deque()
    with ThreadPoolExecutor(THREADS) as pool:
        for entry, _found in entries(tree):
            if _is_lost(entry.path):
                continue
            to_hash = hashes and entry.kind == FILE and not entry.same_as
            waiting.append((entry, pool.submit(sha256, full(tree, entry.path)) if to_hash else None))
            if len(waiting) == AHEAD:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
