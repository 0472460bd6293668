# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted where, as the kernel tells it (proc(5), /proc/pid/mountinfo)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import _paths

_SEPARATOR = "-"
"""Stands between the optional fields, of which there may be none, and what belongs to the file system."""
_OPTIONAL_FIELDS = 6
"""Where they begin in a line."""


@dataclass(frozen=True)
class Mount:
    """One line of the table."""

    path: str
    """Where it is mounted."""
    file_system: str
    """Its type, such as ``ext4``, ``nfs4``, ``tmpfs``."""
    source: str
    """A device, an export, or whatever the file system calls its source."""
    root: str = "/"
    """Which directory within the file system is seen at ``path``; not ``/`` for a bind mount."""
    number: str = ""
    """``major:minor``: the same for all mounts of one file system."""
    options: frozenset[str] = field(default_factory=frozenset)
    """Those of the mount and those of its file system, together."""


def mounts(table: Path | None = None) -> tuple[Mount, ...]:
    """What this process sees mounted, or whom else the table belongs to. Raises OSError."""
    with open(table or _paths.MOUNTINFO, encoding="utf-8", errors="surrogateescape") as lines:
        return tuple(_mount(line) for line in lines)


def at(path: str, table: Sequence[Mount]) -> Mount | None:
    """What is seen at exactly this path; of several mounts upon each other the uppermost."""
    return next((mount for mount in reversed(table) if mount.path == path), None)


def around(path: str, table: Sequence[Mount]) -> Mount | None:
    """The mount in which the path lies. ``path`` is absolute and without symbolic links."""
    return next(filter(None, (at(above, table) for above in _upwards(path))), None)


def _upwards(path: str) -> Iterator[str]:
    while path != "/":
        yield path
        path = path.rpartition("/")[0] or "/"
    yield "/"


def _mount(line: str) -> Mount:
    fields = line.split(" ")
    after = fields.index(_SEPARATOR, _OPTIONAL_FIELDS) + 1
    file_system, source, of_file_system = (*fields[after:], "", "")[:3]
    options = f"{fields[5]},{of_file_system.strip()}".split(",")
    return Mount(
        path=_unescape(fields[4]),
        file_system=file_system.strip(),
        source=_unescape(source.strip()),
        root=_unescape(fields[3]),
        number=fields[2],
        options=frozenset(_unescape(option) for option in options if option),
    )


def _unescape(field: str) -> str:
    """A field, where blanks, line ends and backslashes stand as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
