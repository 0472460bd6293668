# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job backs up, as paths on this host, and the checks without which nothing may begin."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import _mountinfo
from ._job import Job
from ._problem import Precondition
from ._tree import OCCUPIED, look

if TYPE_CHECKING:
    from ._engine import Engine, Volume


@dataclass(frozen=True)
class Source:
    """A volume or a path that goes into the snapshot."""

    kind: str
    """``volume`` or ``path``."""
    name: str
    path: str
    """Where it lies on this host."""
    is_mount: bool = False
    """A volume that its driver mounts, and only while a container uses it."""

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def place(self) -> str:
        """The label, with where it lies when it does not say so itself."""
        return self.label if self.kind == "path" else f"{self.label} at {self.path}"


def resolve(job: Job) -> list[Source]:
    """The job's sources, with the paths that Docker names for its volumes; without volumes Docker is not asked."""
    paths = [Source("path", path, path) for path in job.paths]
    if not job.volumes:
        return paths
    from ._engine import Engine

    engine = Engine()
    return [_volume(job, name, engine) for name in job.volumes] + paths


def preflight(job: Job, sources: Sequence[Source], filled: Sequence[str]) -> list[str]:
    """Precondition unless every source can be saved now; the labels of the sources that hold something.

    ``filled`` are the labels of those that held something at the last success.
    """
    holding = [source.label for source in sources if _holds_something(job, source)]
    lost = [source for source in sources if source.label in filled and source.label not in holding]
    if lost:
        raise Precondition(
            f"job {job.name}: {lost[0].place} is empty, and held data at the last success. Nothing was "
            "saved. Bring the data back with holdfast restore, or, if it is meant to be empty, take it out of the job."
        )
    if job.quiesce == "stop":
        _refuse_to_unmount(job, sources)
    return holding


def is_mounted(path: str) -> bool:
    """Whether something is mounted at exactly this path."""
    return _mountinfo.at(path, _mountinfo.mounts()) is not None


def _volume(job: Job, name: str, engine: Engine) -> Source:
    volume = engine.volume(name)
    if volume is None:
        raise Precondition(
            f"job {job.name}: volume {name}: Docker on this host has none of this name. "
            f"Create it as it was (docker volume create {name}, or the playbook provision), then bring its data back "
            f"with holdfast restore {job.name}; or take it out of the job."
        )
    if not volume.mountpoint:
        raise Precondition(
            f"job {job.name}: volume {name}: its driver {volume.driver} gives no path on this host. "
            "Back it up from inside a container, or take it out of the job."
        )
    if volume.is_volatile:
        raise Precondition(
            f"job {job.name}: volume {name}: it lies in memory and is gone with its last container. Take it out of the "
            "job."
        )
    return Source("volume", name, volume.mountpoint, volume.is_mount and _mounts(volume))


def _mounts(volume: Volume) -> bool:
    """Whether the driver mounts the data there. Some plugins only hand out a directory, which then holds something."""
    place = volume.mountpoint
    return volume.driver == "local" or is_mounted(place) or look(place, False) != OCCUPIED


def _holds_something(job: Job, source: Source) -> bool:
    noun = f"job {job.name}: {source.place}"
    if os.path.islink(source.path):
        raise Precondition(
            f"{noun} is a symbolic link, and only the link would be saved. "
            f"Name {os.path.realpath(source.path)} in the job."
        )
    try:
        os.stat(source.path)
        holds = look(source.path, is_mounted(source.path)) == OCCUPIED
    except OSError as error:
        raise Precondition(
            f"{noun}: {error.strerror}. Nothing was saved. Make it present, or take it out of the job."
        ) from None
    if source.is_mount and not is_mounted(source.path):
        raise Precondition(
            f"{noun}: it is mounted only while a container uses it, and now nothing is mounted there. "
            "Nothing was saved. Start its container."
        )
    return holds


def _refuse_to_unmount(job: Job, sources: Sequence[Source]) -> None:
    for source in sources:
        if source.is_mount:
            raise Precondition(
                f"job {job.name}: {source.label}: quiesce 'stop' would unmount it, and an empty directory would be "
                "saved. Set quiesce: pause."
            )
