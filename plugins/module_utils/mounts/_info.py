# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be told of a host's network mounts: those that are mounted, and those that are only configured."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..runner import _mountinfo, _paths
from ..runner._mountinfo import Mount
from ..runner._problem import Problem
from . import _apart, _fstab, _holders, _observe, _probe, _seen, _units
from ._fstab import Entry
from ._kinds import CONFIGURED_TYPES, LIVE_TYPES
from ._seen import Seen
from ._systemctl import Systemd, View


def mounts(paths: Sequence[str] | None, seconds: float, with_holders: bool) -> list[dict[str, Any]]:
    """All of them, or those at these paths, sorted. ``seconds``: for the servers' answers, all together.

    Raises OSError and Problem.
    """
    table, entries = _mountinfo.mounts(), _fstab.entries(_fstab.read())
    found = _found(table, entries)
    wanted = sorted(found if paths is None else set(paths) & found)
    views = _views(wanted, seconds)
    seen = {path: _look(path, table, entries, views) for path in wanted}
    questions = {path: _probe.question(path) for path, one in seen.items() if _is_to_be_asked(one)}
    answers = _apart.answers(questions, seconds)
    told = [_told(path, one, answers.get(path), with_holders) for path, one in seen.items()]
    for one in told:
        lines = [entry for entry in entries if entry.path == one["path"]]
        if len(lines) > 1:
            one["differences"].insert(0, f"fstab has {len(lines)} lines for it")
    return told


def _found(table: Sequence[Mount], entries: Sequence[Entry]) -> set[str]:
    """Where network file systems are mounted or configured."""
    live = {mount.path for mount in table if mount.file_system in LIVE_TYPES}
    return live | {entry.path for entry in entries if entry.fstype in CONFIGURED_TYPES} | _with_units()


def _with_units() -> set[str]:
    found = set()
    for file in _paths.UNITS.glob("*.mount"):
        try:
            settings = _units.settings(file.read_text(encoding="utf-8", errors="surrogateescape"))
        except FileNotFoundError:  # a link to a unit that went
            continue
        if settings.get("Type") in CONFIGURED_TYPES and settings.get("Where"):
            found.add(_fstab.normalised(settings["Where"]))
    return found


def _views(paths: Sequence[str], seconds: float) -> Mapping[str, View]:
    """systemd's view; none on a host that it does not run."""
    systemd = Systemd(time.monotonic() + max(seconds, 2.0))
    try:
        return systemd.views(
            [unit for path in paths for unit in (_units.mount_unit(path), _units.automount_unit(path))]
        )
    except Problem:
        return {}


def _look(path: str, table: Sequence[Mount], entries: Sequence[Entry], views: Mapping[str, View]) -> Seen:
    live, autofs = _seen.split([mount for mount in table if mount.path == path])
    return Seen(
        entry=next((entry for entry in entries if entry.path == path), None),
        units=_observe.units_of(path),
        view=views.get(_units.mount_unit(path), View()),
        automount_view=views.get(_units.automount_unit(path), View()),
        live=live,
        autofs=autofs,
        drop_ins=_observe.drop_ins_of(path),
    )


def _is_to_be_asked(seen: Seen) -> bool:
    return seen.mount is not None and seen.mount.file_system in LIVE_TYPES


def _told(path: str, seen: Seen, answer: Any, with_holders: bool) -> dict[str, Any]:
    health = None if answer is None else _probe.health(answer)
    told = dict(_seen.shown(path, replace(seen, health=health)) or {})
    mount = seen.mount
    told["live"] = mount and {
        "src": mount.source,
        "fstype": mount.file_system,
        "opts": sorted(mount.options),
    }
    told["size"], told["free"] = (health.size, health.free) if health else (None, None)
    told["differences"] = _seen.layers(seen)
    if with_holders:
        found = _holders.holders(path) if mount else []
        told["holders"] = [{"pid": one.pid, "command": one.command, "how": one.how} for one in found]
    return told
