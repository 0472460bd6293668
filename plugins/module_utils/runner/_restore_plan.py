# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore has to do, from what is wanted and what the host and the repository hold. Pure."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any, Iterable, Iterator, Mapping, Sequence

from . import _choice, _words
from ._problem import Problem
from ._restic import Snapshot
from ._restore_journal import Journal, Placement
from ._restore_refusals import refuse, refuse_backup
from ._restore_terms import IF_EMPTY, NEW, REPLACE, Filler, Observed, Outlook, Place, Request, Step, Tree
from ._tree import EMPTY, MISSING, OCCUPIED, STAGING_PREFIX, Content


def plan(request: Request, observed: Observed) -> Outlook:
    """What is to be done. Pure."""
    steps: list[Step] = _plan_interrupted(request, observed)
    placements: list[Placement] = []
    warnings: list[str] = []
    before: dict[str, list[dict[str, Any]]] = {"restored": [], "left": []}
    after: dict[str, list[dict[str, Any]]] = {"restored": [], "left": []}
    for tree, place in zip(observed.chosen.trees, observed.places):
        entry = _entry(tree, place)
        present = {**entry, "reason": _reason(place)}
        if place.snapshot == observed.chosen.snapshot.id:
            row = _restored(entry, observed.chosen.snapshot, place.content or tree.content, place.kept)
            before["restored"].append(row)
            after["restored"].append(row)
        elif _is_settled(request, observed.chosen.snapshot, tree, place):
            before["left"].append(present)
            after["left"].append(present)
            if place.filler and place.filler.time < _choice.words(observed.chosen.snapshot.time):
                warnings.append(_older_words(request, observed.chosen.snapshot, tree, place.filler))
            elif request.mode == IF_EMPTY and place.state == OCCUPIED and not (place.is_known or place.filler):
                warnings.append(_unknown_words(request, observed.chosen.snapshot, tree))
        else:
            refuse(request, tree, place, observed.backup)
            placement = _placement(request, observed, tree, place, len(placements))
            placements.append(placement)
            before["left"].append(present)
            kept = "" if request.drop_previous else placement.kept
            after["restored"].append(_restored(entry, observed.chosen.snapshot, tree.content, kept))
    _require_space(request, observed, placements)
    steps += _steps(request, observed, placements)
    head = {
        "job": request.job,
        "snapshot": observed.chosen.snapshot.id,
        "time": _time(observed.chosen.snapshot),
    }
    warnings += [
        f"restore {request.job}: {tree.origin.label}: Docker on this host has none of this name yet. What follows "
        "supposes that it has been created, empty and with the local driver."
        for tree, place in zip(observed.chosen.trees, observed.places)
        if place.supposed
    ]
    if observed.chosen.warning and placements:
        warnings.append(observed.chosen.warning)
    return Outlook({**head, **before}, {**head, **after}, tuple(steps), tuple(warnings))


def _plan_interrupted(request: Request, observed: Observed) -> list[Step]:
    journal = observed.interrupted
    if journal is None:
        return []
    if not journal.committed:
        places = ", ".join(placement.staging for placement in journal.placements)
        return [Step("clean", f"remove what an interrupted restore left in {places}")]
    waiting = [placement for placement in journal.placements if placement.target not in observed.overtaken]
    if observed.interrupted_users:
        raise Problem(
            f"restore {request.job}: an interrupted restore is to be finished first, and its targets are used by "
            f"running containers: {', '.join(observed.interrupted_users)}. Stop them, and run this again."
        )
    noun = f"restore {request.job}: an interrupted restore is to be finished first"
    refuse_backup(noun, "one of its targets", observed.interrupted_returning, observed.backup)
    return [Step("finish", "; ".join(_finish_words(journal, waiting, observed.overtaken)))]


def _finish_words(journal: Journal, waiting: Sequence[Placement], overtaken: Mapping[str, str]) -> Iterator[str]:
    if waiting:
        labels = _list(placement.label for placement in waiting)
        yield f"finish the interrupted restore of {labels} from snapshot {journal.snapshot[:8]} ({journal.time})"
    for one in journal.placements:
        if one.target in overtaken:
            yield (
                f"remove what an interrupted restore of {one.label} left in {one.staging}, since the restore of job "
                f"{overtaken[one.target]} has filled {one.target}, which is left as it is"
            )
    yield from (f"the previous content stays at {one.kept}" for one in journal.placements if one.kept)


def _is_settled(request: Request, snapshot: Snapshot, tree: Tree, place: Place) -> bool:
    """Whether the place is to be left as it is."""
    if place.filler and request.mode != NEW:
        return True
    if place.state == EMPTY and tree.entries == 0 and place.root == tree.root:
        return True
    if place.state != OCCUPIED or request.mode == REPLACE:
        return False
    if request.mode == IF_EMPTY:
        return True
    if tree.origin.kind == "volume":
        return place.origin == origin_of(snapshot.id, tree.origin.label)
    # The name that is made for it holds the id of the snapshot, and only a finished restore puts something there.
    return request.target is None


