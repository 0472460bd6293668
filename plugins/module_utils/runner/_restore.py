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
from typing import Mapping, Sequence

from . import (
    _choice,
    _consumers,
    _files,
    _job,
    _manifest,
    _placing,
    _repository,
    _restore_indispensable,
    _restore_journal,
    _restore_pending,
    _restore_records,
    _restore_snapshot,
    _state,
)
from ._consumers import Consumers
from ._engine import Engine
from ._orphans import end_writers
from ._problem import Locked, Problem
from ._restic import Restic, Snapshot
from ._restore_journal import DONE, STAGED, Journal, Placement
from ._restore_leftovers import kept_in
from ._restore_places import ORIGIN_LABEL, mounts_inside, place_of
from ._restore_plan import origin_of
from ._restore_refusals import refuse_use
from ._restore_terms import NEW, REPLACE, Chosen, Observed, Place, Request, Step, Tree
from ._tree import OCCUPIED, Content, look, measure

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
        # One for all looks, for the names in a plan hold it.
        self._stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self.proven: dict[str, str] = {}
        """By label: how what was restored has been compared with the snapshot's manifest."""
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
        overtaken = self._overtaken()
        places = tuple(self._place(tree, consumers, overtaken) for tree in self._chosen.trees)
        waiting = self._seen.placements if self._seen else []
        targets = [placement.target for placement in waiting if placement.target not in overtaken]
        return Observed(
            self._chosen,
            places,
            self._seen,
            interrupted_users=_consumers.users_of_any(consumers.running, targets),
            stamp=self._stamp,
            interrupted_returning=_consumers.users_of_any(consumers.returning, targets),
            backup=_consumers.busy_backup(self.request.job),
            overtaken=overtaken,
        )

    def holds(self, snapshot: str, path: str) -> bool:
        """Whether a snapshot of the job's repository has data at the path. After :meth:`observe`."""
        return self._restic.holds_something(snapshot, path)

    def carry_out(self, step: Step) -> None:
        """Do one step of the plan. A run that is killed in it is finished or cleaned up by the next one."""
        self._hold()
        if self._seen and step.verb in ("clean", "finish"):
            self._end_interrupted(self._seen)
            return
        journal = self._journal or self._stage(step.placements)
        if step.verb != "drop":
            self._require_unused(journal, journal.placements[step.index])
            self._require_first(journal, journal.placements[step.index])
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

    def prove(self, placement: Placement) -> None:
        """Compare the staged tree with the content manifest of the snapshot, if it has one and that is wanted."""
        if not self.request.verify or self._chosen is None or not self._chosen.manifest:
            return
        snapshot, manifest, hashes = self._chosen.snapshot.id, self._chosen.manifest, self._chosen.hashes
        words = _manifest.verify(self._restic, snapshot, manifest, hashes, placement.source, placement.tree)
        self.proven[placement.label] = words

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
        job = _job.load(self.request.job)
        self._restic = Restic(_repository.load(job.repository))
        return _restore_snapshot.choose(self.request, job, self._restic)

    def _overtaken(self) -> dict[str, str]:
        """Targets of the interrupted restore that other jobs' restores have filled since, with these jobs."""
        journal = self._seen
        if journal is None or not journal.committed:
            return {}
        found = {one.target: _restore_records.overtaker(journal, one) for one in journal.placements}
        return {target: job for target, job in found.items() if job}

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

    def _require_first(self, journal: Journal, placement: Placement) -> None:
        """Leave what another job's restore has put there while this one was staged; what waits for it goes."""
        job = _restore_records.overtaker(journal, placement)
        if not job:
            return
        if placement.phase == STAGED:
            _placing.give_up(journal, self)
        raise Problem(
            f"restore {self.request.job}: {placement.label}: the restore of job {job} has filled {placement.target} "
            "meanwhile. That is left as it is, and nothing of this one was put there. Run this again for what else it "
            "was to bring."
        )

    def _place(self, tree: Tree, consumers: Consumers, overtaken: Mapping[str, str]) -> Place:
        found = place_of(tree, self.request, self._snapshot(), self._engine, self._check)
        brought = self._brought.get(found.path)
        unfinished = [
            placement
            for placement in (self._seen.placements if self._seen and self._seen.committed else ())
            if placement.target == found.path and found.path not in overtaken
        ]
        if self._seen and unfinished:
            placement = unfinished[0]
            return replace(
                found, state=OCCUPIED, snapshot=self._seen.snapshot, kept=placement.kept, content=placement.content
            )
        if brought:
            content = measure(found.path, (brought[1].kept, *kept_in(found.path)))
            return replace(found, snapshot=brought[0], kept=brought[1].kept, content=content)
        job = self.request.job
        found = replace(found, waiting=_restore_pending.waits_for(job, found.path))
        if self.request.mode == REPLACE:
            found = replace(found, indispensable=_restore_indispensable.touched_by(found.path))
        if self.request.mode != NEW:
            volume = tree.origin.name if tree.origin.kind == "volume" else ""
            users = _consumers.users(consumers.running, volume, found.path)
            found = replace(found, users=users, returning=_consumers.users(consumers.returning, volume, found.path))
        if self.request.mode == REPLACE and found.state == OCCUPIED:
            inside = mounts_inside(found.path)
            content = Content() if inside else measure(found.path, kept_in(found.path))
            return replace(found, content=content, mounts_inside=inside)
        state = _state.load(job)
        known = state.last_success is not None or bool(state.accepted) or found.path in _restore_records.targets()
        return replace(found, is_known=known)

    def _hold(self) -> None:
        """Keep other restores of this job out, from the first step until this process ends."""
        if self._is_held:
            return
        try:
            self._held.enter_context(_files.lock(_restore_journal.lock_file(self.request.job), _LOCK_WAIT))
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
                if placement.phase == DONE:
                    self._brought[placement.target] = (journal.snapshot, placement)
        self._seen = None

    def _stage(self, placements: Sequence[Placement]) -> Journal:
        snapshot = self._snapshot()
        known = _restore_records.marks_of_others(self.request.job)
        journal = Journal(self.request.job, snapshot.id, _choice.words(snapshot.time), list(placements), known)
        _placing.stage(journal, self)
        self._journal = journal
        return journal
