# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The end of a run, whatever it was: containers back, dumps gone, the run recorded and told."""

from __future__ import annotations

import os
from collections.abc import Sequence

from . import _job, _paths, _state
from ._job_steps import Hooks
from ._prepared import Prepared, record
from ._problem import Problem


def release(name: str) -> list[str]:
    """Bring the job's containers back, remove its dumps, record a run that could not record itself, run the last hooks.

    What was done, in sentences. None of these waits for another to succeed; Problem when one did not.
    """
    _job.check_name("job", name)
    done: list[str] = []
    problems: list[str] = []
    for step in (bring_back, _clear_dumps, _record_end, _write_metrics, _run_last_hooks):
        try:
            done += step(name)
        except Problem as problem:
            problems.append(str(problem))
    if problems:
        raise Problem("\n".join([*done, *problems]))
    return done


def release_all() -> list[str]:
    """Bring back what jobs left that are not running now: after a power cut, nobody else does."""
    from ._dumps import left
    from ._quiesce import noted_jobs

    done, problems = [], []
    noted, dumped = noted_jobs(), left()
    for name in _idle(sorted({*noted, *dumped})):
        for step in (bring_back, _clear_dumps):
            try:
                done += step(name)
            except Problem as problem:
                problems.append(str(problem))
    if problems:
        raise Problem("\n".join([*done, *problems]))
    return done


def _clear_dumps(name: str) -> list[str]:
    if _paths.dumps_directory(name).exists():
        from ._dumps import clear

        clear(name)
    return []


def _write_metrics(name: str) -> list[str]:
    if _paths.METRICS.is_dir():
        from ._metrics import write

        write(name)
    return []


def _run_last_hooks(name: str) -> list[str]:
    """Only at the end of the unit: whoever brings containers back by hand has not ended a run."""
    result = os.environ.get("SERVICE_RESULT")
    if not result:
        return []
    try:
        job = _job.load(name)
    except Problem:
        return []  # then nothing began either
    if job.hooks == Hooks():
        return []
    from ._hooks import at_the_end
    from ._text import complain

    run = _state.load(name).last_run
    mine = run if run and run.invocation == os.environ.get("INVOCATION_ID") else None
    succeeded = result == "success" and mine is not None and mine.result == _state.SUCCESS
    return at_the_end(job, mine, succeeded, complain)


def _record_end(name: str) -> list[str]:
    """Record what systemd says about a run of the unit that ended without a word of its own."""
    invocation, result = os.environ.get("INVOCATION_ID"), os.environ.get("SERVICE_RESULT")
    last = _state.load(name).last_run
    if not invocation or not result or (last and last.invocation == invocation):
        return []
    try:
        started = Prepared.load(name).started
    except Problem:
        started = _state.text(_state.now())
    status = os.environ.get("EXIT_STATUS", "")
    exit_code = int(status) if result == "exit-code" and status.isdigit() else Problem.exit_code
    record(name, started, exit_code, _end(name, result, status))
    return []


def _end(name: str, result: str, status: str) -> str:
    unit = _paths.backup_service(name)
    if result == "timeout":
        why = "it had not finished when its time-out was over, and was ended"
    elif result == "oom-kill":
        why = "the host ran out of memory, and the kernel ended it"
    elif status in ("143", "TERM", "INT", "130"):
        why = "it was stopped"
    elif result in ("signal", "core-dump") and status:
        why = f"it was killed (SIG{status})"
    else:
        why = f"its unit ended with {result} {status}".rstrip()
    return f"job {name}: {why}. See journalctl -u {unit}."


def bring_back(name: str) -> list[str]:
    """Docker is asked only when there is something to bring back."""
    if not _paths.note_file(name).exists():
        return []
    from ._engine import Engine
    from ._quiesce import release

    return release(name, Engine())


def _idle(names: Sequence[str]) -> list[str]:
    """The jobs whose unit is not at work."""
    if not names:
        return []
    from ._systemd import show

    units = show([_paths.backup_service(name) for name in names], ["ActiveState"])
    return [name for name in names if units[_paths.backup_service(name)]["ActiveState"] in ("inactive", "failed")]
