# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the jobs of this host stand, and what their repositories hold."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import _job, _paths, _restore_pending, _state
from ._job import Job
from ._problem import Problem
from ._state import State
from ._systemd import moment, show
from ._text import duration, local_time, table
from ._words import files, size

if TYPE_CHECKING:
    from ._restic import Snapshot

_FIGURES = ("AGE", "RPO", "FILES", "SIZE")


@dataclass(frozen=True)
class Status:
    """How one job stands."""

    job: Job
    state: State
    reasons: tuple[str, ...]
    """Why it is not healthy; empty when it is."""
    next: datetime | None
    """When its timer elapses next."""
    running: bool
    age: int | None
    """Seconds since the last success ended."""

    @property
    def name(self) -> str:
        return self.job.name

    @property
    def healthy(self) -> bool:
        return not self.reasons

    def to_json(self) -> dict[str, Any]:
        state = asdict(self.state)
        del state["job"], state["summaries"]
        return {
            "job": self.job.name,
            "healthy": self.healthy,
            "reasons": list(self.reasons),
            "running": self.running,
            "next": _state.text(self.next) if self.next else None,
            "age": self.age,
            "rpo": self.job.rpo,
            "rto": self.job.rto,
            **state,
        }


@dataclass(frozen=True)
class Broken:
    """A job whose file, or what is noted of its runs, is not sound: it cannot run, and hides no other."""

    name: str
    problem: str
    healthy = False

    @property
    def reasons(self) -> tuple[str, ...]:
        return (self.problem.removeprefix(f"job {self.name}: "),)

    def to_json(self) -> dict[str, Any]:
        return {"job": self.name, "healthy": False, "reasons": list(self.reasons)}


def status(name: str | None, as_json: bool) -> tuple[str, bool]:
    """What to print about one job, or all; and whether all is well."""
    found = _observe([_job.load(name).name] if name else _job.names())
    healthy = all(one.healthy for one in found)
    if as_json:
        rows = [one.to_json() for one in found]
        return json.dumps(rows[0] if name else rows, indent=2), healthy
    if not found:
        return "No backup jobs on this host. Create one with backup_timer.", healthy
    return _as_table(found), healthy


def reasons(
    job: Job, state: State, now: datetime, waiting: Sequence[str] = (), restores: Sequence[str] = ()
) -> tuple[str, ...]:
    """Why a job is not healthy, in sentences. ``waiting``: the containers that its last run left down.

    ``restores``: what of restores that have not come to their end concerns it.
    """
    found = []
    prefix = f"job {job.name}: "
    if state.last_run is None:
        found.append("it never ran")
    elif state.last_run.result != _state.SUCCESS:
        found.append(f"its last run: {state.last_run.result}: {state.last_run.message.removeprefix(prefix)}")
    if waiting:
        found.append(
            f"containers {', '.join(waiting)} still wait to be started: start them with holdfast release {job.name}"
        )
    found += restores
    if state.last_run and state.last_success is None:
        found.append("it never succeeded")
    age = _age(state, now)
    if job.rpo is not None and age is not None and age > job.rpo:
        found.append(f"its last success is {duration(age)} old, and may be {duration(job.rpo)} (rpo)")
    if state.last_retention and state.last_retention.result != _state.SUCCESS:
        found.append(
            f"its last retention: {state.last_retention.result}: {state.last_retention.message.removeprefix(prefix)}"
        )
    return tuple(found)


def snapshots(name: str, host: str | None, as_json: bool) -> str:
    """What to print about the snapshots of a job, those of another host where one is named."""
    from ._repository import load
    from ._restic import Restic

    job, state = _job.load(name), _state.load(name)
    found = [_sized(one, state) for one in Restic(load(job.repository)).snapshots(host or job.host, name)]
    if as_json:
        rows = [
            {**asdict(one), "short_id": one.short_id, "time": _state.text(one.time), "partial": one.partial}
            for one in found
        ]
        return json.dumps(rows, indent=2)
    if not found:
        way = (
            f"Leave out --host for those of {job.host}."
            if host not in (None, job.host)
            else f"Make one with holdfast run {name}, or name with --host the host that made them."
        )
        return f"job {name}: no snapshots of host {host or job.host} in repository {job.repository}. {way}"
    return table(
        ("SNAPSHOT", "TIME", "HOST", "FILES", "SIZE", "STATE"), [_snapshot_row(one) for one in found], _FIGURES
    )


