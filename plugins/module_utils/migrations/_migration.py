# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a volume gets another definition and keeps its data. No input, no output.

Docker changes no volume and removes none that a container refers to. So containers are stopped, the data is copied and
the copy proved, containers and volume are removed and created again under their names, and what ran is started.
"""

from __future__ import annotations

from collections.abc import Mapping

from .._pipeline import Action
from ..engine._containers import PATIENCE
from ..volumes._driver_options import masked
from ..volumes._kind import FOREIGN, PLAIN
from ..volumes._volume import UUID_LABEL, Definition, Volume
from ._check import Facts, check, few
from ._journal import FILLING, RECREATING, VERIFIED, Journal, staging_name
from ._way import (
    MOVE,
    POINT,
    STAGE_NEW,
    STAGE_PLAIN,
    STAGE_TWICE,
    device,
    is_same_place,
    kind,
    staging_definition,
    strategy,
)

UNDO, STAGE, STOP_ONE, COPY, KEEP, COMPARE, SWAP, RECREATE, CLEAN = VERBS = tuple(
    f"migrate-{step}" for step in ("undo", "stage", "stop", "copy", "keep", "compare", "swap", "recreate", "clean")
)
"""What :meth:`Migrating.carry_out` takes."""


def actions(wanted: Definition, volume: Volume, facts: Facts, quiesce: str, data: str) -> tuple[Action, ...]:
    """The steps, for a volume that differs from what is wanted. Problem when it must not or cannot be migrated."""
    check(wanted, volume, facts, quiesce, data)
    old = Definition(volume.driver, volume.driver_options, volume.labels)
    way = strategy(old, wanted, data)
    details = {"quiesce": quiesce, "data": data}
    name, staging = volume.name, staging_name(volume.name)
    steps = []
    if way != POINT:
        staged = _told(staging_definition(way, wanted))
        steps.append(Action(STAGE, f"create volume {staging} with {staged}", details=details))
    for user in facts.users:
        if user.runs:
            seconds = PATIENCE if user.patience is None else user.patience
            sentence = f"stop container {user.name} (up to {seconds} s)"
            steps.append(Action(STOP_ONE, sentence, details={**details, "container": user.name}))
        if user.written:
            # At once: one that is down may be pruned, and its layer with it.
            sentence = f"keep {_paths(user.written)} that container {user.name} wrote to its own layer"
            steps.append(Action(KEEP, sentence, details={**details, "container": user.name}))
    if way not in (MOVE, POINT):
        what = str(facts.size) if facts.size else "all files"
        steps.append(Action(COPY, f"copy {what} from {name} to {staging}", details=details))
        steps.append(Action(COMPARE, f"compare {name} and {staging} by content", details=details))
    steps.append(_swap(wanted, volume, facts, way, details))
    steps += [_recreation(user.name, user.state, details) for user in reversed(facts.users)]
    if way != POINT:
        steps.append(Action(CLEAN, f"remove volume {staging}", details=details))
    return tuple(steps)


def warnings(volume: str, facts: Facts) -> tuple[str, ...]:
    """What will not be as before."""
    return tuple(
        f"volume {volume}: container {user.name} deleted {few(user.deleted)} of its image, and will have that again "
        "once it is created again."
        for user in facts.users
        if user.deleted
    )


def resumption(journal: Journal) -> tuple[Action, ...]:
    """What brings an interrupted migration to an end: undone before its copy was proved, finished after that."""
    if not journal.has_reached(VERIFIED):
        ran = [held.name for held in reversed(journal.containers) if held.ran]
        start = f"start {', '.join(ran)} again and " if ran else ""
        sentence = f"undo the interrupted migration of volume {journal.volume}: {start}remove volume {journal.staging}"
        return (Action(UNDO, sentence),)
    steps = []
    if not journal.has_reached(RECREATING):
        is_there = journal.phase == FILLING
        rest = "bring the data in" if is_there else f"create volume {journal.volume} with {_told(journal.new)}"
        steps.append(Action(SWAP, f"finish the interrupted migration of volume {journal.volume}: {rest}"))
    waiting = [held for held in reversed(journal.containers) if not held.is_back]
    steps += [_recreation(held.name, held.state, {}) for held in waiting]
    steps.append(Action(CLEAN, _last_step(journal)))
    return tuple(steps)


def _swap(wanted: Definition, volume: Volume, facts: Facts, way: str, details: Mapping[str, str]) -> Action:
    """The step that takes the old volume away; it destroys only where nothing was copied."""
    old = Definition(volume.driver, volume.driver_options, volume.labels)
    removed = [*(f"container {user.name}" for user in facts.users), f"volume {volume.name}"]
    data = {
        MOVE: "and move its data into it by a rename",
        POINT: f"which shows {'the same data' if is_same_place(old, wanted) else 'what lies there'}",
        STAGE_NEW: "which shows the copy",
        STAGE_PLAIN: "and move the copy into it by a rename" + _remains(old),
        STAGE_TWICE: f"copy all files from {staging_name(volume.name)} to it, and compare both by content",
    }[way]
    sentence = f"swap: remove {', '.join(removed)}, create volume {volume.name} with {_told(wanted)}, {data}"
    loses = way == POINT and not is_same_place(old, wanted) and kind(old) in (PLAIN, FOREIGN)
    return Action(
        SWAP,
        sentence,
        destroys=str(volume.content) if loses and not volume.content.is_empty else "",
        way_out="Leave out data: keep_in_place to have the data copied to the new place.",
        details=details,
    )


def _remains(old: Definition) -> str:
    """What becomes of data that Docker does not keep itself."""
    return f"; what lies at {device(old)} stays there" if kind(old) not in (PLAIN, FOREIGN) else ""


def _recreation(name: str, state: str, details: Mapping[str, str]) -> Action:
    then = {"paused": ", start it and pause it", "running": " and start it", "restarting": " and start it"}
    return Action(
        RECREATE, f"create container {name} again{then.get(state, '')}", details={**details, "container": name}
    )


def _last_step(journal: Journal) -> str:
    if journal.strategy == POINT:
        return f"end the migration of volume {journal.volume}"
    return f"remove volume {journal.staging}"


def _told(definition: Definition) -> str:
    """In words, secrets hidden."""
    options = ", ".join(f"{option}={value}" for option, value in masked(definition.driver_options).items())
    labels = ", ".join(f"{label}={value}" for label, value in definition.labels.items() if label != UUID_LABEL)
    parts = [f"driver {definition.driver}", *([f"options {options}"] if options else [])]
    return ", ".join([*parts, *([f"labels {labels}"] if labels else [])])


def _paths(number: int) -> str:
    return f"{number:,} path{'' if number == 1 else 's'}"
