# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a job stands, for Prometheus: a file for the textfile collector of the node exporter, where the host has one.

What did not come about has no line: an alert on the age of the last success needs ``absent()`` beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import _files, _job, _paths, _state
from ._job import Job
from ._problem import Problem
from ._state import State
from ._text import complain

_HELP = {
    "last_run_timestamp_seconds": "When the last run ended.",
    "last_run_success": "Whether the last run succeeded.",
    "last_run_duration_seconds": "How long the last run took.",
    "last_success_timestamp_seconds": "When the last success ended.",
    "last_success_duration_seconds": "How long the last success took.",
    "last_success_files": "Files in the last good snapshot.",
    "last_success_bytes": "Bytes of these files.",
    "last_success_added_bytes": "Bytes that were new to the repository.",
    "last_retention_success": "Whether the last retention succeeded.",
    "rpo_seconds": "How old the last success may become.",
    "rto_seconds": "How long a restore may take.",
}


def write(name: str) -> None:
    """Bring the job's file up to date where there is a directory for it. One that cannot be written fails no backup."""
    if not _paths.METRICS.is_dir():
        return
    try:
        text = "".join(f"{line}\n" for line in lines(_job.load(name), _state.load(name)))
        _files.write(_paths.metrics_file(name), text.encode(), 0o644)
    except (OSError, Problem) as error:
        complain(f"job {name}: its metrics {_paths.metrics_file(name)} could not be written: {error}")


def lines(job: Job, state: State) -> Iterator[str]:
    """The lines of the file, in the format of Prometheus' text exposition."""
    for name, value in _values(job, state).items():
        if value is not None:
            metric = f"holdfast_backup_{name}"
            yield f"# HELP {metric} {_HELP[name]}"
            yield f"# TYPE {metric} gauge"
            # Not "job", which is the name that Prometheus gives what it scrapes. Names need no quoting.
            yield f'{metric}{{backup="{job.name}"}} {value}'


def _values(job: Job, state: State) -> dict[str, float | None]:
    run, success, retention = state.last_run, state.last_success, state.last_retention
    return {
        "last_run_timestamp_seconds": _moment(run.finished) if run else None,
        "last_run_success": int(run.result == _state.SUCCESS) if run else None,
        "last_run_duration_seconds": run.seconds if run else None,
        "last_success_timestamp_seconds": _moment(success.finished) if success else None,
        "last_success_duration_seconds": success.seconds if success else None,
        "last_success_files": success.files if success else None,
        "last_success_bytes": success.bytes if success else None,
        "last_success_added_bytes": success.bytes_added if success else None,
        "last_retention_success": int(retention.result == _state.SUCCESS) if retention else None,
        "rpo_seconds": job.rpo,
        "rto_seconds": job.rto,
    }


def _moment(text: str) -> int:
    return int(_state.time(text).timestamp())
