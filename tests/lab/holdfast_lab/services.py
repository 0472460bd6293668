# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers that all labs of a user share: the package mirror and, where none answers, a Docker daemon.

They start when the first lab needs them and stop when the last lab has gone, or later when `services start` holds them
(many short labs one after the other then do not pay for restarts).
"""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from holdfast_lab.places import cache_directory
from holdfast_lab.processes import Process, locked
from holdfast_lab.progress import say

HELD = "held"


def lock() -> AbstractContextManager[None]:
    """Whoever starts, stops or counts the shared servers holds this."""
    return locked(cache_directory("services") / "lock", "the shared servers")


def use(identity: str, directory: Path) -> None:
    """Note that a lab (or :data:`HELD`) needs the shared servers; call with the lock held."""
    (cache_directory("services", "users") / identity).write_text(str(directory))


def release(identity: str) -> None:
    """Note that a lab needs them no longer, and stop them when nobody is left."""
    with lock():
        (cache_directory("services", "users") / identity).unlink(missing_ok=True)
        if not _users():
            for record in sorted(cache_directory("services").glob("*.json")):
                _stop(record.stem)


def _users() -> list[str]:
    """Those that need the servers; a lab whose state file is gone was deleted by hand and counts no more."""
    users = []
    for note in cache_directory("services", "users").iterdir():
        if note.name == HELD or (Path(note.read_text()) / "state.json").exists():
            users.append(note.name)
        else:
            note.unlink()
    return users


def running(name: str) -> dict[str, Any] | None:
    """What was remembered of a server when it was started, None when it does not run."""
    record = cache_directory("services") / f"{name}.json"
    try:
        content: dict[str, Any] = json.loads(record.read_text())
    except FileNotFoundError:
        return None
    return content if Process(**content["process"]).runs() else None


def remembered(name: str) -> dict[str, Any]:
    """What was remembered last, whether it runs or not."""
    record = cache_directory("services") / f"{name}.json"
    return json.loads(record.read_text()) if record.exists() else {}


def remember(name: str, process: Process, **facts: Any) -> None:
    """Remember a server that was just started."""
    content = {"process": asdict(process), **facts}
    (cache_directory("services") / f"{name}.json").write_text(json.dumps(content))


def stop(name: str) -> None:
    """Stop one server; what was remembered of it stays, so that it can come back at the same place."""
    known = running(name)
    if known:
        Process(**known["process"]).stop()


def _stop(name: str) -> None:
    known = running(name)
    if known:
        say(f"stopping {name}, as no lab needs it")
        stop(name)
