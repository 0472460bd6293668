# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring data back: what the host and the repository hold, what is to be done about it, and doing it.

The command ``holdfast restore`` and the module backup_restore go this same way.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Sequence

from . import _choice, _consumers, _files, _job, _paths, _placing, _repository, _restore_journal, _state
from ._choice import Origin
from ._consumers import Consumers
from ._engine import Engine
from ._orphans import end_writers
from ._problem import Locked, Problem
from ._restic import Restic, Snapshot
from ._restore_journal import STAGED, Journal, Placement
from ._restore_places import ORIGIN_LABEL, mounts_inside, place_of
from ._restore_plan import NEW, REPLACE, Chosen, Observed, Place, Request, Step, Tree, origin_of, refuse_use
from ._tree import LOST_FOUND, OCCUPIED, Content, Root, look, measure

_LOCK_WAIT = 5
"""Seconds to wait for another restore of the same job."""
_REPOSITORY_WAIT = 600
"""Seconds to wait for a repository that somebody else works on."""


class Restoration:
    """One restore on this host: looks, and carries out the steps of a plan."""

    def __init__(self, request: Request, check: bool = False) -> None:
        """``check``: only look, so that what will have been made before may still be missing."""
        self.request = request
        self._check = check
        self._chosen: Chosen | None = None
        self._engine = Engine()
        self._restic: Restic
        self._journal: Journal | None = None
        self._seen: Journal | None = None
        self._brought: dict[str, tuple[str, Placement]] = {}
        """By target: the snapshot that this program brought there, and how."""
        self._held = ExitStack()
        self._is_held = False

    def observe(self) -> Observed:
        """What the repository and the host hold. The snapshot is chosen the first time only."""
        if os.geteuid() != 0:
            raise Problem(
                f"restore {self.request.job}: owners can only be restored as root. Become root (become: true, or sudo)."
            )
        self._chosen = self._chosen or self._choose()
        self._seen = _restore_journal.load(self.request.job)
        consumers = self._look_for_consumers(self._chosen)
        places = tuple(self._place(tree, consumers) for tree in self._chosen.trees)
        targets = [placement.target for placement in self._seen.placements] if self._seen else []
        return Observed(
            self._chosen,
            places,
            self._seen,
            interrupted_users=_consumers.users_of_any(consumers.running, targets),
            stamp=time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            interrupted_returning=_consumers.users_of_any(consumers.returning, targets),
            backup=_consumers.busy_backup(self.request.job),
        )

    def carry_out(self, step: Step) -> None:
        """Do one step of the plan. A run that is killed in it is finished or cleaned up by the next one."""
        self._hold()
        if self._seen and step.verb in ("clean", "finish"):
            self._end_interrupted(self._seen)
            return
        journal = self._journal or self._stage(step.placements)
        if step.verb != "drop":
            self._require_unused(journal, journal.placements[step.index])
        if step.verb == "keep":
            _placing.set_aside(journal, step.index)
        elif step.verb == "restore":
            _placing.bring_in(journal, step.index)
            placement = journal.placements[step.index]
            self._brought[placement.target] = (journal.snapshot, placement)
        else:
            _placing.drop_kept(journal, step.index)
            placement = replace(journal.placements[step.index], kept="")
            self._brought[placement.target] = (journal.snapshot, placement)
        if step.last:
            journal.forget()

    def prepare(self, placement: Placement) -> None:
        """Make the volume that the placement needs, if any."""
        if not placement.new_volume:
            return
        labels = {ORIGIN_LABEL: origin_of(self._snapshot().id, placement.label)}
        self._engine.create_volume(placement.new_volume, labels)
        volume = self._engine.volume(placement.new_volume)
        found = volume.mountpoint if volume else "nowhere"
        if found != placement.target:
            raise Problem(
                f"volume {placement.new_volume}: Docker keeps it at {found}, not at {placement.target} as was planned. "
                f"Create it first (docker volume create {placement.new_volume}, or the module volume), then restore "
                "into it."
            )

    def fetch(self, placement: Placement) -> None:
        """Restore the source of the snapshot below the staging directory."""
        snapshot, staging, verify = self._snapshot().id, Path(placement.staging), self.request.verify
        self._restic.patiently(
            lambda: self._restic.restore(snapshot, staging, include=placement.source, verify=verify), _REPOSITORY_WAIT
        )

    def dispose(self, placement: Placement) -> None:
        """Undo :meth:`prepare`, and end a restic that a killed run left writing."""
        end_writers(placement.staging)
        volume = self._engine.volume(placement.new_volume) if placement.new_volume else None
        if volume and ORIGIN_LABEL in volume.labels and look(placement.target, False) != OCCUPIED:
            self._engine.remove_volume(volume.name)

    def _snapshot(self) -> Snapshot:
        """The snapshot that :meth:`observe` chose."""
        if self._chosen is None:
            raise RuntimeError("carry_out comes after observe")
        return self._chosen.snapshot

    def _choose(self) -> Chosen:
        request = self.request
        job = _job.load(request.job)
        self._restic = Restic(_repository.load(job.repository))
        self._restic.version()
        host = request.from_host or job.host
        try:
            snapshots = self._restic.snapshots(host, job.name)
        except Locked:
            raise
        except Problem:
            # restic's own words for it do not tell unreachable, absent and wrong password apart in every version.
            self._restic.require_open()
            raise
        snapshot, warning = _choice.choose(snapshots, request.snapshot, job.name, host, job.repository)
        manifest = self._restic.dump(snapshot.id, str(_paths.manifest_file(job.name)))
        origins = _choice.origins(manifest, snapshot, job.name)
        wanted = _choice.select(origins, request.volume, request.path, job.name, snapshot)
        return Chosen(snapshot, tuple(self._tree(snapshot, origin) for origin in wanted), warning)

    def _tree(self, snapshot: Snapshot, origin: Origin) -> Tree:
        nodes = list(self._restic.listing(snapshot.id, origin.path))
        root = next((node for node in nodes if node.path == origin.path), None)
        noun = f"restore {self.request.job}: snapshot {snapshot.short_id}: {origin.label}"
        if root is None:
            raise Problem(
                f"{noun}: {origin.path} is not in it, although its manifest says so. Choose another snapshot."
            )
        if root.type not in ("dir", "file"):
            raise Problem(f"{noun}: {origin.path} is a {root.type} in it, and holds no data. Choose another snapshot.")
        lost = os.path.join(origin.path, LOST_FOUND)
        below = [node for node in nodes if node is not root and not f"{node.path}/".startswith(f"{lost}/")]
        files = [node for node in ([*below, root]) if node.type == "file"]
        content = Content(len(files), sum(node.size for node in files))
        entries = len(below) + (root.size if root.type == "file" else 0)
        return Tree(origin, Root(root.type == "dir", root.uid, root.gid, root.mode), content, entries)

    def _look_for_consumers(self, chosen: Chosen) -> Consumers:
        return _consumers.look(self._engine, any(tree.origin.kind == "volume" for tree in chosen.trees))

    def _require_unused(self, journal: Journal, placement: Placement) -> None:
        """Look again at who uses the target: staging may have taken hours. What waits there goes when it is in use."""
        if self.request.mode == NEW or self._chosen is None:
            return
        consumers = self._look_for_consumers(self._chosen)
        volume = placement.label.partition("volume ")[2]
        noun = f"restore {self.request.job}: {placement.label}"
        try:
            refuse_use(
                noun,
                placement.target,
                _consumers.users(consumers.running, volume, placement.target),
                _consumers.users(consumers.returning, volume, placement.target),
                _consumers.busy_backup(self.request.job),
            )
        except Problem:
            # Once the previous content has been moved, the next run goes on from the journal instead.
            if placement.phase == STAGED:
                _placing.give_up(journal, self)
            raise

    def _place(self, tree: Tree, consumers: Consumers) -> Place:
        found = place_of(tree, self.request, self._snapshot(), self._engine, self._check)
        brought = self._brought.get(found.path)
        unfinished = [
            placement
            for placement in (self._seen.placements if self._seen and self._seen.committed else ())
            if placement.target == found.path
        ]
        if self._seen and unfinished:
            placement = unfinished[0]
            return replace(
                found, state=OCCUPIED, snapshot=self._seen.snapshot, kept=placement.kept, content=placement.content
            )
        if brought:
            content = measure(found.path, (brought[1].kept,))
            return replace(found, snapshot=brought[0], kept=brought[1].kept, content=content)
        if self.request.mode != NEW:
            volume = tree.origin.name if tree.origin.kind == "volume" else ""
            users = _consumers.users(consumers.running, volume, found.path)
            found = replace(found, users=users, returning=_consumers.users(consumers.returning, volume, found.path))
        if self.request.mode == REPLACE and found.state == OCCUPIED:
            inside = mounts_inside(found.path)
            content = Content() if inside else measure(found.path)
            return replace(found, content=content, mounts_inside=inside)
        job = self.request.job
        known = _state.load(job).last_success is not None or found.path in _restore_journal.restored(job)
        return replace(found, is_known=known)

    def _hold(self) -> None:
        """Keep other restores of this job out, from the first step until this process ends."""
        if self._is_held:
            return
        path = _restore_journal.journal_file(self.request.job)
        try:
            self._held.enter_context(_files.lock(path.with_suffix(".lock"), _LOCK_WAIT))
        except Locked:
            raise Locked(
                f"restore {self.request.job}: another restore of this job is at work. Run this again when it has ended."
            ) from None
        if _restore_journal.load(self.request.job) != self._seen:
            raise Problem(f"restore {self.request.job}: another restore of this job came in between. Run this again.")
        self._is_held = True

    def _end_interrupted(self, journal: Journal) -> None:
        if not journal.committed:
            _placing.clean(journal, self)
        else:
            _placing.finish(journal)
            for placement in journal.placements:
                self._brought[placement.target] = (journal.snapshot, placement)
        self._seen = None

    def _stage(self, placements: Sequence[Placement]) -> Journal:
        snapshot = self._snapshot()
        journal = Journal(self.request.job, snapshot.id, _choice.words(snapshot.time), list(placements))
        _placing.stage(journal, self)
        self._journal = journal
        return journal
