# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The containers of a migration: seen, stopped, removed, created again, started. Every step may be repeated."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..engine import _layer_copy
from ..engine._containers import PATIENCE, DockerContainers
from ..engine._holder import LABEL
from ..engine._recreation import bound_sources, creation, layer, name_of, networks_of, references, volumes_of
from ..runner._problem import Problem
from ._check import User
from ._consumer_order import concerned
from ._journal import CLEARING, Held, Journal

_SERVICE = "com.docker.swarm.service.name"
_ACTIVE = ("running", "restarting", "paused")
_LEEWAY = 5
"""Seconds for a container to be down once its time to stop is over."""
_NEVER = {"Name": "no", "MaximumRetryCount": 0}


class MigrationContainers:
    """The containers that use one volume, and those that cannot be without them."""

    def __init__(self, containers: DockerContainers, warn: Callable[[str], None]) -> None:
        self._containers = containers
        self._warn = warn

    def concerned(self, volume: str) -> list[Mapping[str, Any]]:
        """As Docker inspects them, in the order in which they are stopped."""
        return concerned(self.all(), volume)

    def all(self) -> list[dict[str, Any]]:
        """Every container of this host but the holders of this collection."""
        return [one for one in self._containers.all() if not _is_holder(one)]

    def binders(self, containers: Sequence[Mapping[str, Any]], folder: str) -> tuple[str, ...]:
        """Those that run and bind the folder, or something in it, by its path."""
        found = []
        for container in containers:
            sources = [mount.get("Source") or "" for mount in container.get("Mounts") or () if mount["Type"] == "bind"]
            inside = any(
                source == folder or source.startswith(f"{folder}/") for source in map(os.path.realpath, sources)
            )
            if inside and container["State"]["Status"] in _ACTIVE:
                found.append(name_of(container))
        return tuple(sorted(found))

    def users(self, concerned_ones: Sequence[Mapping[str, Any]]) -> tuple[User, ...]:
        """What matters of them."""
        return tuple(map(self._user, concerned_ones))

    def held(self, container: Mapping[str, Any], written: int) -> Held:
        """What has to be known of it once it is gone. ``written``: how many paths of its layer are carried over."""
        return Held(container["Id"], name_of(container), container["State"]["Status"], container, unsaved=written)

    def active(self, volume: str) -> list[str]:
        """The names of those that run now."""
        return [name_of(one) for one in self.concerned(volume) if one["State"]["Status"] in _ACTIVE]

    def stop(self, journal: Journal, held: Held) -> None:
        """Stop it, and see to it that a start of the daemon does not start it again; one that is gone is stopped."""
        found = self._containers.find(held.id)
        if found is None:
            return
        if found["HostConfig"]["RestartPolicy"]["Name"] == "always":
            self._containers.set_restart_policy(held.id, held.name, _NEVER)
        if found["State"]["Status"] == "paused":
            self._containers.unpause(held.id, held.name)
        journal.stopping = held.name
        journal.save()
        self._containers.stop(held.id, held.name, found["Config"].get("StopTimeout"))
        journal.stopping = ""
        journal.save()

    def keep_layer(self, journal: Journal, held: Held) -> None:
        """Save what it wrote to its own layer, now that it writes no more; what was saved is not lost with it."""
        if self._containers.find(held.id) is None:
            return
        found = layer(held.inspect, self._containers.changes(held.id))
        if found.written:
            _layer_copy.save(self._containers, held.id, found.written, journal.archive(held))
        held.written, held.unsaved = list(found.written), 0

    def bring_back(self, journal: Journal, held: Held) -> None:
        """Let it be as it was before the migration began, which did not touch it but for a stop."""
        if journal.stopping == held.name:
            # Docker goes on with what a killed run asked for, and only then can it be started.
            patience = held.inspect["Config"].get("StopTimeout")
            self._containers.await_stop(held.id, (PATIENCE if patience is None else patience) + _LEEWAY)
        # By its name, it was created again meanwhile, for example for another volume that it uses too.
        found = self._containers.find(held.id) or self._named(held.name)
        if found is not None and found["Id"] == held.id and self._needs_one_that_is_gone(journal, found):
            self._containers.stop(held.id, held.name, found["Config"].get("StopTimeout"))
            self.keep_layer(journal, held)
            journal.save()
            self._containers.remove(held.id)
            found = None
        obstacle = "" if found or held.ran else self._obstacle(held.inspect)
        if obstacle:
            # Nobody stopped it: it went as it would have without a migration, before anything was kept for it.
            self._warn(f"container {held.name}: was removed by somebody, and was not created again: {obstacle}")
            return
        if found is None:
            self._start(held, self._create(journal, held))
            return
        policy = held.inspect["HostConfig"]["RestartPolicy"]
        if found["HostConfig"]["RestartPolicy"]["Name"] != policy["Name"]:
            self._containers.set_restart_policy(found["Id"], held.name, policy)
        self._start(held, found["Id"])

    def remove(self, held: Held) -> None:
        """Remove the container as it was; its volumes stay."""
        self._containers.remove(held.id)

    def create(self, journal: Journal, held: Held) -> None:
        """Create it again under its name, unless there is one, and let it run when it did."""
        found = self._named(held.name)
        if found is None:
            container = self._create(journal, held)
        elif found["Id"] == held.id and journal.is_given_up:
            self.bring_back(journal, held)
            return
        elif found["Id"] == held.id:
            raise Problem(f"container {held.name}: should have been removed and is there. Run again.")
        else:
            # Only a complete one bears the name: ours, or one that somebody created in the meantime.
            container = found["Id"]
        self._start(held, container)

    def _named(self, name: str) -> dict[str, Any] | None:
        """Docker finds a container by the beginning of its id, too."""
        found = self._containers.find(name)
        return found if found and name_of(found) == name else None

    def _needs_one_that_is_gone(self, journal: Journal, container: Mapping[str, Any]) -> bool:
        """It lives in the namespaces of a container that got another id: it could not be started any more."""
        needed = [other for other in journal.containers if other.id in references(container)]
        return any(self._containers.find(other.id) is None for other in needed)

    def _create(self, journal: Journal, held: Held) -> str:
        """Under another name until it is complete, so that the next run tells it from one that is not."""
        obstacle = self._obstacle(held.inspect)
        if obstacle:
            raise Problem(f"container {held.name}: was not created again: {obstacle}")
        unfinished = f"{held.name}.holdfast-new"
        left = self._containers.find(unfinished)
        if left is not None:
            self._containers.remove(left["Id"], force=True)
        asked = creation(
            held.inspect,
            self._image(held),
            journal.volume,
            (journal.new if journal.has_reached(CLEARING) else journal.old).driver,
            {other.id: other.name for other in journal.containers},
        )
        container = self._containers.create(unfinished, asked.config)
        for network, endpoint in asked.connect.items():
            self._containers.connect(network, container, endpoint)
        for network in asked.disconnect:
            self._containers.disconnect(network, container)
        if held.written:
            _layer_copy.restore(self._containers, container, journal.archive(held))
        self._containers.rename(container, held.name)
        if held.unsaved:
            self._warn(
                f"container {held.name}: was removed by somebody during the migration, before what it had written to "
                f"its own layer was saved: {held.unsaved:,} paths are lost. It was created again without them."
            )
        return container

    def _image(self, held: Held) -> str:
        """The reference that it was created from, as long as that is the same image; else the image's id."""
        reference, image = str(held.inspect["Config"]["Image"]), str(held.inspect["Image"])
        if self._containers.image_id(reference) == image:
            return reference
        self._warn(
            f"container {held.name}: {reference} is another image by now; it was created again from the same image as "
            f"before, {image}."
        )
        return image

    def _start(self, held: Held, container: str) -> None:
        found = self._containers.find(container)
        state = found["State"]["Status"] if found else ""
        if held.ran and state not in _ACTIVE:
            self._containers.start(container, held.name)
        if held.state == "paused" and state != "paused":
            self._containers.pause(container, held.name)

    def _user(self, container: Mapping[str, Any]) -> User:
        changed = layer(container, self._containers.changes(container["Id"]))
        return User(
            id=container["Id"],
            name=name_of(container),
            state=container["State"]["Status"],
            patience=container["Config"].get("StopTimeout"),
            removes_itself=bool(container["HostConfig"].get("AutoRemove")),
            service=(container["Config"].get("Labels") or {}).get(_SERVICE, ""),
            written=len(changed.written),
            deleted=changed.deleted,
            obstacle=self._obstacle(container),
        )

    def _obstacle(self, container: Mapping[str, Any]) -> str:
        if not self._containers.has_image(container["Image"]):
            return f"its image {container['Config']['Image']} ({container['Image']}) is gone. Load it, and run again."
        for network in networks_of(container):
            if not self._containers.has_network(network):
                return f"its network {network} is gone. Create it, and run again."
        for source in bound_sources(container):
            if not os.path.exists(source):
                return f"{source}, which it binds, is gone. Bring it back, and run again."
        for volume in sorted(volumes_of(container)):
            if not self._containers.has_volume(volume):
                # Docker would make an empty one, and nobody would know.
                return (
                    f"its volume {volume} is gone. Bring it back, or create it empty (docker volume create), and run "
                    "again."
                )
        return ""


def _is_holder(container: Mapping[str, Any]) -> bool:
    return LABEL in (container["Config"].get("Labels") or {})
