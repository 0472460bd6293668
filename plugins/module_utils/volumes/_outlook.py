# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All that is to be done for a volume: its definition, its first content, its shape. No input, no output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._pipeline import Plan
from ..directories import _shape
from ..directories._shape import Seen
from ..migrations import _migration
from ..migrations._check import Facts
from ..migrations._journal import VERIFIED, Journal
from ..runner._problem import Problem
from ..seeds import _plan
from ..seeds._plan import State
from ._plan import NO_FACTS, plan
from ._volume import Desired, Volume, predicted, shown


@dataclass(frozen=True)
class Observed:
    """What the host tells of a volume."""

    volume: Volume | None = None
    """None: there is none."""
    interrupted: Journal | None = None
    """The migration that a killed run left behind."""
    facts: Facts = NO_FACTS
    """Where the volume migrates: what that turns on."""
    first: State = _plan.NEW
    shape: Seen | None = None
    """Of a volume that is there and whose shape is declared; None: it cannot be seen."""
    live: tuple[str, ...] = ()
    """What is mounted otherwise than the volume's options say, as clauses."""
    live_way_out: str = ""
    warnings: tuple[str, ...] = ()


def outlook(desired: Desired, observed: Observed) -> Plan:
    """The way to the volume as it should be. What was interrupted comes first."""
    interrupted = observed.interrupted
    if interrupted is not None and interrupted.has_reached(VERIFIED):
        return _finishing(desired, observed.volume, interrupted)
    try:
        made = plan(desired, observed.volume, observed.facts)
    except Problem:
        before = None if observed.volume is None else shown(observed.volume)
        undone = () if interrupted is None else _migration.resumption(interrupted)
        settled = _plan.extended(Plan(before, before, undone), None, desired.name, observed.first, desired.quiesce)
        if not settled.actions:
            raise
        # First whoever was stopped runs again; what is wrong with the task is told by the plan after that.
        return settled
    if interrupted is not None:
        made = replace(made, actions=(*_migration.resumption(interrupted), *made.actions))
    made = _with_live(desired, observed, made)
    if made.after is None:
        return _plan.extended(made, None, desired.name, observed.first, desired.quiesce)
    made = _plan.extended(made, desired.seed, desired.name, observed.first, desired.quiesce)
    return replace(_with_shape(desired, observed, made), warnings=(*made.warnings, *observed.warnings))


def _finishing(desired: Desired, volume: Volume | None, journal: Journal) -> Plan:
    """A proved copy is put in place whatever the task wants now; the rest is a matter of the next plan."""
    before = None if volume is None else shown(volume)
    after = predicted(desired.name, journal.new, bool(volume and volume.provenance.protected))
    return Plan(before, after, _migration.resumption(journal))


def _with_live(desired: Desired, observed: Observed, made: Plan) -> Plan:
    """What is mounted now is drift that no new definition mends: containers hold it until they are stopped."""
    volume = observed.volume
    if volume is None or made.after is None or not observed.live or made.actions:
        return made
    told = f"volume {volume.name}: {'; '.join(observed.live)}. {observed.live_way_out}"
    if desired.driver_options is None or desired.on_drift == "warn":
        return replace(made, warnings=(*made.warnings, told))
    raise Problem(f"{told} Or set on_drift: warn to leave it as it is.")


def _with_shape(desired: Desired, observed: Observed, made: Plan) -> Plan:
    wish = desired.wish
    if wish is None or made.after is None:
        return made
    seen = _seen_then(desired, observed, made)
    if seen is None:
        return replace(made, before=_joined(made.before, {}), after=_joined(made.after, {}))
    steps = _shape.actions(f"volume {desired.name}", wish, seen)
    before = None if made.before is None or observed.shape is None else _shape.shown(wish, observed.shape)
    return replace(
        made,
        before=_joined(made.before, before or {}),
        after=_joined(made.after, _shape.predicted(wish, seen)),
        actions=(*made.actions, *steps),
    )


def _seen_then(desired: Desired, observed: Observed, made: Plan) -> Seen | None:
    """The shape when the actions before are done: a new volume's own, and of a seed nobody knows how much."""
    verbs = {action.verb for action in made.actions}
    seen = observed.shape
    if _migration.SWAP in verbs and desired.data == "keep_in_place" and _device(made.before) != _device(made.after):
        return _shape.UNSEEN
    if "create" in verbs:
        seen = _shape.NEW if not desired.driver_options and desired.driver in (None, "local") else _shape.UNSEEN
    return seen if seen is None or "seed" not in verbs else replace(seen, strangers=None)


def _device(shown_volume: Mapping[str, Any] | None) -> str | None:
    return ((shown_volume or {}).get("driver_options") or {}).get("device")


def _joined(shown_volume: Mapping[str, Any] | None, shape: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return None if shown_volume is None else {**shown_volume, **shape}
