# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes volumes: carries out the actions of a plan, each by whom it concerns."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

from .._pipeline import Action
from ..directories import _shape, _shaping
from ..directories._shaping import FirstIds
from ..engine._docker import Docker
from ..engine._drivers import Drivers
from ..engine._holder import let_go
from ..migrations import _migration
from ..migrations._migrating import Migrating
from ..runner._problem import Problem
from ..seeds._room import data_of
from ..seeds._seeding import Seeding
from ._first_use import prove, reach
from ._kind import explained
from ._look import Look
from ._provenance import forget, load, update
from ._volume import UUID_LABEL, Definition, Desired, Volume, definition, observed


class Changes:
    """The changes of one call, over one connection. Every method raises :class:`Problem`."""

    def __init__(self, docker: Docker, look: Look, seeding: Seeding, migrating: Migrating, first: FirstIds) -> None:
        self._docker = docker
        self._look = look
        self._seeding = seeding
        self._migrating = migrating
        self._first = first
        self.created: dict[str, str] = {}
        """By name, the UUIDs of the volumes that were created."""
        self._shaped: set[str] = set()
        """The volumes whose first content was put in place in their shape."""

    @cached_property
    def _drivers(self) -> Drivers:
        """Asked once for all that are to be created."""
        return Drivers(self._docker)

    def carry_out(self, desired: Desired, before: Volume | None, action: Action) -> None:
        """Do one action of the plan. ``before``: the volume when the plan was made."""
        if action.verb in _migration.VERBS:
            self._migrating.carry_out(desired.name, definition(desired, before), action)
        elif action.verb.startswith("seed"):
            self._seed(desired, action)
        elif action.verb == _shape.VERB:
            self._shape(desired, action)
        elif action.verb == "remove" and before is not None:
            self._remove(before, expects_data=bool(action.destroys))
        elif action.verb == "create":
            self._create(desired, before)
        else:
            self._protect(desired.name, action.verb == "protect")

    def _remove(self, volume: Volume, expects_data: bool) -> None:
        """Remove the volume; what filled since the plan said that it was empty is not removed."""
        content = self._look.content(volume)
        if not expects_data and not content.is_empty:
            raise Problem(
                f"volume {volume.name}: was not removed: it was empty when the plan was made and now holds {content}. "
                "Find out who writes into it, and run again."
            )
        if self._docker.is_local:
            let_go(self._docker, volume.name)
        self._docker.remove_volume(volume.name)
        if self._docker.is_local:
            forget(volume.name)

    def _create(self, desired: Desired, replaced: Volume | None) -> None:
        """Create the volume; where that fails after a removal, put the previous definition back."""
        wanted = definition(desired, replaced)
        try:
            self._drivers.check(wanted.driver)
            self._create_proved(desired, wanted)
        except Problem as problem:
            told = self._drivers.named(explained(problem, wanted.driver_options), wanted.driver)
            if replaced is None:
                raise told from problem
            self._create_new(desired, definition(Desired(desired.name), replaced))
            raise Problem(f"{told} The volume was created again as it was before, empty.") from problem

    def _create_proved(self, desired: Desired, wanted: Definition) -> None:
        """Create it; one on a server that cannot be used there goes again, for containers would wait for it."""
        if not self._docker.is_local or not desired.is_proved:
            self._create_new(desired, wanted)
            return
        reach(desired.name, wanted)
        self._create_new(desired, wanted)
        try:
            prove(self._docker, observed(self._answer(desired.name)))
        except (Problem, OSError):
            self._docker.remove_volume(desired.name)
            del self.created[desired.name]
            raise

    def _create_new(self, desired: Desired, wanted: Definition) -> None:
        """Docker answers success for a name that exists already, with the other volume: only the UUID tells."""
        name, own = desired.name, str(uuid.uuid4())
        if desired.wish is not None and desired.wish.recurse:
            # Before the volume is there, so that a kill in between does not make its first use an ordinary one.
            update(name, own, hands_down=True)
        answer = self._docker.create_volume(
            name, wanted.driver, wanted.driver_options, {**wanted.labels, UUID_LABEL: own}
        )
        if (answer.get("Labels") or {}).get(UUID_LABEL) != own:
            raise Problem(
                f"volume {name}: was not created: somebody else created a volume of this name in the meantime, "
                "and Docker returned that one. Run again to compare it with what is declared."
            )
        self.created[name] = own

    def _seed(self, desired: Desired, action: Action) -> None:
        if desired.wish is not None and desired.wish.recurse:
            update(desired.name, _label(self._answer(desired.name)), hands_down=True)
        self._seeding.carry_out(
            desired.seed, desired.name, action, desired.quiesce, lambda tree: self._shape_whole(desired, tree)
        )

    def _shape_whole(self, desired: Desired, tree: Path) -> None:
        """Give a first content its shape before containers see it: they start as soon as it is in place."""
        if desired.wish is None:
            return
        noun = f"volume {desired.name}"
        seen = _shaping.look(noun, str(tree), desired.wish, self._first, first_use=True)
        for step in _shape.actions(noun, desired.wish, seen):
            _shaping.carry_out(str(tree), step, self._first)
        self._shaped.add(desired.name)

    def _shape(self, desired: Desired, action: Action) -> None:
        answer = self._answer(desired.name)
        if desired.name not in self._shaped:
            with data_of(self._docker, observed(answer), f"shape {desired.name}") as root:
                _shaping.carry_out(str(root), action, self._first)
        if "wish" in action.details:
            update(desired.name, _label(answer), hands_down=False)

    def _protect(self, name: str, protected: bool) -> None:
        """A volume of others has no UUID in a label: this host gives it one, so that there is something to confirm."""
        label = _label(self._answer(name))
        known = load(name, label)
        update(name, label, uuid=known.uuid or str(uuid.uuid4()), protected=protected)

    def _answer(self, name: str) -> Mapping[str, object]:
        answer = self._docker.volume(name)
        if answer is None:
            raise Problem(f"volume {name}: is gone since it was looked at. Run again.")
        return answer


def _label(answer: Mapping[str, object]) -> str | None:
    return observed(answer).labels.get(UUID_LABEL)
