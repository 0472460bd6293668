# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at volumes: one list of containers for all, one inspect for each, and more only where the plan turns on it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..directories import _shape, _shaping
from ..directories._shaping import FirstIds
from ..engine._docker import Consumer, Docker
from ..engine._drivers import Drivers
from ..migrations import _journal as migration_journal
from ..migrations._interrupted import refuse_unfinished, seen_from_outside, with_those_away
from ..migrations._journal import VERIFIED, Journal
from ..migrations._migrating import Migrating
from ..runner._problem import Problem
from ..seeds import _journal as seed_journal
from ..seeds._plan import State
from ..seeds._room import STAGING, data_of
from ..seeds._seeding import Seeding
from ..trees._content import Content, content_of
from . import _host_mounts
from ._kind import kind_of
from ._last_backup import backup_of
from ._live_mount import live_differences, live_warnings, way_out
from ._outlook import Observed
from ._plan import NO_FACTS, migrates, needs_content
from ._provenance import load, update
from ._volume import UUID_LABEL, Desired, Volume, definition, fixed_root, hidden, observed

_DEFINITION = "opts.json"
"""Where the local driver writes the volume's options, beside its data."""


class Look:
    """One look at the volumes of a list. Every method raises :class:`Problem`."""

    def __init__(self, docker: Docker, seeding: Seeding, migrating: Migrating, first: FirstIds, mounts: bool) -> None:
        """``mounts``: whether a volume may be mounted for the look, which check mode must not do."""
        self._docker = docker
        self._seeding = seeding
        self._migrating = migrating
        self._first = first
        self._mounts = mounts

    def at(self, desired: Sequence[Desired], created: Mapping[str, str]) -> list[Observed | Problem]:
        """What the host tells of each. ``created``: by name, the UUIDs of the volumes that this call has created."""
        consumers = self._docker.consumers([wanted.name for wanted in desired])
        unfinished: frozenset[str] = frozenset()
        if self._docker.is_local and os.geteuid() == 0:
            consumers = with_those_away(consumers)
        else:
            unfinished = seen_from_outside(self._docker)
        drivers = Drivers(self._docker)
        seen: list[Observed | Problem] = []
        for wanted in desired:
            try:
                refuse_unfinished(wanted.name, unfinished)
                answer = drivers.volume(wanted.name, wanted.driver)
                volume = answer and self._volume(wanted, observed(answer), consumers[wanted.name], created)
                seen.append(self._observed(wanted, volume or None))
            except Problem as problem:
                seen.append(problem)
            except OSError as error:
                place = f" ({error.filename})" if error.filename else ""
                seen.append(
                    Problem(
                        f"volume {wanted.name}: could not be looked at: {error.strerror}{place}. Mend what the system "
                        "says, and run again."
                    )
                )
        return self._with_mounts(seen)

    def content(self, volume: Volume) -> Content:
        """What would go with the volume, as far as it can be seen from here."""
        kind = kind_of(volume.driver, volume.driver_options)
        if kind.is_mounted_by_docker:
            # What it shows lies elsewhere, or in memory that its last container has given back.
            return replace(Content(), beside=_beside(volume) if self._docker.is_local else ())
        if hidden(volume):
            return Content(unknown=hidden(volume))
        if not self._docker.is_local:
            return Content(unknown="it lies on the host behind docker_host")
        return replace(content_of(volume.mountpoint), beside=_beside(volume))

    def _volume(
        self, desired: Desired, volume: Volume, consumers: tuple[Consumer, ...], created: Mapping[str, str]
    ) -> Volume:
        """With what Docker's inspect does not tell; what it holds and its backup only where the plan turns on them."""
        label = volume.labels.get(UUID_LABEL)
        volume = replace(volume, consumers=consumers, is_fresh=label is not None and created.get(volume.name) == label)
        if self._docker.is_local:
            volume = replace(volume, provenance=load(volume.name, label))
        if not needs_content(desired, volume):
            return volume
        backup = backup_of(volume.name) if self._docker.is_local else ""
        return replace(volume, content=self.content(volume), backup=backup)

    def _observed(self, desired: Desired, volume: Volume | None) -> Observed:
        if not self._docker.is_local:
            _refuse_remote(desired)
            return Observed(volume)
        if os.geteuid() != 0:
            _refuse_unprivileged(desired)
            return Observed(volume)
        interrupted = migration_journal.load(desired.name)
        return Observed(
            volume,
            interrupted,
            self._migrating.facts(volume, definition(desired, volume), desired.data, interrupted)
            if volume and migrates(desired, volume) and not _is_proved(interrupted)
            else NO_FACTS,
            self._first_content(desired, volume),
            self._shape(desired, volume) if volume and not interrupted else None,
            warnings=self._unseen(desired, volume),
        )

    def _first_content(self, desired: Desired, volume: Volume | None) -> State:
        if desired.seed is None and seed_journal.load(desired.name) is None:
            return State()
        return self._seeding.observe(desired.seed, desired.name, volume, may_mount=self._mounts)

    def _shape(self, desired: Desired, volume: Volume) -> _shape.Seen | None:
        if desired.wish is None or not desired.present or not self._can_see(volume):
            return None
        first_use = volume.provenance.hands_down and not volume.consumers
        with data_of(self._docker, volume, f"look at {volume.name}") as root:
            seen = _shaping.look(f"volume {volume.name}", str(root), desired.wish, self._first, first_use)
        if volume.provenance.hands_down and self._mounts and (volume.consumers or not seen.strangers):
            # Its first use has come: from now on what lies in it belongs to whoever wrote it.
            update(volume.name, volume.labels.get(UUID_LABEL), hands_down=False)
        return seen

    def _can_see(self, volume: Volume) -> bool:
        return self._mounts or bool(fixed_root(volume))

    def _unseen(self, desired: Desired, volume: Volume | None) -> tuple[str, ...]:
        if desired.wish is None or not desired.present or volume is None or self._can_see(volume):
            return ()
        told = (
            f"volume {volume.name}: its owner, mode and directories are not compared in check mode, since it is "
            "mounted only while a container uses it."
        )
        return (told,)

    def _with_mounts(self, seen: Sequence[Observed | Problem]) -> list[Observed | Problem]:
        """With what is mounted now, for which the host is asked once for all."""
        volumes = [each.volume for each in seen if isinstance(each, Observed) and each.volume]
        if not self._docker.is_local:
            return list(seen)
        mounts = _host_mounts.look(volumes, self._docker)
        return [
            replace(
                each,
                live=tuple(live_differences(each.volume, mounts)),
                live_way_out=way_out(each.volume),
                warnings=(*each.warnings, *live_warnings(each.volume, mounts)),
            )
            if isinstance(each, Observed) and each.volume
            else each
            for each in seen
        ]


