# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of a job's owner: argument lists, run by root outside of the confinement, each with its time."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Callable

from . import _child
from ._job import Job
from ._job_steps import Hook
from ._problem import Problem
from ._state import FAILED, SUCCESS, Run

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "INVOCATION_ID")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def before(job: Job) -> list[str]:
    """Run those before the backup; what was done. Problem at the first that fails."""
    return [_run(job, "before", hook, {}) for hook in job.hooks.before]


def at_the_end(job: Job, run: Run | None, succeeded: bool, complain: Callable[[str], None]) -> list[str]:
    """Run ``after``, then those of the outcome; what was done. Problem when one of ``after`` failed.

    One that only tells of the outcome does not change it: it is complained about.
    """
    result = run.result if run and (succeeded or run.result != SUCCESS) else FAILED
    told = {"HOLDFAST_RESULT": result}
    if run and run.snapshot:
        told["HOLDFAST_SNAPSHOT"] = run.snapshot
    done: list[str] = []
    problems: list[str] = []
    outcome = "on_success" if succeeded else "on_failure"
    for when in ("after", outcome):
        for hook in getattr(job.hooks, when):
            try:
                done.append(_run(job, when, hook, told))
            except Problem as problem:
                if when == "after":
                    problems.append(str(problem))
                else:
                    complain(str(problem))
    if problems:
        raise Problem("\n".join([*done, *problems]))
    return done


def _run(job: Job, when: str, hook: Hook, told: Mapping[str, str]) -> str:
    noun = f"job {job.name}: hook {when}: {' '.join(hook.command)}"
    environment = {"PATH": _PATH, **{name: os.environ[name] for name in _PASSED_ON if name in os.environ}}
    environment.update({"HOLDFAST_JOB": job.name, "HOLDFAST_HOOK": when, **told})
    try:
        ended = _child.run(hook.command, hook.timeout, environment)
    except _child.TimeOut:
        raise Problem(
            f"{noun}: had not ended after {hook.timeout} s and was killed with all that it had started."
        ) from None
    except OSError as error:
        raise Problem(f"{noun}: could not be started: {error.strerror}. Correct it in the job.") from None
    if ended.code != 0:
        raise Problem(f"{noun}: {ended.words}. What it said is in the journal.")
    return f"ran hook {when}: {' '.join(hook.command)}"
