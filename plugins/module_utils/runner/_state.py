# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about a job's runs: /var/lib/holdfast/state/<job>.json. The last success survives every failure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timezone
from typing import Any, Callable, TypeVar

from . import _files, _paths
from ._problem import Locked, Partial, Precondition, Problem

SCHEMA = 1
SUCCESS = "success"
FAILED = "failed"
_RESULTS = {
    0: SUCCESS,
    Partial.exit_code: "partial",
    Locked.exit_code: "locked",
    Precondition.exit_code: "precondition",
}
_UPDATE_TIMEOUT = 30
_SUMMARIES = 500

Kind = TypeVar("Kind", bound="_Ended")


@dataclass(frozen=True)
class _Ended:
    """What is known of everything that has ended. Times are ISO 8601 in UTC; what did not come about is None."""

    started: str
    finished: str
    result: str
    """``success``, ``partial``, ``failed``, ``locked`` or ``precondition``."""
    exit_code: int
    seconds: float
    message: str
    """For a person; empty on success."""

    @classmethod
    def ended_now(cls: type[Kind], started: str, exit_code: int, message: str, **figures: Any) -> Kind:
        """One that ends at this moment; ``figures`` are the kind's own."""
        finished = now()
        seconds = (finished - time(started)).total_seconds()
        return cls(started, text(finished), result_of(exit_code), exit_code, seconds, message, **figures)


@dataclass(frozen=True)
class Run(_Ended):
    """One backup."""

    invocation: str = ""
    """systemd's id of this run of the unit: leads to its lines in the journal."""
    snapshot: str | None = None
    files: int | None = None
    bytes: int | None = None
    bytes_added: int | None = None
    filled: tuple[str, ...] = ()
    """The sources that held something. One of them found empty later is no reason to save emptiness."""


@dataclass(frozen=True)
class RetentionRun(_Ended):
    """One retention: how many snapshots stayed and went."""

    kept: int | None = None
    removed: int | None = None


@dataclass(frozen=True)
class State:
    """The state of one job."""

    job: str
    last_run: Run | None = None
    last_success: Run | None = None
    last_retention: RetentionRun | None = None
    summaries: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """Files and bytes of the snapshots made here, by short id: restic before 0.17 does not keep them."""
    begun: str | None = None
    """When a first run here found no snapshot that should have been restored before it."""
    accepted: str | None = None
    """When somebody said that what lies here is right, although it was not restored."""

    def after_run(self, run: Run) -> State:
        """The state once this backup has ended."""
        summaries = dict(self.summaries)
        if run.snapshot and run.files is not None and run.bytes is not None:
            summaries[run.snapshot[:8]] = (run.files, run.bytes)
        # Where retention runs elsewhere nothing tells what went; what is older than these is not missed.
        summaries = dict(list(summaries.items())[-_SUMMARIES:])
        success = run if run.result == SUCCESS else self.last_success
        return replace(self, last_run=run, last_success=success, summaries=summaries)

    def after_retention(self, run: RetentionRun) -> State:
        """The state once this retention has ended."""
        return replace(self, last_retention=run)


def load(job: str) -> State:
    """The job's state; an empty one when it never ran. Problem when the file is not sound."""
    path = _paths.state_file(job)
    try:
        data = json.loads(path.read_bytes())
        schema = data.get("schema", SCHEMA)
        if schema != SCHEMA:
            raise Problem(
                f"job {job}: its state {path} has schema {schema}, and this program knows {SCHEMA}: it was written by "
                "a newer holdfast. Use that one again, or move the file away; a run writes it anew."
            )
        return State(
            job=job,
            last_run=_run(data.get("last_run")),
            last_success=_run(data.get("last_success")),
            last_retention=RetentionRun(**_known(RetentionRun, data["last_retention"]))
            if data.get("last_retention")
            else None,
            begun=data.get("begun"),
            accepted=data.get("accepted"),
            summaries={snapshot: (files, size) for snapshot, (files, size) in data.get("summaries", {}).items()},
        )
    except FileNotFoundError:
        return State(job)
    except (ValueError, TypeError, AttributeError) as error:
        raise Problem(
            f"job {job}: its state {path} is not sound ({error}). Move it away; a run writes it anew."
        ) from None


def update(job: str, change: Callable[[State], State]) -> State:
    """Change the state in one step, safe against a crash and against another writer."""
    path = _paths.state_file(job)
    try:
        _files.private_directory(_paths.STATE)
        with _files.lock(path.with_suffix(".lock"), _UPDATE_TIMEOUT):
            state = change(load(job))
            content = json.dumps({"schema": SCHEMA, **asdict(state)}, indent=2) + "\n"
            _files.write(path, content.encode(), 0o600)
    except OSError as error:
        raise Problem(_files.unwritten(f"job {job}: its state", path, error)) from None
    return state


def now() -> datetime:
    return datetime.now(timezone.utc).replace(microsecond=0)


def text(time: datetime) -> str:
    """The time as it stands in every file: 2026-01-31T02:30:00Z."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def time(text: str) -> datetime:
    """The time that a file holds, in UTC."""
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def result_of(exit_code: int) -> str:
    """The word for an exit status of the runner."""
    return _RESULTS.get(exit_code, FAILED)


def _run(data: dict[str, Any] | None) -> Run | None:
    return Run(**{**_known(Run, data), "filled": tuple(data.get("filled", ()))}) if data else None


def _known(kind: type[Run | RetentionRun], data: Mapping[str, Any]) -> dict[str, Any]:
    """Without what a newer program of the same schema has added: going back to this one must not stop the backups."""
    names = {each.name for each in fields(kind)}
    return {name: value for name, value in data.items() if name in names}
