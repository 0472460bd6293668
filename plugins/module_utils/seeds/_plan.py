# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the first content of a volume is brought in, and what stands against it. No input, no output."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from .._pipeline import Action, Plan
from ..runner._problem import Problem
from ._seed import Seed

UNDO, FINISH = "undo", "finish"


@dataclass(frozen=True)
class State:
    """What the host tells of a volume and of the source of its first content."""

    brought_in: bool = False
    """It was seeded or adopted before: whatever it holds now, it is not done again."""
    holds: str = ""
    """What it holds, in words; empty when that is nothing."""
    is_source: bool = False
    """The container to be adopted from has this very volume there already."""
    missing: str = ""
    """Why the source cannot be taken, as a sentence with a way out."""
    first_boot: str = ""
    """That there is no snapshot, and may be none, in words; the rest is of what takes its place then."""
    source: str = ""
    """What the source was found to be, in words; empty: as it is declared."""
    users: tuple[str, ...] = ()
    """The containers that run with the volume."""
    source_users: tuple[str, ...] = ()
    """The containers that run and may write to the source."""
    hindrances: tuple[str, ...] = ()
    """Why one or the other of all these cannot be stopped for a while, as sentences."""
    leftover: str = ""
    """What an interrupted run asks for: :data:`UNDO`, :data:`FINISH`, or nothing."""


NEW = State()
"""Of a volume that is still to be created, as far as the volume itself goes."""


def actions(seed: Seed | None, name: str, state: State, quiesce: str = "fail") -> tuple[Action, ...]:
    """What leads to the first content; nothing for a volume that holds data, or that has had its first content.

    ``quiesce``: what to do with containers in the way: ``fail``, ``stop`` or ``pause``.
    """
    if state.leftover == FINISH:
        return (Action("seed-finish", f"finish putting in place what an interrupted run brought into volume {name}"),)
    first = (Action("seed-undo", f"remove what an interrupted run was bringing into volume {name}"),)
    mending = first if state.leftover == UNDO else ()
    if seed is None or state.brought_in or state.is_source:
        return mending
    if state.holds:
        _refuse_to_mix(seed, name, state)
        return mending
    if state.missing:
        raise Problem(f"volume {name}: {seed.option}: {state.missing}")
    if state.first_boot and seed.otherwise is None:
        return (*mending, _first_boot(name, seed, state.first_boot))
    seed = seed.otherwise if state.first_boot and seed.otherwise else seed
    _refuse_users(seed, name, state, quiesce)
    source = state.source or seed.words
    into = {
        "adopted": f"adopt {source} into volume {name}",
        "hydrated": f"fill volume {name} from {source}",
        "seeded": f"seed volume {name} from {source}",
    }[seed.brings]
    return (*mending, Action("seed", f"{into}{_meanwhile(seed, state, quiesce)}", details={"kind": seed.kind}))


def _first_boot(name: str, seed: Seed, told: str) -> Action:
    return Action("seed-first-boot", f"note that volume {name} begins empty: {told}", details={"kind": seed.kind})


def predicted(seed: Seed) -> dict[str, Any]:
    """The result's origin of a volume that is to be seeded: the digest is known only when it has been."""
    return {"source": seed.words, "digest": None, "at": None}


def extended(plan: Plan, seed: Seed | None, name: str, state: State, quiesce: str) -> Plan:
    """The plan of a volume, followed by what brings in its first content."""
    undo = tuple(action for action in actions(None, name, state, quiesce) if state.leftover == UNDO)
    if plan.after is None:
        return replace(plan, actions=(*undo, *plan.actions))
    if any(action.verb == "create" for action in plan.actions):
        # What is known is of the volume that makes way for this one.
        state = replace(state, brought_in=False, holds="", is_source=False)
    try:
        added = actions(seed, name, state, quiesce)
    except Problem:
        if not undo:
            raise
        # First whoever was stopped runs again; what is wrong with the task is told by the plan after that.
        added = undo
    after = plan.after
    for action in added:
        if seed is not None and action.verb in ("seed", "seed-first-boot"):
            first = seed.of_kind(action.details["kind"])
            after = {**after, first.brings: predicted(first)}
    return replace(plan, after=after, actions=(*plan.actions, *added))


def _refuse_to_mix(seed: Seed, name: str, state: State) -> None:
    """An adoption that does not happen is an error: its data would go unnoticed with the old container."""
    if seed.is_adoption:
        raise Problem(
            f"volume {name}: adopt: it holds {state.holds} already, which did not come from {seed.words}. Adopt into "
            "another volume, or take adopt out if these are the data."
        )


def _refuse_users(seed: Seed, name: str, state: State, quiesce: str) -> None:
    if state.users and quiesce != "stop":
        why = " and pausing is not enough, since they hold on to the empty directory" if quiesce == "pause" else ""
        raise Problem(
            f"volume {name}: {seed.option}: containers run with it and expect its data: {', '.join(state.users)}"
            f"{why}. Set quiesce: stop to stop them meanwhile, or stop them."
        )
    if state.source_users and quiesce == "fail":
        raise Problem(
            f"volume {name}: {seed.option}: containers that run may write to {seed.words} while it is copied: "
            f"{', '.join(state.source_users)}. Set quiesce: stop or quiesce: pause, or stop them."
        )
    if state.hindrances and quiesce == "stop":
        raise Problem(f"volume {name}: {seed.option}: {' '.join(state.hindrances)}")


def _meanwhile(seed: Seed, state: State, quiesce: str) -> str:
    names = sorted({*state.users, *state.source_users})
    if not names:
        return ""
    state_meanwhile = "stopped" if quiesce == "stop" else "paused"
    after = ""
    if stays_stopped(seed, quiesce):
        after = f"; {seed.source} stays stopped, so that nothing more goes to the old place"
    return f", with {', '.join(names)} {state_meanwhile} meanwhile{after}"


def stays_stopped(seed: Seed, quiesce: str) -> bool:
    """What a container writes after its data were adopted is not in the volume."""
    return seed.is_adoption and quiesce == "stop"
