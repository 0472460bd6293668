# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker volumes as a resource of the pipeline: what to do is decided in ``_outlook``, and done elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._pipeline import Action, Plan, Resource
from ..directories._shaping import SAME, FirstIds, first_ids
from ..engine._docker import Docker, NotInstalled
from ..migrations._migrating import Migrating
from ..runner._problem import Problem
from ..seeds._seeding import Seeding
from ._changes import Changes
from ._look import Look
from ._outlook import Observed, outlook
from ._volume import Desired, Volume, desire


class VolumeResource(Resource[Desired, Observed]):
    """The volumes of one Docker daemon, over one connection."""

    noun = "volume"
    plural = "volumes"

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._needs_ids = False
        self._before: dict[str, Volume] = {}
        """The volumes before the apply, by name."""

    def desire(self, item: Mapping[str, Any]) -> Desired:
        desired = desire(item)
        sent = (self._module.params["_sent"] or {}).get(desired.name)
        if sent and desired.seed is not None:
            desired = replace(desired, seed=replace(desired.seed, sent=sent))
        self._needs_ids |= desired.wish is not None or desired.seed is not None
        return desired

    def plan(self, desired: Desired, observed: Observed) -> Plan:
        return outlook(desired, observed)

    def observe(self, desired: Sequence[Desired]) -> Sequence[Observed | Problem]:
        if not desired:
            return []
        try:
            seen = self._look.at(desired, self._changes.created)
        except NotInstalled as problem:
            if not self._module.check_mode:
                raise
            self._module.warn(f"{problem} In check mode the module goes on as with a Docker that has no volumes.")
            return [Observed()] * len(desired)
        self._before = {each.volume.name: each.volume for each in seen if isinstance(each, Observed) and each.volume}
        return seen

    def apply(self, desired: Desired, action: Action) -> None:
        self._changes.carry_out(desired, self._before.get(desired.name), action)

    @cached_property
    def _docker(self) -> Docker:
        return Docker(self._module.params)

    @cached_property
    def _first(self) -> FirstIds:
        """Asked for only where owners matter."""
        return first_ids(self._docker.info()) if self._needs_ids and self._docker.is_local else SAME

    @cached_property
    def _seeding(self) -> Seeding:
        return Seeding(self._docker, self._module.warn, self._first.uid)

    @cached_property
    def _migrating(self) -> Migrating:
        return Migrating(self._docker, self._module.warn)

    @cached_property
    def _look(self) -> Look:
        return Look(self._docker, self._seeding, self._migrating, self._first, mounts=not self._module.check_mode)

    @cached_property
    def _changes(self) -> Changes:
        return Changes(self._docker, self._look, self._seeding, self._migrating, self._first)
