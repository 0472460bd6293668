# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrate volumes: the steps of ``_migration``, each written down before it is done and safe to repeat.

At every moment at least one complete copy of the data exists. A run that is killed is finished or undone by the next.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

from .._pipeline import Action
from ..engine._containers import DockerContainers
from ..engine._docker import Docker
from ..engine._recreation import name_of
from ..runner._problem import Problem
from ..trees._content import content_of
from ..volumes import _provenance
from ..volumes._kind import BIND, PLAIN
from ..volumes._volume import UUID_LABEL, Definition, Volume, observed
from . import _journal
from ._check import Facts, check
from ._consumer_order import concerned
from ._containers import MigrationContainers
from ._host_lock import HostLock
from ._interrupted import journals, restored, with_those_away
from ._journal import BEGUN, CLEARING, FILLING, RECREATING, REPLACING, VERIFIED, Held, Journal
from ._migration import CLEAN, COMPARE, COPY, KEEP, RECREATE, STAGE, STOP_ONE, SWAP, UNDO
from ._room import obstacle, size_of
from ._volumes import MigrationVolumes
from ._way import MOVE, POINT, STAGE_NEW, kind, strategy


class Migrating:
    """The migrations of one call, over one connection. Every method raises :class:`Problem`."""

    def __init__(self, docker: Docker, warn: Callable[[str], None]) -> None:
        """``warn`` takes what did not stop a migration and somebody has to know."""
        self._docker = docker
        self._containers = MigrationContainers(DockerContainers(docker), warn)
        self._volumes = MigrationVolumes(docker, warn)
        self._lock = HostLock()
        self._journals: dict[str, Journal] = {}
        self._proved: set[str] = set()
        """The volumes whose copy this very run has compared."""
        self._steps: dict[str, Callable[[Journal, Action], None]] = {
            STAGE: self._stage,
            STOP_ONE: self._stop,
            KEEP: self._keep,
            COPY: self._copy,
            COMPARE: self._compare,
            SWAP: self._swap,
            RECREATE: self._recreate,
            CLEAN: self._clean,
        }

    def observe(self, name: str) -> Journal | None:
        """The migration of the volume that was interrupted, None when there is none."""
        return _journal.load(name)

    def facts(self, volume: Volume, wanted: Definition, data: str, interrupted: Journal | None = None) -> Facts:
        """What the plan has to know. ``interrupted``: what will have been undone when the plan is carried out."""
        if not self._docker.is_local:
            return Facts(is_local=False)
        containers = self._containers.all()
        users = self._containers.users(concerned(restored(containers, journals()), volume.name))
        old = Definition(volume.driver, volume.driver_options, volume.labels)
        way = strategy(old, wanted, data)
        is_plain = kind(old) is PLAIN
        size = None if way in (MOVE, POINT) else size_of(old, volume)
        device = wanted.driver_options.get("device", "") if way == STAGE_NEW and kind(wanted) is BIND else ""
        place = Path(device) if device else self._volumes.root()
        return Facts(
            users=users,
            size=size,
            target=content_of(device) if os.path.isdir(device) and not interrupted else None,
            obstacle="" if size is None or interrupted else obstacle(volume, size, place),
            binders=self._containers.binders(containers, os.path.dirname(volume.mountpoint)) if is_plain else (),
        )

    def carry_out(self, name: str, wanted: Definition, action: Action) -> None:
        """Do one step of the plan. One that fails before the copy is proved leaves everything as it was before."""
        self._lock.hold(name)
        if action.verb == UNDO:
            self._undo(self._interrupted(name))
            return
        journal = self._journals.get(name) or _journal.load(name)
        if journal is None and "quiesce" not in action.details:
            return  # an interrupted migration, whose end needed less than was planned
        journal = journal or self._begin(name, wanted, action)
        self._journals[name] = journal
        try:
            if action.verb != STAGE:
                # From before the first container is stopped; a killed run may have left none.
                self._volumes.keep(journal)
            if journal.knows(action.details.get("container")):
                self._steps[action.verb](journal, action)
        except (Problem, OSError) as error:
            told = str(error) if isinstance(error, Problem) else f"volume {name}: could not {action.sentence}: {error}."
            raise Problem(self._after_failure(journal, told)) from error
        self._end_if_complete(journal)

    def _begin(self, name: str, wanted: Definition, action: Action) -> Journal:
        """Look at everything once more, and write down what is going to be done before it is."""
        answer = self._docker.volume(name)
        if answer is None:
            raise Problem(f"volume {name}: is gone since the plan was made. Run again.")
        volume = observed(answer)
        old = Definition(volume.driver, volume.driver_options, volume.labels)
        for user in with_those_away({name: ()})[name]:
            raise Problem(
                f"volume {name}: cannot be migrated: container {user.name} uses it and is {user.state}. Run the task "
                "of that volume first, which ends its migration."
            )
        quiesce, data = action.details["quiesce"], action.details["data"]
        facts = self.facts(volume, wanted, data)
        check(wanted, volume, facts, quiesce, data)
        written = {user.id: user.written for user in facts.users}
        # It stays the same volume to whoever remembers it.
        own = _provenance.load(name, old.labels.get(UUID_LABEL)).uuid or str(uuid.uuid4())
        journal = Journal(
            volume=name,
            strategy=strategy(old, wanted, data),
            old=old,
            new=Definition(wanted.driver, dict(wanted.driver_options), {**wanted.labels, UUID_LABEL: own}),
            containers=[
                self._containers.held(container, written.get(container["Id"], 0))
                for container in self._containers.concerned(name)
            ],
        )
        journal.save()
        return journal

    def _stage(self, journal: Journal, _action: Action) -> None:
        self._volumes.stage(journal)
        journal.save()

    def _stop(self, journal: Journal, action: Action) -> None:
        self._containers.stop(journal, _held(journal, action))

    def _keep(self, journal: Journal, action: Action) -> None:
        self._containers.keep_layer(journal, _held(journal, action))
        journal.save()

    def _copy(self, journal: Journal, _action: Action) -> None:
        self._refuse_users(journal)
        self._volumes.copy(journal)

    def _compare(self, journal: Journal, _action: Action) -> None:
        self._volumes.compare(journal)
        journal.enter(VERIFIED)
        self._proved.add(journal.volume)

    def _swap(self, journal: Journal, _action: Action) -> None:
        """From the last look at the old volume to the new one with all data, by way of phases."""
        if not journal.has_reached(CLEARING):
            self._refuse_users(journal)
            for held in journal.containers:
                if not held.written:
                    # It may have written its first file as it was stopped.
                    self._containers.keep_layer(journal, held)
            self._last_look(journal)
            journal.enter(CLEARING)
        elif not journal.has_reached(FILLING):
            self._last_look(journal)
        if journal.phase == CLEARING:
            for held in journal.containers:
                self._containers.remove(held)
            self._volumes.move_out(journal)
            journal.enter(REPLACING)
        if journal.phase == REPLACING:
            self._volumes.replace(journal)
            self._volumes.keep(journal)
            journal.enter(FILLING)
        if journal.phase == FILLING:
            self._refuse_strangers(journal)
            self._volumes.fill(journal)
            journal.enter(RECREATING)

    def _recreate(self, journal: Journal, action: Action) -> None:
        """One that does not come back keeps no other from it: the error is told once all have been tried."""
        try:
            self._bring(journal, _held(journal, action))
        except Problem as problem:
            tried = action.details["container"]
            raise Problem(" ".join([str(problem), *self._bring_others(journal, tried)])) from problem

    def _clean(self, journal: Journal, _action: Action) -> None:
        """What is kept for containers goes after the last of them is back, also one that the plan did not know."""
        failures = self._bring_others(journal)
        if failures:
            raise Problem(" ".join(failures))
        self._volumes.remove_staging(journal)

    def _bring_others(self, journal: Journal, tried: str = "") -> list[str]:
        """Create the containers again that are still away, and return what went wrong."""
        away = [held for held in reversed(journal.containers) if not held.is_back and held.name != tried]
        return _failures(away, lambda held: self._bring(journal, held))

    def _bring(self, journal: Journal, held: Held) -> None:
        self._containers.create(journal, held)
        held.is_back = True
        journal.save()

    def _last_look(self, journal: Journal) -> None:
        """Problem unless the old volume may go: nobody has written into it, and the copy is one still.

        After a kill much may have happened to both, so then all of the copy is compared again. While the old volume is
        there with its data, it is the complete one, and the migration is given up for it.
        """
        if self._volumes.definition(journal.volume) != journal.old:
            return
        has_moved = self._volumes.has_moved_out(journal)
        try:
            self._refuse_users(
                journal,
                f"Its data is in volume {journal.staging}. Remove that container (docker rm --force), and run again."
                if has_moved
                else "That container stays.",
            )
            self._volumes.refuse_change(journal)
            if journal.strategy not in (MOVE, POINT) and journal.volume not in self._proved:
                self._volumes.compare(journal)
        except Problem as problem:
            if has_moved or not journal.has_reached(CLEARING):
                raise
            journal.give_up()
            raise Problem(
                f"{problem} The migration was given up: volume {journal.volume} is as it was, with all its data. The "
                "next run creates its containers again, and removes what was staged."
            ) from problem

    def _refuse_strangers(self, journal: Journal) -> None:
        """Nobody may use the new volume before its data is in it; its own containers are not there yet."""
        there = [name_of(one) for one in self._containers.concerned(journal.volume)]
        if there:
            raise Problem(
                f"volume {journal.volume}: container {', '.join(there)} was created on it before its data was in. "
                "Remove it (docker rm --force), and run again."
            )

    def _refuse_users(self, journal: Journal, way_out: str = "Run again.") -> None:
        """Those that were written down must still be down, as a daemon that starts, starts some; and no other be there.

        One that is gone is none: it is created again.
        """
        own = {held.id for held in journal.containers}
        others = [name_of(one) for one in self._containers.concerned(journal.volume) if one["Id"] not in own]
        if others:
            raise Problem(
                f"volume {journal.volume}: container {', '.join(others)} was created on it during its migration. "
                f"{way_out}"
            )
        running = self._containers.active(journal.volume)
        if running:
            raise Problem(
                f"volume {journal.volume}: {', '.join(running)} was started during the migration, and may have "
                f"written since. {way_out}"
            )

    def _after_failure(self, journal: Journal, told: str) -> str:
        """Undo what can be undone; the whole message."""
        if journal.has_reached(CLEARING):
            return f"{told} Run again once that is mended: the migration goes on from there."
        try:
            self._undo(journal)
        except (Problem, OSError) as error:
            return (
                f"{told} Undoing the migration failed too: {error} All data is in the old volume {journal.volume}; "
                "run again, and that is undone first."
            )
        return f"{told} The migration was undone: volume and containers are as before."

    def _interrupted(self, name: str) -> Journal:
        journal = _journal.load(name)
        if journal is None or journal.has_reached(CLEARING):
            raise Problem(f"volume {name}: another run has gone on with its migration. Run again.")
        return journal

    def _undo(self, journal: Journal) -> None:
        """Let everything be as before the migration: containers first, they have waited."""
        if journal.phase != BEGUN:
            journal.enter(BEGUN)
        try:
            copied = self._volumes.copied(journal)
        finally:
            down = _failures(journal.containers[::-1], lambda held: self._containers.bring_back(journal, held))
        if down:
            raise Problem(" ".join(down))
        self._volumes.undo(journal, copied)
        journal.forget()
        self._journals.pop(journal.volume, None)

    def _end_if_complete(self, journal: Journal) -> None:
        if journal.phase != RECREATING or not all(held.is_back for held in journal.containers):
            return
        if journal.strategy != POINT and self._volumes.definition(journal.staging) is not None:
            return
        self._volumes.let_go(journal)
        journal.forget()
        self._journals.pop(journal.volume)
        self._lock.let_go()


def _held(journal: Journal, action: Action) -> Held:
    return journal.held(action.details["container"])


def _failures(containers: Sequence[Held], work: Callable[[Held], None]) -> list[str]:
    """Do the work for each of them, and return what went wrong."""
    told = []
    for held in containers:
        try:
            work(held)
        except Problem as problem:
            told.append(str(problem))
    return told
