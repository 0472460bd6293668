# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores, for the pipeline: the same steps that ``holdfast restore`` takes on the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ._pipeline import Action, Plan, Resource
from .runner import _choice, _restore_plan
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


class Restores(Resource[Request, Observed]):
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

    def observe(self, desired: Sequence[Request]) -> Sequence[Observed | Problem]:
        return [self._look(request) for request in desired]

    def plan(self, desired: Request, observed: Observed) -> Plan:
        outlook = _restore_plan.plan(desired, observed)
        actions = tuple(
            Action(step.verb, step.sentence, destroys=step.destroys, details={"step": step}) for step in outlook.steps
        )
        return Plan(outlook.before, outlook.after, actions, outlook.warnings)

    def apply(self, desired: Request, action: Action) -> None:
        self._restorations[desired.job].carry_out(action.details["step"])

    def _look(self, request: Request) -> Observed | Problem:
        try:
            if request.job not in self._restorations:
                self._restorations[request.job] = Restoration(request, self._check)
            return self._restorations[request.job].observe()
        except Problem as problem:
            return problem
