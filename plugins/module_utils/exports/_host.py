# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host has of exports: the files of all, exportfs's table, the kernel's, and what a rehearsal says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..runner._problem import Problem
from . import _place, _syntax
from ._syntax import Entry

_PSEUDO = "v4root"
"""The mark of what mountd shows of the way to an export (exports(5)); nobody declared that."""
_COMPARED = ("rw", "ro", "sync", "async", "root_squash", "no_root_squash", "insecure")
"""The words that the kernel has for options and that mean what exportfs means by them."""
_PATH = re.compile(r"(^|[\s:'\"])/")
"""Where a path begins in what exportfs says."""
_STATE = re.compile(r"^\s*state-directory-path\s*=\s*(\S+)", re.MULTILINE)


@dataclass(frozen=True)
class Tables:
    """Who is given what at the moment."""

    live: tuple[Entry, ...]
    kernel: tuple[Entry, ...]
    running: bool


def files() -> dict[Path, str]:
    """The text of each file that exportfs reads. Raises OSError."""
    found = [_place.EXPORTS] if _place.EXPORTS.exists() else []
    if _place.DIRECTORY.is_dir():
        found += sorted(file for file in _place.DIRECTORY.glob(f"*{_place.SUFFIX}") if file.name[0] != ".")
    return {file: file.read_text(encoding="utf-8", errors="surrogateescape") for file in found}


def tables() -> Tables:
    """Raises OSError."""
    threads = (text(_place.THREADS) or "").strip()
    return Tables(
        _syntax.entries(text(_place.TABLE) or ""),
        tuple(entry for entry in _syntax.entries(text(_place.KERNEL_TABLE) or "") if _PSEUDO not in entry.options),
        threads not in ("", "0"),
    )


def contradiction(kernel: Iterable[Entry], table: Iterable[Entry]) -> str:
    """What the kernel still answers otherwise than the table says; it forgets with the next exportfs."""
    known = {entry.host: entry.options for entry in table}
    for entry in kernel:
        options = known.get(entry.host)
        if options is None:
            if "," not in entry.host and "$" not in entry.host:  # what mountd makes up for a host of several entries
                return f"the kernel still knows {entry.host}"
        elif _compared(entry.options) != _compared(options):
            return f"the kernel still has other options for {entry.host}"
    return ""


def lost(live: Iterable[Entry], rehearsed: Iterable[Entry]) -> list[Entry]:
    """What is live and would not be after exportfs has read its files."""
    kept = {(entry.path, entry.host) for entry in rehearsed}
    return [entry for entry in live if (entry.path, entry.host) not in kept]


def changed(live: Iterable[Entry], rehearsed: Sequence[Entry]) -> list[Entry]:
    """What would be live otherwise than it is, because somebody changed a file and has not run exportfs since."""
    now = {(entry.path, entry.host): entry.options for entry in live}
    return [entry for entry in rehearsed if now.get((entry.path, entry.host)) != entry.options]


def of_item(complaint: str, name: str, path: str, hosts: Iterable[str]) -> bool:
    """Whether exportfs complains of this item: of its file or its path, or of one of its hosts and no path at all."""
    words = [path] if _PATH.search(complaint) else hosts
    return name in complaint or any(_holds(complaint, word) for word in words)


def of_path(path: str, entries: Iterable[Entry]) -> list[Entry]:
    """Those of the entries that export the path, in whatever form they write it."""
    return [entry for entry in entries if os.path.normpath(entry.path) == path]


def foreign(texts: Mapping[Path, str], own: Path) -> tuple[Entry, ...]:
    """What the files of others, and of other exports, give away."""
    return tuple(entry for file, text in texts.items() if file != own for entry in _syntax.entries(text, str(file)))


def text(file: Path) -> str | None:
    """Of a file; None when it is not there. Raises OSError."""
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None


def check_state() -> None:
    """Problem when nfs-utils keeps its table elsewhere: it could be neither looked at nor kept from a rehearsal."""
    for file in (_place.SETTINGS, *sorted(_place.SETTINGS_DIRECTORY.glob("*.conf"))):
        found = _STATE.search(text(file) or "")
        if found and Path(found[1]) != _place.STATE:
            raise Problem(
                f"exports: {file} has nfs-utils keep its state in {found[1]}, and this module knows {_place.STATE} "
                "only. Take state-directory-path out."
            )


def is_of_directory(complaint: str, path: str) -> bool:
    """Whether exportfs complains that the directory is not there."""
    return complaint.endswith(f"stat {path}: No such file or directory")


def _holds(complaint: str, word: str) -> bool:
    return re.search(rf"(?<![\w/.-]){re.escape(word)}(?![\w/.-])", complaint) is not None


def _compared(options: Sequence[str]) -> frozenset[str]:
    return frozenset(options) & frozenset(_COMPARED)