def _older_words(request: Request, snapshot: Snapshot, tree: Tree, filler: Filler) -> str:
    return (
        f"restore {request.job}: {tree.origin.label} is filled by the restore of job {filler.job} in the same call, "
        f"from its snapshot of {filler.time}. That of this job, of {_choice.words(snapshot.time)}, is newer: to have "
        f"it, name job {request.job} before job {filler.job}."
    )


def _unknown_words(request: Request, snapshot: Snapshot, tree: Tree) -> str:
    return (
        f"restore {request.job}: {tree.origin.label} holds data that this host never backed up, and the snapshot of "
        f"{_choice.words(snapshot.time)} was not restored: if a service initialised it anew after the loss of the "
        "host, stop it and use mode: replace."
    )


def _placement(request: Request, observed: Observed, tree: Tree, place: Place, index: int) -> Placement:
    snapshot = observed.chosen.snapshot
    name = f"{STAGING_PREFIX}{request.job}-{snapshot.short_id}-{index}"
    beside = place.path if place.mount_point else place.beside
    kept = f"{place.path}/.before-{observed.stamp}" if place.mount_point else f"{place.path}.before-{observed.stamp}"
    return Placement(
        label=tree.origin.label,
        source=tree.origin.path,
        target=place.path,
        staging=os.path.join(beside, name),
        kept=kept if place.state == OCCUPIED else "",
        mount_point=place.mount_point,
        root=tree.root,
        content=tree.content,
        new_volume=place.new_volume,
    )


def _require_space(request: Request, observed: Observed, placements: Sequence[Placement]) -> None:
    """Every tree is whole in its staging directory before anything is put in place, so all must fit at once."""
    places = {place.path: place for place in observed.places}
    for device in {places[placement.target].device for placement in placements}:
        here = [placement for placement in placements if places[placement.target].device == device]
        needed = sum(placement.content.bytes for placement in here)
        free = min(places[placement.target].free for placement in here)
        if needed > free:
            raise Problem(
                f"restore {request.job}: {_list(placement.label for placement in here)} needs {_words.size(needed)} in "
                f"the file system of {here[0].target}, where {_words.size(free)} are free. Make room, or restore less."
            )


def _steps(request: Request, observed: Observed, placements: Sequence[Placement]) -> list[Step]:
    steps = []
    for index, placement in enumerate(placements):
        previous = f"the previous content of {placement.label}"
        place = next(place for place in observed.places if place.path == placement.target)
        held = _content_words(place.content or Content())
        apart = _list(_choice.excluded_at(observed.chosen.excluded, placement.source))
        if placement.kept:
            stays = f"; what the job excludes ({apart}) stays there and does not come back" if apart else ""
            steps.append(Step("keep", f"keep {previous} ({held}) at {placement.kept}{stays}", index))
        steps.append(Step("restore", _restore_sentence(observed.chosen.snapshot, placement), index))
        if placement.kept and request.drop_previous:
            lost = f"{held}, with what the job excludes, which no snapshot holds: {apart}" if apart else held
            steps.append(Step("drop", f"remove {previous} ({lost})", index, destroys=lost))
    whole = tuple(placements)
    return [replace(step, placements=whole, last=step is steps[-1]) for step in steps]


def _restore_sentence(snapshot: Snapshot, placement: Placement) -> str:
    into = f"the new volume {placement.new_volume} ({placement.target})" if placement.new_volume else placement.target
    return (
        f"restore {placement.label} from snapshot {snapshot.short_id} ({_choice.words(snapshot.time)}, "
        f"{_content_words(placement.content)}) into {into}"
    )


def _entry(tree: Tree, place: Place) -> dict[str, Any]:
    return {"kind": tree.origin.kind, "name": tree.origin.name, "target": place.path}


def _restored(entry: dict[str, Any], snapshot: Snapshot, content: Content, kept: str) -> dict[str, Any]:
    figures = {"snapshot": snapshot.id, "time": _time(snapshot), "files": content.files, "bytes": content.bytes}
    return {**entry, **figures, "kept": kept or None}


def _reason(place: Place) -> str:
    if place.filler:
        return f"is filled by the restore of job {place.filler.job} in the same call ({place.filler.target})"
    return {MISSING: "is missing", EMPTY: "is empty", OCCUPIED: "holds data"}[place.state]


def _content_words(content: Content) -> str:
    return f"{_words.files(content.files)}, {_words.size(content.bytes)}"


def origin_of(snapshot: str, label: str) -> str:
    """What the label of a volume that a restore made says: where its content comes from."""
    return f"{snapshot} {label}"


def _time(snapshot: Snapshot) -> str:
    return snapshot.time.strftime("%Y-%m-%dT%H:%M:%SZ")


def _list(parts: Iterable[str]) -> str:
    return ", ".join(parts)
