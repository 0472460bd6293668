# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the first content into a volume: made ready and checked apart from it, and put in place when it is whole.

A run that is killed leaves the volume empty, or, once everything is checked, with all of it; the next run goes on.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from .._pipeline import Action
from ..engine._containers import DockerContainers
from ..engine._docker import Consumer, Docker
from ..engine._mounted import RUNNING
from ..runner import _files, _paths, _restore_journal
from ..runner._problem import Problem
from ..trees._manifest import digest
from ..volumes._provenance import Origin, load as load_provenance, update
from ..volumes._volume import UUID_LABEL, Volume, fixed_root, observed
from ._container import remove_containers
from ._journal import FILLING, PLACING, RESTING, Journal, Rest, load
from ._plan import FINISH, UNDO, State, stays_stopped
from ._rest import bring_back, obstacle, put_to_rest, rest_of, without_holders
from ._room import Room, data_of, holdings, new_room, remove_staging, room_at
from ._seed import SNAPSHOT, Seed
from ._sources import Source, Sources

_LOCK_SECONDS = 60


class Seeding:
    """Looks at volumes and their seeds, and carries out the actions of ``_plan``. Raises Problem and OSError."""

    def __init__(self, docker: Docker, warn: Callable[[str], None], first_id: int = 0) -> None:
        """``first_id``: what the daemon's user namespace makes of a container's root."""
        self._docker = docker
        self._warn = warn
        self._containers = DockerContainers(docker)
        self._sources = Sources(docker, warn, first_id)

    def observe(self, seed: Seed | None, name: str, volume: Volume | None, may_mount: bool = True) -> State:
        """What the plan needs to know. None as the volume: it does not exist yet.

        ``may_mount``: whether a volume may be mounted to see what it holds, else it is taken for empty (check mode).
        """
        leftover = "" if volume is None else self._leftover(volume)
        if volume is not None and volume.provenance.has_begun:
            return State(brought_in=True, leftover=leftover)
        if seed is None or leftover == FINISH:
            return State(leftover=leftover)
        if not self._docker.is_local:
            raise Problem(f"volume {name}: its first content is brought in on its own host. Run the task there.")
        if seed.is_adoption and self._sources.look(seed, name).is_volume_itself:
            return State(is_source=True, leftover=leftover)
        # Before the look at what it holds, which removes a holder that a killed run left among its consumers.
        users = self._running(volume.consumers if volume else ())
        holds = "" if volume is None else self._holds(volume, may_mount)
        if holds:
            return State(holds=holds, leftover=leftover)
        source, first_boot = self._sources.look(seed, name, is_rehearsal=not may_mount), ""
        if source.absence:
            first_boot = source.absence
            source = self._sources.look(seed.otherwise, name) if seed.otherwise else Source()
        return State(
            missing=source.missing,
            first_boot=first_boot,
            source=source.found,
            users=tuple(users),
            source_users=tuple(name for name, _id in source.users),
            hindrances=self._hindrances({**users, **dict(source.users)}),
            leftover=leftover,
        )

    def carry_out(
        self,
        seed: Seed | None,
        name: str,
        action: Action,
        quiesce: str = "fail",
        finish: Callable[[Path], None] = lambda _tree: None,
    ) -> None:
        """One action of ``_plan.actions`` for a volume that exists.

        ``finish``: what is done to the complete tree before it is put in place, where no container sees it yet.
        """
        lock = _paths.STATE / "locks" / f".volume-{_paths.seed_file(name).stem}.lock"
        _files.private_directory(_paths.STATE)
        with _files.lock(lock, _LOCK_SECONDS):
            volume = self._volume(name)
            if action.verb == "seed-finish":
                self._finish(volume)
            else:
                self._undo(volume)
                if action.verb != "seed-undo" and seed is not None and not self._is_done(volume):
                    self._bring_in(seed, volume, action, quiesce, finish)

    @staticmethod
    def _is_done(volume: Volume) -> bool:
        """Whether another run, whose end was waited for, has done it."""
        return load_provenance(volume.name, volume.labels.get(UUID_LABEL)).has_begun

    def _bring_in(
        self, seed: Seed, volume: Volume, action: Action, quiesce: str, finish: Callable[[Path], None]
    ) -> None:
        if action.verb == "seed-first-boot":
            _note(volume.name, volume.labels.get(UUID_LABEL), seed.brings, f"nothing, as there was no {seed.words}", "")
        else:
            self._seed(seed.of_kind(action.details["kind"]), volume, quiesce, finish)

    def _volume(self, name: str) -> Volume:
        answer = self._docker.volume(name)
        if answer is None:
            raise Problem(f"volume {name}: is gone. Run again to create it.")
        return observed(answer)

    def _holds(self, volume: Volume, may_mount: bool) -> str:
        if not may_mount and not fixed_root(volume):
            return ""
        with data_of(self._docker, volume, _purpose(volume)) as root:
            return holdings(root)

    def _leftover(self, volume: Volume) -> str:
        """What is to be done for an interrupted run."""
        journal = load(volume.name)
        if journal is None:
            return ""
        complete = journal.phase == PLACING and journal.label == volume.labels.get(UUID_LABEL)
        return FINISH if complete and (not journal.staging or _is_placed(journal, volume)) else UNDO

    def _seed(self, seed: Seed, volume: Volume, quiesce: str, finish: Callable[[Path], None]) -> None:
        with data_of(self._docker, volume, _purpose(volume)) as root:
            if self._is_full_elsewhere(seed, volume, root):
                return
            self._check_empty(volume, root)
            room = new_room(volume, root)
            rests = self._rests(seed, volume, quiesce)
            journal = Journal(
                volume.name,
                volume.labels.get(UUID_LABEL),
                seed.words,
                seed.brings,
                str(room.staging) if room.swaps else "",
                rests,
            )
            if seed.kind == SNAPSHOT:
                told, snapshot = self._sources.snapshots.told(seed), self._sources.snapshots.id(seed)
                journal = replace(journal, source=told, job=seed.source, snapshot=snapshot)
            journal.save()
            try:
                put_to_rest(self._containers, rests)
                journal = journal.step(FILLING)
                room.make()
                self._sources.fill(seed, volume.name, room)
                summed = self._check(seed, volume, room)
                finish(room.tree)
                journal = journal.step(PLACING, os.stat(room.tree).st_ino, summed)
                self._refuse_newcomers(volume)
                room.place()
            except BaseException:
                self._withdraw(journal, room)
                raise
            self._remember(journal, volume)
            room.clear()
        self._end(journal)

    def _refuse_newcomers(self, volume: Volume) -> None:
        """A container that started meanwhile holds the directory that is about to make way."""
        users = self._docker.consumers([volume.name])[volume.name]
        running = [user.name for user in users if user.state in RUNNING]
        if running:
            raise Problem(
                f"volume {volume.name}: {', '.join(running)} was started with it while its content was made ready. "
                "Stop it, and run again."
            )

    def _check(self, seed: Seed, volume: Volume, room: Room) -> str:
        """The last look before the volume is touched; the digest of what came from the source."""
        if not holdings(room.tree) and seed.kind != SNAPSHOT:
            raise Problem(f"volume {volume.name}: {seed.words} holds nothing to bring in. Check what is declared.")
        summed = digest(room.tree)
        self._check_empty(volume, room.root)
        return f"sha256:{summed}"

    def _is_full_elsewhere(self, seed: Seed, volume: Volume, root: Path) -> bool:
        """Whether data was there before the volume: nobody could look there until the volume was created."""
        held = holdings(root)
        if not held or seed.is_adoption or fixed_root(volume) == volume.mountpoint:
            return False
        self._warn(
            f"volume {volume.name}: where its driver options point to there is {held} already. It is not seeded."
        )
        return True

    def _check_empty(self, volume: Volume, root: Path) -> None:
        held = holdings(root)
        if held:
            raise Problem(
                f"volume {volume.name}: was empty when the plan was made and now holds {held}. Find out who writes "
                "into it, and run again."
            )

    def _rests(self, seed: Seed, volume: Volume, quiesce: str) -> tuple[Rest, ...]:
        """The containers to put to rest: those that run with the volume, and those that may write to the source."""
        running = self._running(self._docker.consumers([volume.name])[volume.name])
        if running and quiesce != "stop":
            raise Problem(f"volume {volume.name}: was started to be used by {', '.join(running)}. Run again.")
        running.update(dict(self._sources.look(seed, volume.name).users))
        if running and quiesce == "fail":
            raise Problem(f"volume {volume.name}: {seed.words} is now written to by {', '.join(running)}. Run again.")
        hindrances = self._hindrances(running) if quiesce == "stop" else ()
        if hindrances:
            raise Problem(f"volume {volume.name}: {' '.join(hindrances)}")
        stays = stays_stopped(seed, quiesce)
        return tuple(rest_of(self._containers, each, name, quiesce, stays) for name, each in sorted(running.items()))

    def _running(self, consumers: Sequence[Consumer]) -> dict[str, str]:
        running = {user.name: user.id for user in consumers if user.state in RUNNING}
        return without_holders(self._containers, running)

    def _hindrances(self, running: Mapping[str, str]) -> tuple[str, ...]:
        """Why one or the other of these containers, name and id, cannot be stopped for a while."""
        return tuple(filter(None, (obstacle(self._containers, each) for each in running.values())))

    def _withdraw(self, journal: Journal, room: Room) -> None:
        """After an error: the volume is as it was, and whoever ran runs again."""
        if journal.phase == PLACING and (not room.swaps or _is_at(journal.inode, room.root)):
            # What is put in place may be in use by the next moment: the next run finishes it.
            return
        try:
            remove_containers(self._docker, journal.volume)
            room.clear()
        finally:
            bring_back(self._containers, journal.rests, done=False)
        journal.forget()

    def _remember(self, journal: Journal, volume: Volume) -> None:
        if journal.snapshot:
            # The runner saves nothing on a host made anew that is not known to have come back.
            _restore_journal.record(journal.job, volume.mountpoint, journal.snapshot)
        _note(journal.volume, journal.label, journal.brings, journal.source, journal.digest)

    def _end(self, journal: Journal) -> None:
        """After the volume was let go of: as long as there is a journal, the next run looks for what holds it."""
        bring_back(self._containers, journal.rests, done=True)
        journal.forget()

    def _finish(self, volume: Volume) -> None:
        journal = load(volume.name)
        if journal is None:
            return
        with data_of(self._docker, volume, _purpose(volume)) as root:
            room = room_at(volume.name, root, journal.staging)
            if not room.swaps and room.tree.is_dir():
                room.place()
            self._remember(journal, volume)
            room.clear()
        self._end(journal)

    def _undo(self, volume: Volume) -> None:
        """Remove what an interrupted run left, and bring back whom it had put to rest."""
        journal = load(volume.name)
        if journal is None:
            return
        remove_containers(self._docker, volume.name)
        if journal.staging:
            remove_staging(Path(journal.staging))
        elif journal.label == volume.labels.get(UUID_LABEL):
            with data_of(self._docker, volume, _purpose(volume)) as root:
                room_at(volume.name, root, "").clear()
        bring_back(self._containers, journal.rests, done=False, interrupted=journal.phase == RESTING)
        journal.forget()


def _note(name: str, label: str | None, brings: str, source: str, digest_of_it: str) -> None:
    """Remember the volume's first content: whatever it holds from now on, that is not brought in again."""
    origin = Origin(source, digest_of_it, datetime.now(timezone.utc).isoformat(timespec="seconds"))
    known = load_provenance(name, label)
    update(name, label, uuid=known.uuid or str(uuid.uuid4()), **{brings: origin})


def _purpose(volume: Volume) -> str:
    return f"seed {volume.name}"


def _is_placed(journal: Journal, volume: Volume) -> bool:
    root = fixed_root(volume)
    return bool(root) and _is_at(journal.inode, Path(root))


def _is_at(inode: int, root: Path) -> bool:
    return root.is_dir() and os.stat(root).st_ino == inode
