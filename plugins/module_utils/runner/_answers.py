# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""restic's answers, read. Pure: what its JSON and its words mean, from version 0.14 on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ._problem import Problem

PARTIAL_EXIT = 3
PARTIAL_TAG = "partial"
"""On snapshots of a run that could not read everything. By it retention counts them apart from the whole ones."""
_SKIPPED = re.compile(r"^(.+) does not exist, skipping$", re.MULTILINE)

# Since Go's errors carry it, restic 0.14 prints for each call the function and, below, its file and line.
_TRACE = re.compile(r"\t\S+\.(go|s):\d+( \+0x[0-9a-f]+)?")
_CALLED = re.compile(r"[^\s:]+\.[^\s:]+")


@dataclass(frozen=True)
class Progress:
    """How far a backup is; what restic does not know yet is None."""

    percent: float
    """0 to 1."""
    bytes_done: int
    total_bytes: int
    files_done: int
    total_files: int
    seconds_remaining: int | None


@dataclass(frozen=True)
class Summary:
    """What a backup did."""

    snapshot: str
    files: int
    bytes: int
    bytes_added: int
    unread: tuple[str, ...]
    """What could not be read; not empty means the snapshot is partial."""
    left_out: tuple[str, ...] = ()
    """The same for sources of which it holds nothing, each in a sentence."""

    @property
    def partial(self) -> bool:
        return bool(self.unread or self.left_out)


@dataclass(frozen=True)
class Snapshot:
    """One snapshot of a repository."""

    id: str
    time: datetime
    """In UTC."""
    host: str
    paths: tuple[str, ...]
    tags: tuple[str, ...]
    files: int | None
    """None where restic (before 0.17) did not write it down."""
    bytes: int | None
    original: str = ""
    """The id that it had before its tags were changed; empty when they never were."""

    @property
    def partial(self) -> bool:
        """Some of the data could not be read when it was made."""
        return PARTIAL_TAG in self.tags

    @property
    def short_id(self) -> str:
        return self.id[:8]


@dataclass(frozen=True)
class Forgotten:
    """What a retention keeps and removes: ids of snapshots."""

    kept: tuple[str, ...]
    removed: tuple[str, ...]
    partial: frozenset[str] = frozenset()
    """Which of these are partial."""

    @property
    def leaves_nothing(self) -> bool:
        """Whether it removes snapshots and keeps none as good as the best of them."""
        if set(self.removed) <= self.partial:
            return bool(self.removed) and not self.kept
        return set(self.kept) <= self.partial


@dataclass(frozen=True)
class Node:
    """A file, directory or other object in a snapshot."""

    path: str
    type: str
    """``file``, ``dir``, ``symlink``, …"""
    mode: int
    """Permission bits with set-uid, set-gid and sticky, as ``chmod`` takes them."""
    uid: int
    gid: int
    size: int
    mtime: str = ""
    """As restic writes it: RFC 3339, with up to nine digits of a second."""


@dataclass(frozen=True)
class Lock:
    """Who holds a lock on the repository."""

    id: str
    host: str
    uid: int
    pid: int
    exclusive: bool
    """Nobody else may write meanwhile."""


def message(line: bytes) -> dict[str, Any]:
    """A line of restic's JSON output; empty when it is text."""
    try:
        read = json.loads(line)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def parse(output: bytes, command: str) -> Any:
    try:
        return json.loads(output)
    except ValueError:
        raise Problem(
            f"restic {command}: its output is not understood: {output[:200]!r}. Report it with restic's version."
        ) from None


def progress(message: Mapping[str, Any]) -> Progress:
    return Progress(
        percent=float(message.get("percent_done", 0)),
        bytes_done=int(message.get("bytes_done", 0)),
        total_bytes=int(message.get("total_bytes", 0)),
        files_done=int(message.get("files_done", 0)),
        total_files=int(message.get("total_files", 0)),
        seconds_remaining=message.get("seconds_remaining"),
    )


def unread(code: int, errors: str) -> tuple[str, ...]:
    """What a backup could not read. restic 0.14 ends with 0 when a source beside a good one has vanished."""
    items = []
    for line in errors.splitlines():
        said = message(line.encode())
        if said.get("message_type") == "error" and said.get("during") != "scan":
            items.append(str(said.get("item") or said.get("error")))
    items += _SKIPPED.findall(errors)
    return tuple(items or (["a source that restic does not name"] if code == PARTIAL_EXIT else []))


def words(errors: str) -> list[str]:
    """The lines that restic wrote for a person, without the trace of its program's calls behind them."""
    lines = errors.split("\n\ngoroutine ", 1)[0].splitlines()
    found = []
    for line, following in zip(lines, [*lines[1:], ""]):
        if _TRACE.fullmatch(line) or (_TRACE.fullmatch(following) and _CALLED.fullmatch(line)):
            continue
        said = message(line.encode())
        text = str(said.get("message") or said.get("item") or "") if said else line
        if text.strip():
            found.append(text.strip())
    return found


def snapshot(entry: Mapping[str, Any]) -> Snapshot:
    summary = entry.get("summary") or {}
    return Snapshot(
        id=str(entry["id"]),
        time=_time(str(entry["time"])),
        host=str(entry.get("hostname", "")),
        paths=tuple(entry.get("paths") or ()),
        tags=tuple(entry.get("tags") or ()),
        files=summary.get("total_files_processed"),
        bytes=summary.get("total_bytes_processed"),
        original=str(entry.get("original") or ""),
    )


def lock(identity: str, entry: Mapping[str, Any]) -> Lock:
    return Lock(
        id=identity,
        host=str(entry["hostname"]),
        uid=int(entry.get("uid", 0)),
        pid=int(entry["pid"]),
        exclusive=bool(entry.get("exclusive", False)),
    )


def _time(text: str) -> datetime:
    """restic's time, such as 2026-01-31T02:30:00.123456789+01:00, in UTC without its fraction."""
    whole = re.sub(r"\.\d+", "", text)
    return datetime.fromisoformat(re.sub(r"Z$", "+00:00", whole)).astimezone(timezone.utc)


def ids(groups: Sequence[Mapping[str, Any]], kind: str) -> tuple[str, ...]:
    return tuple(str(entry["id"]) for group in groups for entry in group.get(kind) or ())


def partial_ids(groups: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    entries = [entry for group in groups for kind in ("keep", "remove") for entry in group.get(kind) or ()]
    return tuple(str(entry["id"]) for entry in entries if PARTIAL_TAG in (entry.get("tags") or ()))


def node(entry: Mapping[str, Any]) -> Node:
    # restic writes Go's bits: set-uid, set-gid and sticky lie above the permissions, not beside them.
    mode = int(entry.get("mode", 0))
    special = [(1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000)]
    return Node(
        path=str(entry["path"]),
        type=str(entry["type"]),
        mode=(mode & 0o777) | sum(bit for go, bit in special if mode & go),
        uid=int(entry.get("uid", 0)),
        gid=int(entry.get("gid", 0)),
        size=int(entry.get("size", 0)),
        mtime=str(entry.get("mtime", "")),
    )
