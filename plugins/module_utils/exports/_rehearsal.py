# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""exportfs, run on files that are not in place yet, in a mount namespace where its table is a private one.

exportfs has no way to check a file. With its own view of the files and of its directory of state it parses, resolves
hosts, asks the kernel whether the file system can be exported, and writes a table that nobody answers clients from. All
that reaches the host is that the kernel's caches are dropped, which it fills again from the table that is live.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..runner._problem import Problem
from . import _place, _syntax
from ._syntax import Entry

LIMIT = 60
"""Seconds for exportfs, which waits for the name service with each host that does not resolve."""

_DEFAULT = "Neither 'subtree_check' or 'no_subtree_check' specified"

_CLONE_NEWNS = 0x20000
_MS_BIND, _MS_REC, _MS_PRIVATE = 1 << 12, 1 << 14, 1 << 18


@dataclass(frozen=True)
class Outcome:
    """What exportfs said and did."""

    complaints: tuple[str, ...]
    table: tuple[Entry, ...]


def rehearse(exportfs: str, files: Mapping[str, str]) -> Outcome:
    """What the table would be with these ``files``, by name, in /etc/exports.d. Raises Problem, and OSError."""
    with tempfile.TemporaryDirectory(prefix="holdfast-exports-") as scratch:
        state, directory = Path(scratch, "state"), Path(scratch, "files")
        state.mkdir()
        directory.mkdir()
        for name, text in files.items():
            (directory / name).write_text(text, encoding="utf-8", errors="surrogateescape")
        views = {str(state): str(_place.STATE)}
        if _place.DIRECTORY.is_dir():
            views[str(directory)] = str(_place.DIRECTORY)
        elif files:
            views[str(_merged(directory))] = str(_place.EXPORTS)
        complaints = run(exportfs, lambda: _enter(views))
        return Outcome(complaints, _syntax.entries(_read(state / _place.TABLE.name)))


def run(exportfs: str, prepare: Callable[[], None] | None = None) -> tuple[str, ...]:
    """Have exportfs read its files; returns what it complains of, a line each. Its exit status alone says too little:
    it is 0 for a host that does not resolve, and that host is left out.
    """
    try:
        done = subprocess.run(
            [exportfs, "-r"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, "LC_ALL": "C"},
            timeout=LIMIT,
            preexec_fn=prepare,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Problem(
            f"exportfs: gave no answer within {LIMIT} s, as happens when a name server is silent. Give addresses in "
            "the place of names, or mend the name service, and run again."
        ) from None
    except subprocess.SubprocessError as error:
        raise Problem(
            f"exportfs: could not be tried out in a mount namespace: {error}. The module needs the right to mount "
            "(CAP_SYS_ADMIN), which a container has only when told so."
        ) from error
    said = complaints_of(done.stderr.decode("utf-8", "surrogateescape"))
    return said or ((f"exit status {done.returncode}",) if done.returncode else ())


def complaints_of(errors: str) -> tuple[str, ...]:
    """One for each thing that exportfs complains of, in its words; indented lines belong to the one above.

    That a line leaves a default to exportfs is what 1.3.4 says of it and nothing to complain of.
    """
    found: list[str] = []
    for line in errors.splitlines():
        said = line.removeprefix("exportfs: ")
        if not said.strip():
            continue
        if said[0].isspace() and found:
            found[-1] += f" {said.strip()}"
        elif said not in found:
            found.append(said)
    return tuple(said for said in found if _DEFAULT not in said)


def _merged(directory: Path) -> Path:
    """All in one file, for a host that has no /etc/exports.d yet: nothing can be mounted there."""
    parts = [_read(_place.EXPORTS), *(file.read_text(encoding="utf-8") for file in sorted(directory.iterdir()))]
    merged = directory / "merged"
    merged.write_text("\n".join(parts), encoding="utf-8", errors="surrogateescape")
    return merged


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return ""


def _enter(views: Mapping[str, str]) -> None:
    """Between fork and exec: a mount namespace of its own, in which other things lie at those places."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_CLONE_NEWNS) != 0:
        _fail("unshare")
    if library.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None) != 0:
        _fail("/")
    for source, target in views.items():
        if library.mount(os.fsencode(source), os.fsencode(target), None, _MS_BIND, None) != 0:
            _fail(target)


def _fail(what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, os.strerror(number), what)
