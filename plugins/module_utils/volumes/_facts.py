# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks Docker and this host what ``volume_info`` tells; in which form is decided in ``_info``.

Without sizes and layers these are few requests, however many volumes there are: one for all of them, or one for each
that is named, one for all containers, and one for each image of those.
"""

from __future__ import annotations

import posixpath
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..engine._containers import DockerContainers
from ..engine._docker import Docker
from ..engine._drivers import Drivers, Silent
from ..engine._layers import layer_row, unknown_row, written
from ..engine._mounted import Container
from ..runner import _state
from ..runner._problem import Problem
from . import _provenance
from ._anonymous import anonymous_names, anonymous_rows, declared_paths, shadowed_rows, uncovered_rows
from ._info import as_docker_shows, sized, told, unlisted, users_by_volume
from ._last_backup import Backups, last_backups
from ._sizes import Place, count, place_of
from ._volume import LOCAL, UUID_LABEL, Volume, observed

_ELSEWHERE = Place(unknown="it lies on the host behind docker_host")


@dataclass(frozen=True)
class Wanted:
    """What the task asks for."""

    names: tuple[str, ...] | None = None
    """None: all volumes."""
    sizes: bool = False
    layers: bool = False
    seconds: float = 30
    """How long sizes and layers may take, each of the two."""


@dataclass
class _Found:
    """What Docker answered about the volumes."""

    answers: list[Mapping[str, Any]] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    errors: list[dict[str, str]] = field(default_factory=list)
    unlisted: list[dict[str, Any]] = field(default_factory=list)
    complete: bool = True


def nothing(wanted: Wanted) -> dict[str, Any]:
    """The report of a host that has no Docker."""
    empty = ("volumes", "inspected", "errors", "unlisted", "anonymous", "uncovered", "shadowed")
    layers: dict[str, Any] = {"layers": []} if wanted.layers else {}
    return {**{key: [] for key in empty}, "absent": list(wanted.names or ()), "complete": True, **layers}


class VolumeFacts:
    """The volumes of one Docker daemon, and what is outside of them, over one connection."""

    def __init__(self, docker: Docker, warn: Callable[[str], None]) -> None:
        self._docker = docker
        self._warn = warn

    def report(self, wanted: Wanted) -> dict[str, Any]:
        """What is wanted, in the form of the module's result, and ``inspected``, Docker's own answers without secrets.

        Problem when Docker cannot be asked at all. What it cannot tell of one volume is among the ``errors``.
        """
        containers = self._docker.containers()
        found = self._all(containers) if wanted.names is None else self._named(wanted.names)
        volumes = [self._remembered(observed(answer)) for answer in found.answers]
        if wanted.names is not None:
            names = {volume.name for volume in volumes}
            containers = [one for one in containers if any(mount.volume in names for mount in one.mounts)]
        result = {
            "volumes": self._told(volumes, users_by_volume(containers), wanted),
            "inspected": [as_docker_shows(answer) for answer in found.answers],
            "absent": found.absent,
            "errors": found.errors,
            "complete": found.complete,
            "unlisted": found.unlisted,
            **self._outside(volumes, containers),
        }
        return {**result, "layers": self._layers(containers, wanted.seconds)} if wanted.layers else result

    def _all(self, containers: Sequence[Container]) -> _Found:
        """Docker's list, and those volumes of containers that it lacks: a list without some driver looks like any."""
        answers, warnings = self._listed()
        for warning in warnings:
            self._warn(f"Docker's list of volumes is not complete: {warning} What is missing in it may be there.")
        missing = unlisted([str(answer["Name"]) for answer in answers], users_by_volume(containers))
        found = _Found(answers, complete=not warnings and not missing)
        drivers = Drivers(self._docker)
        for volume in missing:
            try:
                answer = drivers.volume(volume["name"], volume["driver"])
                why = "Docker has no volume of this name any more."
            except Problem as problem:
                answer, why = None, str(problem)
            if answer is None:
                found.unlisted.append({**volume, "why": why})
            else:
                found.answers.append(answer)
        found.answers.sort(key=lambda answer: str(answer["Name"]))
        return found

    def _listed(self) -> tuple[list[Mapping[str, Any]], tuple[str, ...]]:
        """All volumes; while Docker waits for a driver that does not answer, those of its own driver alone."""
        try:
            answers, warnings = self._docker.volumes()
        except Silent as problem:
            return self._docker.volumes(LOCAL)[0], (str(problem),)
        return answers, tuple(f"{warning.rstrip('.')}." for warning in warnings)

    def _named(self, names: Sequence[str]) -> _Found:
        """Each by itself, since a list could be one that lacks the volumes of some driver."""
        found = _Found()
        drivers = Drivers(self._docker)
        for name in names:
            try:
                answer = drivers.volume(name, None)
            except Problem as problem:
                found.errors.append({"name": name, "msg": str(problem)})
                found.complete = False
                continue
            if answer is None:
                found.absent.append(name)
            else:
                found.answers.append(answer)
        return found

    def _remembered(self, volume: Volume) -> Volume:
        """With what this host remembers of it; of volumes behind another host it remembers nothing."""
        if not self._docker.is_local:
            return replace(volume, provenance=_provenance.UNREADABLE)
        try:
            return replace(volume, provenance=_provenance.load(volume.name, volume.labels.get(UUID_LABEL)))
        except Problem as problem:
            self._warn(str(problem))
            return replace(volume, provenance=_provenance.UNREADABLE)

    def _told(
        self, volumes: Sequence[Volume], users: Mapping[str, Sequence[Container]], wanted: Wanted
    ) -> list[dict[str, Any]]:
        backups = last_backups() if self._docker.is_local else Backups()
        for problem in backups.unread:
            self._warn(f"{problem} Its backups are not told.")
        now = _state.now()
        rows = [told(volume, users.get(volume.name, ()), backups.of.get(volume.name), now) for volume in volumes]
        if wanted.sizes:
            contents = count({volume.name: self._place(volume, users) for volume in volumes}, wanted.seconds)
            return [{**row, "content": sized(contents[row["name"]])} for row in rows]
        return rows

    def _place(self, volume: Volume, users: Mapping[str, Sequence[Container]]) -> Place:
        if not self._docker.is_local:
            return _ELSEWHERE
        return place_of(volume, any(one.runs for one in users.get(volume.name, ())))

    def _outside(self, volumes: Sequence[Volume], containers: Sequence[Container]) -> dict[str, Any]:
        """Data that the volumes with names do not hold."""
        anonymous = anonymous_names(volumes, containers)
        declared = {image: self._declared(image) for image in sorted({one.image for one in containers})}
        return {
            "anonymous": anonymous_rows(containers, anonymous, declared),
            "uncovered": uncovered_rows(containers, anonymous, declared),
            "shadowed": shadowed_rows(containers, anonymous, declared),
        }

    def _declared(self, image: str) -> frozenset[str] | None:
        try:
            return declared_paths(self._docker.image(image))
        except Problem as problem:
            self._warn(f"{problem} Which volumes the image declares is not known.")
            return None

    def _layers(self, containers: Sequence[Container], seconds: float) -> list[dict[str, Any]]:
        """A request or two for each container, which Docker answers by comparing folders, until the time is over.

        Each may take half of the time that is left, so that one with many files does not hide all the others.
        """
        deadline = time.monotonic() + seconds
        return [self._layer(one, (deadline - time.monotonic()) / 2) for one in containers]

    def _layer(self, one: Container, seconds: float) -> dict[str, Any]:
        if seconds <= 0:
            return unknown_row(one, "the time was over before it was looked at")
        targets = [mount.target for mount in one.mounts]
        try:
            changes = self._docker.changes(one.name, seconds)
            paths = written(changes, targets)
            if paths:
                paths = written(changes, targets + self._tmpfs(one))
        except Silent:
            return unknown_row(one, f"Docker needs more than {seconds:.1f} s to compare it with its image")
        except Problem as problem:
            return unknown_row(one, str(problem))
        return layer_row(one, paths)

    def _tmpfs(self, one: Container) -> list[str]:
        """Where ``docker run --tmpfs`` has mounted one, which Docker's list of containers does not tell."""
        container = DockerContainers(self._docker).find(one.id) or {}
        return [posixpath.normpath(path) for path in container.get("HostConfig", {}).get("Tmpfs") or ()]
