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

from .._pipeline import Action, Plan, Resource
from ..runner import _choice, _job, _paths, _restore_plan
from ..runner._problem import Problem
from ..runner._restore import Restoration
from ..runner._restore_terms import IF_EMPTY, MODES, Observed, Request, Step
from . import _restore_overlaps
from ._restore_overlaps import Filling, Mark

OPTIONS: Mapping[str, Any] = {
    "snapshot": {"type": "str", "default": _choice.LATEST},
    "from_host": {"type": "str"},
    "mode": {"type": "str", "default": IF_EMPTY, "choices": list(MODES)},
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
        self._marks: dict[str, dict[str, Mark]] = {}
        """By job: what the others in the call mean for its places. Kept, for the last look is at some of them only."""
        self._begun: dict[str, Sequence[Step]] = {}
        """By job: the steps that it takes."""

    def desire(self, item: Mapping[str, Any]) -> Request:
        return Request(
            job=item["job"], drop_previous=self._drop_previous, **{option: item[option] for option in OPTIONS}
        )

    def observe(self, desired: Sequence[Request]) -> Sequence[Observed | Supposed | Problem]:
        found = [self._look(request) for request in desired]
        alone = [_fillings(request, observed) for request, observed in zip(desired, found)]
        before: list[Filling] = []
        for number, (request, observed) in enumerate(zip(desired, found)):
            if isinstance(observed, Observed):
                later = [filling for fillings in alone[number + 1 :] for filling in fillings]
                found[number] = self._marked(request, observed, before, later)
                before += _fillings(request, found[number])
        return found

    def plan(self, desired: Request, observed: Observed | Supposed) -> Plan:
        if isinstance(observed, Supposed):
            return _prediction(desired, observed)
        outlook = _restore_plan.plan(desired, observed)
        actions = tuple(
            Action(step.verb, step.sentence, destroys=step.destroys, details={"number": number, "steps": outlook.steps})
            for number, step in enumerate(outlook.steps)
        )
        return Plan(outlook.before, outlook.after, actions, outlook.warnings)

    def apply(self, desired: Request, action: Action) -> None:
        if desired.job not in self._begun:
            planned: Sequence[Step] = action.details["steps"]
            self._begun[desired.job] = self._planned_again(desired, planned) if self._begun else planned
        self._restorations[desired.job].carry_out(self._begun[desired.job][action.details["number"]])

    def _planned_again(self, request: Request, planned: Sequence[Step]) -> Sequence[Step]:
        """The steps as the host is now, after the restores before: with other directories to go through, perhaps.

        Problem when it is not the same any more that is to be done.
        """
        observed = self._restorations[request.job].observe()
        observed = _restore_overlaps.marked(observed, self._marks[request.job], ahead=False)
        steps = _restore_plan.plan(request, observed).steps
        if _gist(steps) != _gist(planned):
            now = "; ".join(step.sentence for step in steps) or "nothing"
            raise Problem(
                f"restore {request.job}: the host has changed while the restores before this one were at work. To do "
                f"by now: {now}. Nothing of it was begun. Run this again."
            )
        return steps

    def _marked(
        self, request: Request, observed: Observed, before: Sequence[Filling], later: Sequence[Filling]
    ) -> Observed:
        is_first = request.job not in self._marks
        if is_first:
            self._marks[request.job] = _restore_overlaps.marks(observed, before, later, self._holds)
        return _restore_overlaps.marked(observed, self._marks[request.job], ahead=is_first)

    def _holds(self, filling: Filling, path: str) -> bool:
        return self._restorations[filling.filler.job].holds(filling.snapshot, path)

    def _look(self, request: Request) -> Observed | Supposed | Problem:
        try:
            if request.job not in self._restorations:
                self._restorations[request.job] = Restoration(request, self._check)
            return self._restorations[request.job].observe()
        except Problem as problem:
            missing = _missing(request.job) if self._check else ""
            return Supposed(missing, str(problem)) if missing else problem


def _fillings(request: Request, observed: Observed | Supposed | Problem) -> list[Filling]:
    if not isinstance(observed, Observed):
        return []
    try:
        return _restore_overlaps.fillings(observed, _restore_plan.plan(request, observed))
    except Problem:  # which the pipeline meets again, and tells
        return []


def _gist(steps: Sequence[Step]) -> list[tuple[str, str]]:
    return [(step.verb, step.placements[step.index].target if step.placements else "") for step in steps]


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
