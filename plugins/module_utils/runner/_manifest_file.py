# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content manifest as a file: a line of JSON for each entry, in the order of the walk, and it is read like that.

The first line tells the schema. A line ``{"source": path}`` begins the entries of one source, whose paths are relative
to it. A file without changes in it has the same bytes again, so that a snapshot has nothing new to store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ._entry import FILE, Entry, order

SCHEMA = 1
CHANGED = "it changed while it was read"
UNREAD = "it could not be read"
_ALWAYS = frozenset(("path", "kind", "mode", "uid", "gid", "size"))
_OWN = ("sha256", "doubt", "mtime", "ctime", "inode", "read")


class Record(NamedTuple):
    """One entry of a source as the backup found it."""

    source: str
    entry: Entry
    sha256: str = ""
    """Of a file's content; empty when that was not asked for, or is in doubt."""
    doubt: str = ""
    """Why content and size are not to be compared; empty when they are."""
    mtime: int = 0
    """In nanoseconds, as all times here."""
    ctime: int = 0
    inode: int = 0
    read: int = 0
    """When the content was last read, in seconds since the epoch."""

    @property
    def key(self) -> tuple[str, list[str]]:
        """By this all records of a manifest are sorted."""
        return self.source, order(self.entry.path)


class Unsound(Exception):
    """The lines are not those of a manifest that this program knows; the message says why."""


def lines(records: Iterable[Record]) -> Iterator[bytes]:
    """The whole file, line by line."""
    yield _line({"schema": SCHEMA})
    source = None
    for record in records:
        if record.source != source:
            source = record.source
            yield _line({"source": source})
        yield _line(_written(record))


class Reader:
    """Takes the lines of a manifest one by one."""

    def __init__(self) -> None:
        self._begun = False
        self._source = ""

    def take(self, line: bytes) -> Record | None:
        """The record of the line; None for one that holds none. Raises Unsound."""
        try:
            data = json.loads(line)
            if not self._begun:
                self._begin(data)
                return None
            if "source" in data:
                self._source = str(data["source"])
                return None
            return _read(self._source, data)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Unsound(f"a line of it is not understood ({error!r})") from None

    def _begin(self, data: dict[str, Any]) -> None:
        if data["schema"] != SCHEMA:
            raise Unsound(f"it has schema {data['schema']}, and this program knows {SCHEMA}: use a newer holdfast")
        self._begun = True


def read(stream: Iterable[bytes]) -> Iterator[Record]:
    """The records of a manifest's lines. Raises Unsound."""
    reader = Reader()
    for line in stream:
        record = reader.take(line)
        if record:
            yield record


def _written(record: Record) -> dict[str, Any]:
    """Without what is empty: most entries have no attributes, and only files a hash."""
    entry = record.entry
    data = {
        "path": entry.path,
        "kind": entry.kind,
        "mode": f"{entry.mode:04o}",
        "uid": entry.uid,
        "gid": entry.gid,
        "size": entry.size if entry.kind == FILE else None,
        "target": entry.target,
        "attributes": entry.attributes,
        "same_as": entry.same_as,
        "sha256": record.sha256,
        "doubt": record.doubt,
        "mtime": record.mtime,
        "ctime": record.ctime,
        "inode": record.inode,
        "read": record.read,
    }
    return {name: value for name, value in data.items() if value or (name in _ALWAYS and value is not None)}


def _read(source: str, data: dict[str, Any]) -> Record:
    entry = Entry(
        path=data["path"],
        kind=data["kind"],
        mode=int(data["mode"], 8),
        uid=data["uid"],
        gid=data["gid"],
        size=data.get("size", 0),
        target=data.get("target", ""),
        attributes=tuple((name, value) for name, value in data.get("attributes", ())),
        same_as=data.get("same_as", ""),
    )
    own = {name: data[name] for name in _OWN if name in data}
    return Record(source, entry, **own)


_encode = json.JSONEncoder(separators=(",", ":")).encode


def _line(data: dict[str, Any]) -> bytes:
    return _encode(data).encode() + b"\n"
