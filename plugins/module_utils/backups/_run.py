# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a backup job's unit: start or join it, wait for it, and say what came of exactly this run."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import Any, Mapping

from ansible.module_utils.basic import AnsibleModule

from ..runner import _paths, _state, _systemd, _words
from ..runner._problem import Problem
from ..runner._state import Run

_PAUSE = 0.5
"""Seconds between two looks at the unit: systemctl waits for its own jobs alone, and for as long as they take."""
_LINES = 50
"""Of the journal, in an error."""
_PROPERTIES = ("LoadState", "ActiveState", "Result", "InvocationID", "Job")
_BUSY = ("activating", "active", "deactivating", "reloading")

STATUSES = {
    1: "the backup failed",
    3: "some of the data could not be read: a snapshot exists, but it is not whole, and that is no success",
    11: "the repository stayed locked by another run for as long as this one could wait",
    75: "a precondition was not met, so nothing was saved",
}
"""What the exit statuses of the runner mean."""

RESULTS = {
    "timeout": "it took longer than the job's time-out and was stopped",
    "oom-kill": "the kernel killed it for lack of memory",
    "signal": "it was killed by a signal",
    "core-dump": "it crashed",
    "start-limit-hit": "it was started too often in a short time",
    "resources": "systemd lacked what it needs to start it",
}
"""What systemd's results mean (systemd.exec(5)), where they say more than the exit status."""


@dataclass(frozen=True)
class View:
    """What systemd says of the unit at one moment."""

    loaded: bool
    active_state: str
    result: str
    invocation: str
    """Empty when it never ran since the boot."""
    queued: bool
    """A job such as a start waits for it."""

    @property
    def busy(self) -> bool:
        return self.active_state in _BUSY


def view_of(values: Mapping[str, str]) -> View:
    """The properties that systemd gave."""
    return View(
        loaded=values.get("LoadState") == "loaded",
        active_state=values.get("ActiveState", ""),
        result=values.get("Result", ""),
        invocation=values.get("InvocationID", ""),
        queued=values.get("Job", "0") not in ("", "0"),
    )


def progress_words(progress: Mapping[str, Any]) -> str:
    """How far a run is: ``42 % · 1.2 of 3.1 GiB · 312 of 700 files · 0:42 left``."""
    parts = [
        f"{100 * progress['percent']:.0f} %",
        _words.size_of(progress["bytes_done"], progress["total_bytes"]),
        f"{progress['files_done']:,} of {progress['total_files']:,} files",
    ]
    if progress.get("seconds_remaining"):
        parts.append(f"{_words.clock(int(progress['seconds_remaining']))} left")
    return " · ".join(parts)


def meaning(view: View | None, run: Run | None) -> str:
    """Why a run is no success, in words; empty when it is one. ``view``: None when a later run has begun."""
    if view and view.result in RESULTS:
        return RESULTS[view.result]
    if run is None:
        return "it ended without a record of its own"
    if run.result != _state.SUCCESS:
        return STATUSES.get(run.exit_code, f"it ended with exit status {run.exit_code}")
    if view and view.result != "success":
        return "a whole snapshot was made, but bringing the containers back afterwards failed"
    return ""


class Service:
    """The service unit of one backup job."""

    def __init__(self, module: AnsibleModule, job: str) -> None:
        self._module = module
        self.job = job
        self.unit = _paths.backup_service(job)

    def view(self) -> View:
        """The unit as it is now. Problem when systemd does not know it."""
        view = view_of(_systemd.show([self.unit], _PROPERTIES)[self.unit])
        if not view.loaded:
            raise Problem(f"job {self.job}: systemd has no unit {self.unit}. Write the job again with backup_timer.")
        return view

    def start(self, before: View, timeout: float) -> View:
        """Start the unit, and return it once its new run has begun. A run that is ending is waited for first."""
        self._run(["systemctl", "start", "--no-block", "--", self.unit], "started")
        deadline = time.monotonic() + timeout
        while True:
            view = self.view()
            if view.invocation != before.invocation:
                return view
            if not view.queued and not view.busy:
                raise Problem(
                    f"job {self.job}: systemd did not start {self.unit}: what it requires could not be started. "
                    f"See why: journalctl -u {self.unit} -n 20."
                )
            if time.monotonic() > deadline:
                raise Problem(
                    f"job {self.job}: {self.unit} had not started after {timeout:.0f} s; its start stays queued. "
                    f"See what it waits for: systemctl list-jobs --after."
                )
            time.sleep(_PAUSE)

    def wait(self, invocation: str, seconds: float) -> View:
        """Wait up to so long for the end of this run. A later run has another invocation: this one is over then."""
        deadline = time.monotonic() + seconds
        while True:
            view = self.view()
            if not view.busy or view.invocation != invocation or time.monotonic() >= deadline:
                return view
            time.sleep(_PAUSE)

    def progress(self) -> dict[str, Any] | None:
        """What restic reported last; None outside its part of the run."""
        try:
            return dict(json.loads(_paths.progress_file(self.job).read_bytes()))
        except FileNotFoundError:
            return None

    def recorded(self, invocation: str) -> Run | None:
        """What exactly this run recorded of itself."""
        run = _state.load(self.job).last_run
        return run if run and run.invocation == invocation else None

    def journal(self, invocation: str) -> list[str]:
        """The last lines of this run, those of systemd about it included."""
        command = ["journalctl", "--quiet", "--no-pager", "--output=cat", f"--lines={_LINES}"]
        command += [f"_SYSTEMD_INVOCATION_ID={invocation}", "+", f"INVOCATION_ID={invocation}"]
        return [line for line in self._run(command, "followed in the journal").splitlines() if line.strip()]

    def _run(self, command: list[str], what: str) -> str:
        status, output, errors = self._module.run_command(command, environ_update={"LC_ALL": "C"})
        if status != 0:
            reason = errors.strip() or output.strip() or f"exit status {status}"
            raise Problem(f"job {self.job}: {self.unit} could not be {what}: {reason}. Try it: {' '.join(command)}.")
        return str(output)
