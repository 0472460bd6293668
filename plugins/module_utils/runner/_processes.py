# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which restic this host itself has started: only of those a lock may be removed, once they are gone.

A lock says a host name and a process id. Two hosts may share both, and a live lock of the one would be gone.
A process is told from a later one of its number by when it began, in ticks since the boot.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

from . import _files, _paths

_PROC = Path("/proc")
_START = 19
"""The field of /proc/pid/stat that tells when it began, counted behind the name: proc(5)."""
_MOST = 100
"""So many records are kept: of restics that failed, and nobody had to wait for."""


def record(repository: str, pid: int) -> None:
    """Know this process as ours until it is forgotten; a killed program leaves the record, which is its purpose."""
    # Without a record nothing is lost: its lock is then waited for, like that of a stranger.
    with suppress(OSError):
        _files.private_directory(_paths.STATE)
        _files.private_directory(_directory())
        _drop_oldest()
        content = {"repository": repository, "pid": pid, "begun": _begun(pid)}
        _files.write(_file(pid), json.dumps(content).encode(), 0o600)


def forget(pid: int) -> None:
    """It has ended, and let go of its lock."""
    with suppress(OSError):
        _file(pid).unlink(missing_ok=True)


def is_own_and_gone(repository: str, pid: int) -> bool:
    """Whether this host has started this restic on the repository, and it runs no more."""
    record = _read(_file(pid))
    return record.get("repository") == repository and record.get("pid") == pid and not _lives(pid, record.get("begun"))


def forget_gone(repository: str) -> None:
    """Drop the records of those that are gone: the repository has no lock of theirs any more."""
    with suppress(OSError):
        for path in _directory().glob("*.json"):
            record = _read(path)
            if record.get("repository") == repository and not _lives(int(path.stem), record.get("begun")):
                path.unlink(missing_ok=True)


def _directory() -> Path:
    return _paths.STATE / "processes"


def _file(pid: int) -> Path:
    return _directory() / f"{pid}.json"


def _read(path: Path) -> dict[str, object]:
    try:
        record = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _lives(pid: int, begun: object) -> bool:
    """Whether the process is there still. One that cannot be looked at counts as it."""
    try:
        os.kill(pid, 0)  # a confined unit sees nothing in /proc of processes with more rights, but may ask this
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    now = _begun(pid)
    return now is None or begun is None or now == begun


def _begun(pid: int) -> str | None:
    try:
        stat = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The name of the program, in brackets, may hold anything.
    return stat.rpartition(b")")[2].split()[_START].decode()


def _drop_oldest() -> None:
    paths = sorted(_directory().glob("*.json"), key=lambda path: path.stat().st_mtime)
    for path in paths[: -_MOST + 1] if len(paths) >= _MOST else []:
        path.unlink(missing_ok=True)
