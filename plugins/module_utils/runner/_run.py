# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a job now, as its timer would, and wait for its end."""

from __future__ import annotations

import json
import subprocess
import sys
import time

from . import _job, _paths, _state
from ._problem import Problem
from ._systemd import moment, show
from ._text import complain, local_time
from ._words import clock, size_of

_TICK = 1
"""Seconds between two looks: at the progress, and at a unit that is ending: systemctl waits for jobs, not states."""


def run(name: str) -> int:
    """Start the job's unit, show how far it is, and return the exit status of the run once it has ended."""
    job = _job.load(name)
    unit = _paths.backup_service(job.name)
    _join_or_await(name, unit)
    before = _state.load(name).last_run
    starting = subprocess.Popen(["systemctl", "start", "--", unit], stderr=subprocess.PIPE, text=True)
    while True:
        try:
            _output, errors = starting.communicate(timeout=_TICK)
            break
        except subprocess.TimeoutExpired:
            _show_progress(name)
    # A start that is cancelled ends before the unit has: its containers are still being brought back.
    while (found := show([unit], ["ActiveState", "Result"])[unit])["ActiveState"] in ("activating", "deactivating"):
        time.sleep(_TICK)
    _clear_progress()
    last = _state.load(name).last_run
    if last is None or last == before:
        raise Problem(f"job {name}: {unit} did not run. {errors.strip()} See journalctl -u {unit}.")
    if last.exit_code == 0 and found["Result"] != "success":
        raise Problem(
            f"job {name}: snapshot {last.snapshot} was saved, but {unit} ended with {found['Result']}: what the backup "
            f"had stopped may still be down, or a hook failed. See holdfast status {name} and journalctl -u {unit}."
        )
    return last.exit_code


def _join_or_await(name: str, unit: str) -> None:
    """Say that a run is joined which is at work already. One that is ending is waited for: it is not the one wanted."""
    while (found := show([unit], ["ActiveState", "InactiveExitTimestamp"])[unit])["ActiveState"] == "deactivating":
        time.sleep(_TICK)
    if found["ActiveState"] == "activating":
        begun = local_time(moment(found.get("InactiveExitTimestamp", "")))
        complain(f"job {name}: joined the run that began at {begun}.")


def _show_progress(name: str) -> None:
    if not sys.stderr.isatty():
        return
    try:
        progress = json.loads(_paths.progress_file(name).read_bytes())
    except (OSError, ValueError):
        return
    remaining = progress["seconds_remaining"]
    left = f", {clock(remaining)} left" if remaining else ""
    done = size_of(progress["bytes_done"], progress["total_bytes"])
    sys.stderr.write(f"\r\x1b[K{progress['percent']:.0%}  {done}{left}")
    sys.stderr.flush()


def _clear_progress() -> None:
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
