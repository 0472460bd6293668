# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who keeps a mount busy. Told by links in /proc alone, which name a path without touching what is mounted there."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PATIENCE = 3.0
"""Seconds; a host may have very many processes."""
_LONGEST = 80


@dataclass(frozen=True)
class Holder:
    """One process."""

    pid: int
    command: str
    how: str
    """``cwd``, ``root``, ``exe``, ``fd`` or ``mmap``."""

    def __str__(self) -> str:
        return f"{self.command} (pid {self.pid}, {self.how})"


def holders(path: str, proc: Path = _PROC) -> list[Holder]:
    """The processes with something open at the path or beneath it, and what else is mounted beneath it."""
    deadline = time.monotonic() + _PATIENCE
    found = []
    for entry in sorted(proc.iterdir(), key=lambda entry: entry.name):
        if not entry.name.isdecimal() or int(entry.name) == os.getpid() or time.monotonic() > deadline:
            continue
        how = _how(entry, path)
        if how:
            found.append(Holder(int(entry.name), _command(entry), how))
    return found


def told(found: Sequence[Holder]) -> str:
    """For a message."""
    return ", ".join(str(holder) for holder in found) or "no process of this host, perhaps a mount beneath it"


def _how(process: Path, path: str) -> str:
    for how, link in _links(process):
        with suppress(OSError):
            seen = os.readlink(link)
            if seen == path or seen.startswith(f"{path}/"):
                return how
    with suppress(OSError):
        if _maps(process, path):
            return "mmap"
    return ""


def _links(process: Path) -> Iterator[tuple[str, Path]]:
    for how in ("cwd", "root", "exe"):
        yield how, process / how
    with suppress(OSError):
        for name in os.listdir(process / "fd"):
            yield "fd", process / "fd" / name


def _maps(process: Path, path: str) -> bool:
    with open(process / "maps", encoding="utf-8", errors="surrogateescape") as lines:
        return any(_is_beneath(line.rstrip("\n").split(" ", 5)[-1].strip(), path) for line in lines)


def _is_beneath(seen: str, path: str) -> bool:
    return seen == path or seen.startswith(f"{path}/")


def _command(process: Path) -> str:
    """The command line without what may be secret in it: the program, and its name for the kernel."""
    with suppress(OSError):
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()[:_LONGEST]
    return "a process"
