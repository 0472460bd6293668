# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sources of first contents: whether they are there, who writes to them, and how they come into a directory."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from ..engine._containers import DockerContainers
from ..engine._docker import Docker
from ..runner._problem import Problem
from ..trees._copying import check_space, copy_tree, measure
from ..trees._manifest import compare
from ..volumes._volume import Volume, fixed_root, observed
from . import _adoption, _container
from ._archives import unpack
from ._download import check, fetch
from ._rest import without_holders
from ._room import Room, data_of
from ._seed import ARCHIVE, CONTAINER, DIRECTORY, IMAGE, SNAPSHOT, URL, VOLUME, Seed
from ._snapshot import Snapshots, Unready, absence

_ACTIVE = ("running", "restarting")


@dataclass(frozen=True)
class Source:
    """What can be said of a source before anything is taken from it."""

    missing: str = ""
    """Why it cannot be taken, as a sentence with a way out."""
    users: tuple[tuple[str, str], ...] = ()
    """Name and id of the containers that run and may write to it."""
    is_volume_itself: bool = False
    """It is the volume for which it is asked."""
    absence: str = ""
    """There is none, and this is why that may be, in words."""
    found: str = ""
    """What it was found to be, in words."""


class Sources:
    """Every method raises Problem and OSError."""

    def __init__(self, docker: Docker, warn: Callable[[str], None], first_id: int) -> None:
        self._docker = docker
        self._containers = DockerContainers(docker)
        self._warn = warn
        self._first_id = first_id
        self.snapshots = Snapshots(warn)

    def look(self, seed: Seed, name: str, is_rehearsal: bool = False) -> Source:
        """The source of the first content of the volume of this name.

        ``is_rehearsal``: what the source itself still needs on this host will have been brought there before.
        """
        if seed.kind == SNAPSHOT:
            return self._look_for_snapshot(seed, name, is_rehearsal)
        if seed.kind == VOLUME:
            return self._look_at_volume(seed.source, name)
        if seed.kind == CONTAINER:
            return self._look_at_container(seed, name)
        if seed.kind == IMAGE and not self._containers.has_image(seed.source):
            return Source(f"image {seed.source} is not on this host. Pull or load it before, Docker is not asked to.")
        if seed.kind == DIRECTORY and seed.on_host and not os.path.isdir(seed.source):
            return Source(f"{seed.source} is no directory on this host. Check the path, and remote_src.")
        if seed.kind == ARCHIVE and seed.on_host and not os.path.isfile(seed.source):
            return Source(f"{seed.source} is no file on this host. Check the path, and remote_src.")
        return Source()

    def fill(self, seed: Seed, volume: str, room: Room) -> None:
        """Bring the source into the room's tree, with proof where the source can be read again."""
        try:
            self._fill(seed, volume, room)
        except Problem as problem:
            raise Problem(f"volume {volume}: {seed.option}: {seed.words}: {problem}") from problem
        except OSError as error:
            raise Problem(f"volume {volume}: {seed.option}: {seed.words}: {_reason(error, room)}") from error

    def _fill(self, seed: Seed, volume: str, room: Room) -> None:
        if seed.kind == IMAGE:
            self._run(seed, volume, room)
        elif seed.kind == SNAPSHOT:
            self.snapshots.fill(seed, room)
        elif seed.kind == URL:
            fetched = room.work / "archive"
            fetch(seed, fetched)
            unpack(fetched, room.tree, seed.strip, first_id=self._first_id)
            fetched.unlink()
        elif seed.kind == ARCHIVE:
            archive = Path(seed.source if seed.on_host else self._sent(seed))
            check(seed, archive)
            unpack(archive, room.tree, seed.strip, first_id=self._first_id)
        elif seed.kind == DIRECTORY and not seed.on_host:
            root = os.stat(room.root)
            unpack(Path(self._sent(seed)), room.tree, owner=(root.st_uid, root.st_gid), links_may_leave=True)
        elif seed.kind == CONTAINER:
            self._adopt(seed, volume, room)
        else:
            with self._directory(seed, volume) as directory:
                self._copy(directory, room)

    @staticmethod
    def _sent(seed: Seed) -> str:
        if not seed.sent:
            raise Problem(
                "it was not sent here. Set remote_src when it lies on the host, and do not run the task async."
            )
        return seed.sent

    def _directory(self, seed: Seed, volume: str) -> AbstractContextManager[Path]:
        if seed.kind == DIRECTORY:
            return nullcontext(Path(os.path.realpath(seed.source)))
        return data_of(self._docker, self._volume(seed.source), f"seed {volume} from {seed.source}")

    def _copy(self, directory: Path, room: Room) -> None:
        if os.path.commonpath([directory, room.root]) == str(directory):
            raise Problem(f"the volume's own data would be copied into itself: {room.root} lies in it.")
        check_space("its data", measure(directory), room.staging)
        for warning in copy_tree(directory, room.tree):
            self._warn(f"{directory}: {warning}")
        told = compare(directory, room.tree)
        if told:
            raise Problem(f"the copy differs from it: {'; '.join(told[:5])}. Stop what writes there, and run again.")

    def _run(self, seed: Seed, volume: str, room: Room) -> None:
        """In the tree itself, or, where Docker could not mount that, beside it."""
        if room.swaps:
            _container.run(self._docker, seed, volume, room.tree)
            return
        made = room.work / "made"
        made.mkdir(mode=0o755)
        _container.run(self._docker, seed, volume, made)
        self._copy(made, room)

    def _adopt(self, seed: Seed, volume: str, room: Room) -> None:
        keeping = _adoption.find(self._containers, seed)
        if isinstance(keeping, Problem):
            raise keeping
        if keeping.volume:
            with data_of(self._docker, self._volume(keeping.volume), f"seed {volume} from {keeping.volume}") as root:
                self._copy(_adoption.below(root, keeping.below), room)
        elif keeping.directory:
            self._copy(_adoption.below(Path(os.path.realpath(keeping.directory)), keeping.below), room)
        else:
            _adoption.copy_layer(self._docker, seed, keeping.container, room.tree)

    def _look_for_snapshot(self, seed: Seed, name: str, is_rehearsal: bool) -> Source:
        try:
            if self.snapshots.find(seed) is None:
                return Source(absence=absence(seed)) if seed.first_boot else Source(absence(seed))
            return Source(found=self.snapshots.told(seed))
        except Problem as problem:
            told = f"volume {name}: {seed.option}: {problem}"
            if not (is_rehearsal and isinstance(problem, Unready)):
                raise Problem(told) from problem
            self._warn(f"{told} In check mode a snapshot is taken to be there.")
            return Source()

    def _look_at_volume(self, source: str, name: str) -> Source:
        if source == name:
            return Source(f"it is volume {name} itself. Name another.")
        if self._docker.volume(source) is None:
            return Source(f"there is no volume {source}. Check its name.")
        return Source(users=self._writers(source))

    def _look_at_container(self, seed: Seed, name: str) -> Source:
        keeping = _adoption.find(self._containers, seed)
        if isinstance(keeping, Problem):
            return Source(str(keeping))
        if keeping.volume == name:
            return Source(is_volume_itself=True)
        try:
            self._check_path(seed, keeping)
        except Problem as problem:
            return Source(str(problem))
        users = dict(self._writers(keeping.volume)) if keeping.volume else {}
        if keeping.runs and not keeping.volume:
            users[seed.source] = keeping.container
        return Source(users=tuple(sorted(users.items())))

    def _check_path(self, seed: Seed, keeping: _adoption.Keeping) -> None:
        """Problem when the path is not there; what is there only while it is mounted shows when it is copied."""
        if not keeping.directory:
            _adoption.check_layer(self._docker, seed, keeping.container)
        elif not keeping.volume or fixed_root(self._volume(keeping.volume)) == keeping.directory:
            _adoption.below(Path(os.path.realpath(keeping.directory)), keeping.below)

    def _writers(self, volume: str) -> tuple[tuple[str, str], ...]:
        found = {
            container.name: container.id
            for container in self._docker.containers()
            if container.state in _ACTIVE
            and any(mount.volume == volume and mount.writable for mount in container.mounts)
        }
        return tuple(sorted(without_holders(self._containers, found).items()))

    def _volume(self, name: str) -> Volume:
        answer = self._docker.volume(name)
        if answer is None:
            raise Problem(f"there is no volume {name}. Check its name.")
        return observed(answer)


def _reason(error: OSError, room: Room) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the file system of {room.root} has not the space for it ({error.strerror}). Make room there."
    return f"{error}. Mend what the system says, and run again."
