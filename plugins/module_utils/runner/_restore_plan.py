# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore has to do, from what is wanted and what the host and the repository hold. Pure."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any, Iterable, Sequence

from . import _choice, _job, _words
from ._choice import Origin
from ._problem import Problem
from ._restic import Snapshot
from ._restore_journal import Journal, Placement
from ._tree import EMPTY, MISSING, OCCUPIED, STAGING_PREFIX, Content, Root

IF_EMPTY, NEW, REPLACE = MODES = ("if_empty", "new", "replace")


@dataclass(frozen=True)
class Request:
    """What is wanted."""

    job: str
    snapshot: str = _choice.LATEST
    from_host: str | None = None
    mode: str = IF_EMPTY
    volume: str | None = None
    path: str | None = None
    target: str | None = None
    verify: bool = True
    drop_previous: bool = False
    """Remove the previous content once the restored one is in place and checked."""

    def __post_init__(self) -> None:
        noun = f"restore {_job.check_name('job', self.job)}"
        _choice.check_wanted(self.snapshot)
        if self.volume and self.path:
            raise Problem(f"{noun}: volume {self.volume} and path {self.path} are both given. Name one, or neither.")
        if self.path and (not self.path.startswith("/") or os.path.normpath(self.path) != self.path):
            raise Problem(f"{noun}: path {self.path!r}: must be absolute, without .. and without / at its end.")
        if not self.target:
            return
        if self.mode != NEW or not (self.volume or self.path):
            raise Problem(
                f"{noun}: target {self.target}: serves only mode new, and one volume or one path. "
                "Add --mode new, and --volume or --path (in the module: mode, volume, path)."
            )
        if self.path and not self.target.startswith("/"):
            raise Problem(f"{noun}: target {self.target!r}: must be an absolute path, as {self.path} is.")
        if self.volume and "/" in self.target:
            raise Problem(f"{noun}: target {self.target!r}: must be the name of a volume, as {self.volume} is.")


@dataclass(frozen=True)
class Tree:
    """A source as the snapshot holds it."""

    origin: Origin
    root: Root
    content: Content
    entries: int
    """Of every type, without the root."""


@dataclass(frozen=True)
class Chosen:
    """What of which snapshot comes back: it does not change while the program runs."""

    snapshot: Snapshot
    trees: tuple[Tree, ...]
    warning: str = ""
    """What a person should know before it is restored."""


@dataclass(frozen=True)
class Place:
    """Where a tree goes, as the host is now."""

    path: str
    """Without symbolic links."""
    state: str
    beside: str
    """The directory for the staging directory."""
    device: int
    free: int
    """Bytes in its file system that can be written."""
    root: Root | None = None
    content: Content | None = None
    """Counted only where it is to be kept, or came from a restore."""
    mount_point: bool = False
    mounts_inside: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    """Running containers that see it."""
    returning: tuple[str, ...] = ()
    """Containers that see it, and that a backup has stopped and will start again, with its job: "db (job nightly)"."""
    new_volume: str = ""
    """The volume that is to be made for it."""
    supposed: bool = False
    """In check mode: its volume is not there yet, and is taken as one that will have been created before."""
    origin: str = ""
    """What an earlier restore says on the volume that it made."""
    snapshot: str = ""
    """The id of the snapshot that this program brought into it, or is to finish bringing into it."""
    kept: str = ""
    """Where that left the previous content."""
    is_known: bool = True
    """This host has backed the job up before, or restored into it."""


@dataclass(frozen=True)
class Observed:
    """Everything that a plan needs to know."""

    chosen: Chosen
    places: tuple[Place, ...]
    """One for each tree."""
    interrupted: Journal | None
    interrupted_users: tuple[str, ...]
    stamp: str
    """The time for names, in UTC."""
    interrupted_returning: tuple[str, ...] = ()
    backup: str = ""
    """The unit of the job's backup, while it is at work."""


@dataclass(frozen=True)
class Step:
    """One thing to do."""

    verb: str
    """``clean`` or ``finish`` what was interrupted; ``keep``, ``restore``, ``drop`` for one placement."""
    sentence: str
    index: int = 0
    placements: tuple[Placement, ...] = ()
    """Those of the whole restore: its first step brings all of them into their staging directories."""
    destroys: str = ""
    last: bool = False


@dataclass(frozen=True)
class Outlook:
    """The way from what is to what is wanted."""

    before: dict[str, Any]
    after: dict[str, Any]
    steps: tuple[Step, ...]
    warnings: tuple[str, ...] = ()


