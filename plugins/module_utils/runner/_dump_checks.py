# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a dump is whole: the least that a good one has and one that broke off half-way has not."""

from __future__ import annotations

import os
import re
from pathlib import Path

_END = 4096
_LAST_LINES = {
    "postgresql": (b"-- PostgreSQL database dump complete", b"-- PostgreSQL database cluster dump complete"),
    "mariadb": (b"-- Dump completed",),
    "mysql": (b"-- Dump completed",),
}
_MAGIC = {"mongodb": b"\x6d\xe2\x99\x81", "redis": b"REDIS", "sqlite": b"SQLite format 3\0"}
_RDB_END = 0xFF
_RDB_CHECKSUM = 8
"""Bytes behind the end, since version 5 of the format."""
_RDB_MARK = 40
_HEXADECIMAL = re.compile(rb"[0-9a-f]*")


def trim(kind: str, path: Path) -> None:
    """Take away what a program has put behind its dump. Raises OSError.

    ``redis-cli --rdb -`` passes on the mark by which a server without a file of its own tells it the end.
    """
    size = path.stat().st_size
    if kind != "redis" or size <= _RDB_MARK + _RDB_CHECKSUM:
        return
    with path.open("r+b") as stream:
        stream.seek(size - _RDB_MARK - _RDB_CHECKSUM - 1)
        end = stream.read()
        if end[0] == _RDB_END and _HEXADECIMAL.fullmatch(end[-_RDB_MARK:]):
            stream.truncate(size - _RDB_MARK)


def lacking(kind: str, path: Path) -> str:
    """What a file of this kind of dump lacks, in words; empty when it looks whole. Raises OSError."""
    size = path.stat().st_size
    if size == 0:
        return "it is empty"
    with path.open("rb") as stream:
        start = stream.read(16)
        stream.seek(max(0, size - _END), os.SEEK_SET)
        end = stream.read()
    if kind in _LAST_LINES and not any(line in end for line in _LAST_LINES[kind]):
        return f"its last lines do not say {_LAST_LINES[kind][0].decode()!r}, so it broke off"
    if kind in _MAGIC and not start.startswith(_MAGIC[kind]):
        return f"it does not begin as one does ({start!r})"
    if kind == "redis" and (len(end) <= _RDB_CHECKSUM or end[-_RDB_CHECKSUM - 1] != _RDB_END):
        return "the mark at its end is missing, so it broke off"
    return ""
