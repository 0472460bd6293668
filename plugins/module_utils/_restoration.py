# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores, for the pipeline: the same steps that ``holdfast restore`` takes on the host."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union

from ._pipeline import Action, Plan, Resource
from .runner import _choice, _job, _paths, _restore_plan
from .runner._problem import Problem
from .runner._restore import Restoration
from .runner._restore_plan import Observed, Request

OPTIONS: Mapping[str, Any] = {
    "snapshot": {"type": "str", "default": _choice.LATEST},
    "from_host": {"type": "str"},
    "mode": {"type": "str", "default": _restore_plan.IF_EMPTY, "choices": list(_restore_plan.MODES)},
    "volume": {"type": "str"},
    "path": {"type": "path"},
    "target": {"type": "str"},
    "verify": {"type": "bool", "default": True},
}
"""One restore's own options."""


@dataclass(frozen=True)
class Supposed:
    """In check mode: what the restore needs is not there yet, and is taken as made before it."""

    missing: str
    problem: str


class Restores(Resource[Request, Union[Observed, Supposed]]):
    """What is brought back, job by job."""

    noun = "restore"
    plural = "restores"
    key = "job"

    def __init__(self, data_loss: str, check: bool) -> None:
        self._drop_previous = data_loss == "allow"
        self._check = check
        self._restorations: dict[str, Restoration] = {}

    def desire(self, item: Mapping[str, Any]) -> Request:
        return Request(
            job=item["job"], drop_previous=self._drop_previous, **{option: item[option] for option in OPTIONS}
        )

    def observe(self, desired: Sequence[Request]) -> Sequence[Observed | Supposed | Problem]:
        return [self._look(request) for request in desired]

    def plan(self, desired: Request, observed: Observed | Supposed) -> Plan:
        if isinstance(observed, Supposed):
            return _prediction(desired, observed)
        outlook = _restore_plan.plan(desired, observed)
        actions = tuple(
            Action(step.verb, step.sentence, destroys=step.destroys, details={"step": step}) for step in outlook.steps
        )
        return Plan(outlook.before, outlook.after, actions, outlook.warnings)

    def apply(self, desired: Request, action: Action) -> None:
        self._restorations[desired.job].carry_out(action.details["step"])

    def _look(self, request: Request) -> Observed | Supposed | Problem:
        try:
            if request.job not in self._restorations:
                self._restorations[request.job] = Restoration(request, self._check)
            return self._restorations[request.job].observe()
        except Problem as problem:
            missing = _missing(request.job) if self._check else ""
            return Supposed(missing, str(problem)) if missing else problem


def _missing(job: str) -> str:
    """What a bare host lacks for the restore, in words; empty when it can be looked at."""
    if os.geteuid() != 0:  # the problem is another one
        return ""
    if job not in _job.names():
        return "the job"
    try:
        repository = _job.load(job).repository
    except Problem:
        return ""
    if not _paths.repository_directory(repository).is_dir():
        return f"repository {repository}"
    return "" if shutil.which("restic") else "restic"


def _prediction(request: Request, supposed: Supposed) -> Plan:
    sentence = f"restore what job {request.job} saved, once {supposed.missing} is there"
    after: dict[str, Any] = {"job": request.job, "snapshot": None, "time": None, "restored": [], "left": []}
    return Plan(None, after, (Action("restore", sentence),), (f"{supposed.problem} Check mode takes it for granted.",))
