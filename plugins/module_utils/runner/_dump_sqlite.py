# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite's databases, copied while their programs write: by its own online backup, which Python brings along."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ._child import TimeOut
from ._job_steps import Dump
from ._problem import Problem

_PAGES = 4096
"""That are copied between two looks at the clock."""
_BUSY = 60
"""Seconds to wait for a program that holds the database locked."""


def place(dump: Dump, container: Mapping[str, Any] | None) -> str:
    """Where the database lies on this host. ``container``: what Docker knows of the one that is named."""
    path = str(dump.path)
    if container is None:
        return path
    mounts = sorted(container.get("Mounts") or [], key=lambda mount: len(mount["Destination"]), reverse=True)
    for mount in mounts:
        inside = str(mount["Destination"]).rstrip("/")
        if path.startswith(f"{inside}/") and mount.get("Source"):
            return os.path.join(str(mount["Source"]), path[len(inside) + 1 :])
    raise Problem(
        f"{dump.label}: {path} lies in no volume and no bind mount of the container, but in the container itself, and "
        "is gone with it. Put it into a volume."
    )


def copy(dump: Dump, source: str, target: Path) -> None:
    """Copy the database and check the copy. Raises TimeOut; Problem when it cannot be read, or is not sound."""
    deadline = time.monotonic() + dump.timeout

    def look(_status: int, _remaining: int, _total: int) -> None:
        if time.monotonic() > deadline:
            raise TimeOut

    if not os.path.isfile(source):
        raise Problem(f"{dump.label}: {source} is not there. Correct its path, or take the dump out of the job.")
    try:
        # Only read: what a crash left in the journal is for its program to roll back.
        origin = sqlite3.connect(f"file:{quote(source)}?mode=ro", uri=True, timeout=_BUSY)
        try:
            copied = sqlite3.connect(str(target))
            try:
                origin.backup(copied, pages=_PAGES, progress=look)
                found = [str(row[0]) for row in copied.execute("PRAGMA integrity_check(3)")]
            finally:
                copied.close()
        finally:
            origin.close()
    except sqlite3.Error as error:
        raise Problem(f"{dump.label}: {source} could not be copied: {error}.") from None
    if found != ["ok"]:
        raise Problem(f"{dump.label}: {source} is damaged: {'; '.join(found)}. Repair it, or restore it from before.")
