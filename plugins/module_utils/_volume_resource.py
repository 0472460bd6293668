# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker volumes as a resource of the pipeline: reads and changes them; what to do is decided in ``_volume``."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ._content import Content, content_of
from ._docker import Consumer, Docker, NotInstalled
from ._last_backup import backup_of
from ._pipeline import Action, Plan, Resource
from ._provenance import forget, load, update
from ._volume import UUID_LABEL, Definition, Desired, Volume, definition, desire, hidden, observed
from ._volume_plan import needs_content, plan
from .runner._problem import Problem

_DEFINITION = "opts.json"
"""Where the local driver writes the volume's options, beside its data."""


class VolumeResource(Resource[Desired, "Volume | None"]):
    """The volumes of one Docker daemon, over one connection."""

    noun = "volume"
    plural = "volumes"

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._connection: Docker | None = None
        self._seen: dict[str, Volume] = {}
        """The volumes before the apply, by name."""
        self._created: dict[str, str] = {}
        """By name: the UUID of what this call created."""

    @property
    def _docker(self) -> Docker:
        if self._connection is None:
            self._connection = Docker(self._module.params)
        return self._connection

    def desire(self, item: Mapping[str, Any]) -> Desired:
        return desire(item)

    def plan(self, desired: Desired, observed: Volume | None) -> Plan:
        return plan(desired, observed)

    def observe(self, desired: Sequence[Desired]) -> Sequence[Volume | Problem | None]:
        """One inspect for each volume and one list of containers for all; content is counted where it matters."""
        if not desired:
            return []
        try:
            consumers = self._docker.consumers([wanted.name for wanted in desired])
        except NotInstalled as problem:
            if not self._module.check_mode:
                raise
            self._module.warn(f"{problem} In check mode the module goes on as with a Docker that has no volumes.")
            return [None] * len(desired)
        seen: list[Volume | Problem | None] = []
        for wanted in desired:
            try:
                answer = self._docker.volume(wanted.name)
            except Problem as problem:
                seen.append(problem)
                continue
            try:
                seen.append(answer and self._with_details(wanted, observed(answer), consumers[wanted.name]))
            except Problem as problem:
                seen.append(problem)
        self._seen = {volume.name: volume for volume in seen if isinstance(volume, Volume)}
        return seen

    def apply(self, desired: Desired, action: Action) -> None:
        if action.verb == "remove":
            self._remove(self._seen[desired.name], expects_data=bool(action.destroys))
        elif action.verb == "create":
            self._create(desired)
        else:
            self._protect(desired, action.verb == "protect")

    def _with_details(self, desired: Desired, volume: Volume, consumers: tuple[Consumer, ...]) -> Volume:
        """With what Docker's inspect does not tell; what it holds and its backup only where the plan turns on them."""
        label = volume.labels.get(UUID_LABEL)
        is_fresh = label is not None and self._created.get(volume.name) == label
        volume = replace(volume, consumers=consumers, is_fresh=is_fresh)
        if self._docker.is_local:
            volume = replace(volume, provenance=load(volume.name, label))
        elif desired.protected is not None:
            raise Problem(
                f"volume {desired.name}: protected: is remembered on the volume's own host, the one behind "
                f"{self._module.params['docker_host']}. Run the task there, or leave protected out."
            )
        if not needs_content(desired, volume):
            return volume
        backup = backup_of(volume.name) if self._docker.is_local else ""
        return replace(volume, content=self._content(volume), backup=backup)

    def _content(self, volume: Volume) -> Content:
        """What the volume holds, as far as it can be seen from here."""
        if hidden(volume):
            return Content(unknown=hidden(volume))
        if not self._docker.is_local:
            return Content(unknown=f"it lies on the host behind {self._module.params['docker_host']}")
        return replace(content_of(volume.mountpoint), beside=_beside(volume))

    def _remove(self, volume: Volume, expects_data: bool) -> None:
        """Remove the volume; what filled since the plan said that it was empty is not removed."""
        content = self._content(volume)
        if not expects_data and not content.is_empty:
            raise Problem(
                f"volume {volume.name}: was not removed: it was empty when the plan was made and now holds {content}. "
                "Find out who writes into it, and run again."
            )
        self._docker.remove_volume(volume.name)
        if self._docker.is_local:
            forget(volume.name)

    def _create(self, desired: Desired) -> None:
        """Create the volume; where that fails after a removal, put the previous definition back."""
        replaced = self._seen.get(desired.name)
        try:
            self._create_new(desired.name, definition(desired, replaced))
        except Problem as problem:
            if replaced is None:
                raise
            self._create_new(desired.name, definition(Desired(desired.name), replaced))
            raise Problem(f"{problem} The volume was created again as it was before, empty.") from problem

    def _create_new(self, name: str, wanted: Definition) -> None:
        """Docker answers success for a name that exists already, with the other volume: only the UUID tells."""
        own = str(uuid.uuid4())
        answer = self._docker.create_volume(
            name, wanted.driver, wanted.driver_options, {**wanted.labels, UUID_LABEL: own}
        )
        if (answer.get("Labels") or {}).get(UUID_LABEL) != own:
            raise Problem(
                f"volume {name}: was not created: somebody else created a volume of this name in the meantime, "
                "and Docker returned that one. Run again to compare it with what is declared."
            )
        self._created[name] = own

    def _protect(self, desired: Desired, protected: bool) -> None:
        """A volume of others has no UUID in a label: this host gives it one, so that there is something to confirm."""
        name = desired.name
        label = self._created.get(name) or self._seen[name].labels.get(UUID_LABEL)
        known = load(name, label)
        update(name, label, uuid=known.uuid or str(uuid.uuid4()), protected=protected)


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
    paths = [os.path.join(folder, name) for name in names if name not in (data, _DEFINITION)]
    found = {path: content_of(path) for path in paths}
    return tuple(f"{content} in {path}" for path, content in found.items() if not content.is_empty)
