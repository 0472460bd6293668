# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The terms of a restore: what is wanted, what the repository and the host hold, and the steps between."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any, Mapping

from . import _choice, _job
from ._choice import Origin
from ._problem import Problem
from ._restic import Snapshot
from ._restore_journal import Journal, Placement
from ._tree import Content, Root

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
    excluded: tuple[str, ...] = ()
    """The patterns of what the job did not save, from the snapshot's manifest."""
    manifest: str = ""
    """Where in the snapshot its content manifest lies; empty when there is none."""
    hashes: bool = False
    """Whether that has any."""


@dataclass(frozen=True)
class Filler:
    """Another restore of the same call."""

    job: str
    target: str
    time: str
    """When its snapshot was made, in words that sort."""


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
    indispensable: tuple[str, ...] = ()
    """What of this program's own would move away with the previous content, in words."""
    filler: Filler | None = None
    """The restore of the same call that fills it before; this one then leaves it as it is."""
    inner: Filler | None = None
    """The restore of the same call that brings data into a part of it before."""
    outer: Filler | None = None
    """The restore of the same call that brings data into a directory around it afterwards."""
    waiting: str = ""
    """The other job whose restore is at work on it, or waits to be finished."""


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
    overtaken: Mapping[str, str] = field(default_factory=dict)
    """Targets of the interrupted restore that another job's restore has filled since, with that job."""


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