def last_run(name: str) -> str:
    """What to print about the last run of a job."""
    run = _state.load(name).last_run
    if run is None:
        raise Problem(f"job {name}: it ended without a record. See journalctl -u {_paths.backup_service(name)}.")
    if run.result != _state.SUCCESS:
        return f"job {name}: {run.result} after {duration(run.seconds)}: {run.message.removeprefix(f'job {name}: ')}"
    return (
        f"job {name}: success after {duration(run.seconds)}: snapshot {run.snapshot}, {files(run.files or 0)}, "
        f"{size(run.bytes or 0)}, {size(run.bytes_added or 0)} new"
    )


def _observe(names: Sequence[str]) -> list[Status | Broken]:
    if not names:
        return []
    services = [_paths.backup_service(name) for name in names]
    timers = [_paths.backup_timer(name) for name in names]
    units = show([*services, *timers], ["ActiveState", "NextElapseUSecRealtime"])
    return [_look(name, units) for name in names]


def _look(name: str, units: Mapping[str, Mapping[str, str]]) -> Status | Broken:
    try:
        return _status(_job.load(name), units)
    except Problem as problem:
        return Broken(name, str(problem))


def _status(job: Job, units: Mapping[str, Mapping[str, str]]) -> Status:
    state, now = _state.load(job.name), _state.now()
    running = units[_paths.backup_service(job.name)].get("ActiveState") in ("activating", "deactivating")
    return Status(
        job=job,
        state=state,
        reasons=reasons(job, state, now, () if running else _waiting(job.name), _restore_pending.reasons(job)),
        next=moment(units[_paths.backup_timer(job.name)].get("NextElapseUSecRealtime", "")),
        running=running,
        age=_age(state, now),
    )


def _waiting(name: str) -> list[str]:
    if not _paths.note_file(name).exists():
        return []
    from ._quiesce import waiting

    return waiting(name)


def _age(state: State, now: datetime) -> int | None:
    if state.last_success is None:
        return None
    return int((now - _state.time(state.last_success.finished)).total_seconds())


def _as_table(found: Sequence[Status | Broken]) -> str:
    head = ("JOB", "HEALTH", "LAST SUCCESS", "AGE", "RPO", "FILES", "SIZE", "NEXT RUN")
    lines = [table(head, [_status_row(one) for one in found], _FIGURES)]
    lines += [f"job {one.name}: {reason}" for one in found for reason in one.reasons]
    return "\n".join(lines)


def _status_row(one: Status | Broken) -> tuple[str, ...]:
    if isinstance(one, Broken):
        return (one.name, "BAD", *["-"] * 6)
    success = one.state.last_success
    return (
        one.job.name,
        "running" if one.running else "good" if one.healthy else "BAD",
        local_time(_state.time(success.finished)) if success else "-",
        duration(one.age) if one.age is not None else "-",
        duration(one.job.rpo) if one.job.rpo else "-",
        _count(success.files if success else None),
        _size(success.bytes if success else None),
        local_time(one.next),
    )


def _snapshot_row(one: Snapshot) -> tuple[str, ...]:
    kind = "partial" if one.partial else "whole"
    return one.short_id, local_time(one.time), one.host, _count(one.files), _size(one.bytes), kind


def _sized(one: Snapshot, state: State) -> Snapshot:
    """restic before 0.17 writes no summary into a snapshot: then with what this host noted when it made it."""
    noted = state.summaries.get(one.short_id)
    return one if one.files is not None or noted is None else replace(one, files=noted[0], bytes=noted[1])


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"


def _size(number: int | None) -> str:
    return "-" if number is None else size(number)