def plan(request: Request, observed: Observed) -> Outlook:
    """What is to be done. Pure."""
    steps: list[Step] = _plan_interrupted(request, observed)
    placements: list[Placement] = []
    warnings: list[str] = []
    before: dict[str, list[dict[str, Any]]] = {"restored": [], "left": []}
    after: dict[str, list[dict[str, Any]]] = {"restored": [], "left": []}
    for tree, place in zip(observed.chosen.trees, observed.places):
        entry = _entry(tree, place)
        present = {**entry, "reason": _state_words(place)}
        if place.snapshot == observed.chosen.snapshot.id:
            row = _restored(entry, observed.chosen.snapshot, place.content or tree.content, place.kept)
            before["restored"].append(row)
            after["restored"].append(row)
        elif _is_settled(request, observed.chosen.snapshot, tree, place):
            before["left"].append(present)
            after["left"].append(present)
            if request.mode == IF_EMPTY and place.state == OCCUPIED and not place.is_known:
                warnings.append(_unknown_words(request, observed.chosen.snapshot, tree))
        else:
            _refuse(request, tree, place, observed.backup)
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
    if observed.interrupted_users:
        raise Problem(
            f"restore {request.job}: an interrupted restore is to be finished first, and its targets are used by "
            f"running containers: {', '.join(observed.interrupted_users)}. Stop them, and run this again."
        )
    noun = f"restore {request.job}: an interrupted restore is to be finished first"
    refuse_backup(noun, "one of its targets", observed.interrupted_returning, observed.backup)
    return [
        Step(
            "finish",
            f"finish the interrupted restore of {_list(placement.label for placement in journal.placements)} from "
            f"snapshot {journal.snapshot[:8]} ({journal.time})"
            + "".join(f"; the previous content stays at {one.kept}" for one in journal.placements if one.kept),
        )
    ]


def _is_settled(request: Request, snapshot: Snapshot, tree: Tree, place: Place) -> bool:
    """Whether the place is to be left as it is."""
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


def refuse_use(noun: str, path: str, users: Sequence[str], returning: Sequence[str], backup: str) -> None:
    """Problem while somebody sees what would change beneath it, or would come to see it in the middle."""
    if users:
        raise Problem(
            f"{noun}: {path} is used by running containers: {', '.join(users)}. "
            "Stop them and run this again, or restore beside it with mode new."
        )
    refuse_backup(noun, path, returning, backup)


def refuse_backup(noun: str, path: str, returning: Sequence[str], backup: str) -> None:
    """Problem while a backup reads what would change beneath it, or is to start containers again that use it."""
    if backup:
        raise Problem(
            f"{noun}: the backup of this job is at work in {backup}. Run this again when it has ended (see holdfast "
            f"status), or end it with systemctl stop {backup}."
        )
    if returning:
        raise Problem(
            f"{noun}: {path} is used by containers that a backup has stopped and will start again: "
            f"{', '.join(returning)}. Let that backup end, or run holdfast release with its job; then stop them and "
            "run this again."
        )


def _unknown_words(request: Request, snapshot: Snapshot, tree: Tree) -> str:
    return (
        f"restore {request.job}: {tree.origin.label} holds data that this host never backed up, and the snapshot of "
        f"{_choice.words(snapshot.time)} was not restored: if a service initialised it anew after the loss of the "
        "host, stop it and use mode: replace."
    )


def _refuse(request: Request, tree: Tree, place: Place, backup: str) -> None:
    noun = f"restore {request.job}: {tree.origin.label}"
    if request.mode == NEW:
        if place.state == OCCUPIED:
            raise Problem(f"{noun}: the target {place.path} holds data already. Name another target, or remove it.")
        return
    refuse_use(noun, place.path, place.users, place.returning, backup)
    if place.state == OCCUPIED and place.mounts_inside:
        raise Problem(
            f"{noun}: other file systems are mounted inside {place.path}: {', '.join(place.mounts_inside)}. They would "
            "move aside with it. Unmount them, or restore beside it with mode new."
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
        if placement.kept:
            steps.append(Step("keep", f"keep {previous} ({held}) at {placement.kept}", index))
        steps.append(Step("restore", _restore_sentence(observed.chosen.snapshot, placement), index))
        if placement.kept and request.drop_previous:
            steps.append(Step("drop", f"remove {previous} ({held})", index, destroys=held))
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


def _state_words(place: Place) -> str:
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
