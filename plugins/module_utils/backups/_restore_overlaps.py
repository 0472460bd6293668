# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of one call that have targets in common: the first to come fills them. Pure, but for one question."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Callable, Mapping, Sequence

from ..runner import _choice
from ..runner._restore_nesting import inside
from ..runner._restore_terms import Filler, Observed, Outlook, Place
from ..runner._tree import MISSING


@dataclass(frozen=True)
class Filling:
    """What one restore of the call puts in place."""

    filler: Filler
    snapshot: str
    source: str
    """Its path in the snapshot."""
    moves: bool
    """The previous content moves aside."""


@dataclass(frozen=True)
class Mark:
    """What the other restores of the call mean for one of the places of this one."""

    filler: Filler | None = None
    inner: Filler | None = None
    outer: Filler | None = None
    moves: bool = False
    """What is there by now moves away with a directory above."""


Holds = Callable[[Filling, str], bool]
"""Whether the snapshot of the filling holds data at this path of it."""


def fillings(observed: Observed, outlook: Outlook) -> list[Filling]:
    """What a restore puts in place when its plan is carried out."""
    found, snapshot = [], observed.chosen.snapshot
    for step in outlook.steps:
        journal = observed.interrupted if step.verb == "finish" else None
        if journal:
            found += [
                Filling(Filler(journal.job, one.target, journal.time), journal.snapshot, one.source, bool(one.kept))
                for one in journal.placements
                if one.target not in observed.overtaken
            ]
        elif step.verb == "restore":
            one, time = step.placements[step.index], _choice.words(snapshot.time)
            job = str(outlook.after["job"])
            found.append(Filling(Filler(job, one.target, time), snapshot.id, one.source, bool(one.kept)))
    return found


def marks(observed: Observed, before: Sequence[Filling], later: Sequence[Filling], holds: Holds) -> dict[str, Mark]:
    """What the restores ``before`` this one and those ``later`` mean for its places, by their path."""
    found = {}
    for place in observed.places:
        mark = _mark(place.path, before, holds)
        around = next((one.filler for one in later if _is_around(one.filler.target, place.path)), None)
        found[place.path] = mark if mark.filler else replace(mark, outer=around)
    return found


def marked(observed: Observed, found: Mapping[str, Mark], ahead: bool) -> Observed:
    """The same with the marks. ``ahead``: the restores before this one are still to come."""
    return replace(observed, places=tuple(_marked(place, found.get(place.path), ahead) for place in observed.places))


def _mark(path: str, before: Sequence[Filling], holds: Holds) -> Mark:
    mark = Mark()
    for filling in before:
        target = filling.filler.target
        if target == path or (inside(path, target) and holds(filling, _within(filling, path))):
            return Mark(filler=filling.filler)
        if inside(target, path):
            mark = replace(mark, inner=filling.filler)
        elif inside(path, target) and filling.moves:
            mark = replace(mark, moves=True)
    return mark


def _is_around(target: str, path: str) -> bool:
    return target != path and inside(path, target)


def _within(filling: Filling, path: str) -> str:
    return os.path.normpath(os.path.join(filling.source, os.path.relpath(path, filling.filler.target)))


def _marked(place: Place, mark: Mark | None, ahead: bool) -> Place:
    if mark is None:
        return place
    if mark.moves and ahead:
        place = replace(place, state=MISSING, root=None, content=None)
    return replace(place, filler=mark.filler, inner=mark.inner, outer=mark.outer)