def _is_proved(interrupted: Journal | None) -> bool:
    return interrupted is not None and interrupted.has_reached(VERIFIED)


def _refuse_remote(desired: Desired) -> None:
    """What is done with the data itself, or remembered, is done on the host where the data is."""
    for option in _of_the_host(desired):
        raise Problem(
            f"volume {desired.name}: {option}: needs the volume's own host, the one behind docker_host. Run the task "
            f"there, or leave {option} out."
        )


def _refuse_unprivileged(desired: Desired) -> None:
    for option in _of_the_host(desired):
        raise Problem(f"volume {desired.name}: {option}: needs root. Set become: true on the task.")


def _of_the_host(desired: Desired) -> list[str]:
    """The options of the task that need the host's root."""
    wanted = {
        "on_drift: migrate": desired.on_drift == "migrate",
        "protected": desired.protected is not None,
        **({desired.seed.option.partition(".")[0]: True} if desired.seed else {}),
        "owner, group, mode, directories": desired.wish is not None,
    }
    return [option for option, is_wanted in wanted.items() if is_wanted]


def _beside(volume: Volume) -> tuple[str, ...]:
    """What lies beside the data in the volume's own folder, as a restore keeps it: Docker removes it too."""
    folder, data = os.path.split(volume.mountpoint)
    if os.path.basename(folder) != volume.name:
        return ()
    try:
        names = sorted(os.listdir(folder))
    except FileNotFoundError:
        return ()
    except OSError as error:
        return (str(Content(unknown=f"{folder}: {error.strerror}")),)
    paths = [os.path.join(folder, name) for name in names if name not in (data, _DEFINITION, STAGING)]
    found = {path: content_of(path) for path in paths}
    return tuple(f"{content} in {path}" for path, content in found.items() if not content.is_empty)
