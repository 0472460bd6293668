# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to containers, and for their sake, over the connection of a :class:`Docker`.

``container`` is an id, which no other container gets later; ``name`` is what a person knows it by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from ..runner._problem import Problem
from ._docker import Docker

PATIENCE = 10
"""Seconds that Docker gives a container to stop when it names no time of its own."""
_REMOVAL = 3600
"""Seconds for the removal of a volume: Docker deletes all its files before it answers."""


class DockerContainers:
    """Every method raises :class:`Problem`, which says what was being done."""

    def __init__(self, docker: Docker) -> None:
        self._docker = docker

    def root_directory(self) -> str:
        """Where the daemon keeps its data on its host."""
        with self._docker.request("asking for its root directory") as client:
            return str(client.info()["DockerRootDir"])

    def find(self, container: str) -> dict[str, Any] | None:
        """The container as Docker inspects it, by id or name; None when there is none."""
        with self._docker.request(f"looking at container {container}") as client:
            try:
                return dict(client.inspect_container(container))
            except self._docker.not_found:
                return None

    def all(self) -> list[dict[str, Any]]:
        """Every container as Docker inspects it, running or not; one that goes meanwhile is left out."""
        with self._docker.request("listing the containers") as client:
            listed = client.containers(all=True)
        found = [self.find(entry["Id"]) for entry in listed]
        return [container for container in found if container is not None]

    def labelled(self, label: str) -> list[str]:
        """The ids of the containers with this label ("name" or "name=value")."""
        with self._docker.request(f"looking for containers labelled {label}") as client:
            return [str(entry["Id"]) for entry in client.containers(all=True, filters={"label": label})]

    def create(self, name: str, config: Mapping[str, Any]) -> str:
        """Create a container from the body of Docker's own request; its id."""
        with self._docker.request(f"creating container {name}") as client:
            return str(client.create_container_from_config(dict(config), name)["Id"])

    def start(self, container: str, name: str) -> None:
        """Start it; one that runs already is left alone."""
        with self._docker.request(f"starting container {name}") as client:
            client.start(container)

    def stop(self, container: str, name: str, seconds: int | None) -> None:
        """Stop it as ``docker stop`` does, with the seconds that it gives itself; one that is gone is stopped."""
        with self._docker.request(f"stopping container {name}") as client:
            try:
                client.stop(container, timeout=PATIENCE if seconds is None else seconds)
            except self._docker.not_found:
                return

    def await_stop(self, container: str, seconds: float) -> None:
        """Wait so long for a stop that somebody asked for, whether it comes or not."""
        with suppress(Problem), self._docker.request("waiting for a container to stop") as client:
            client.wait(container, timeout=seconds, condition="not-running")

    def pause(self, container: str, name: str) -> None:
        with self._docker.request(f"pausing container {name}") as client:
            client.pause(container)

    def unpause(self, container: str, name: str) -> None:
        with self._docker.request(f"unpausing container {name}") as client:
            client.unpause(container)

    def set_restart_policy(self, container: str, name: str, policy: Mapping[str, Any]) -> None:
        with self._docker.request(f"setting the restart policy of container {name}") as client:
            client.update_container(container, restart_policy=dict(policy))

    def rename(self, container: str, name: str) -> None:
        with self._docker.request(f"naming container {name}") as client:
            client.rename(container, name)

    def remove(self, container: str, force: bool = False) -> None:
        """Remove it and leave its anonymous volumes; one that is gone is removed already."""
        with self._docker.request(f"removing container {container}") as client:
            try:
                client.remove_container(container, v=False, force=force)
            except self._docker.not_found:
                return

    def connect(self, network: str, container: str, endpoint: Mapping[str, Any]) -> None:
        """Connect it to a network, with all that Docker knows of an endpoint, also what the SDK has no word for."""
        with self._docker.request(f"connecting a container to network {network}") as client:
            response = client.post(
                f"{client.base_url}/v{client.api_version}/networks/{network}/connect",
                json={"Container": container, "EndpointConfig": dict(endpoint)},
                timeout=client.timeout,
            )
        _refuse_error(response, f"could not connect a container to network {network}")

    def disconnect(self, network: str, container: str) -> None:
        with self._docker.request(f"disconnecting a container from network {network}") as client:
            client.disconnect_container_from_network(container, network)

    def has_network(self, network: str) -> bool:
        with self._docker.request(f"looking at network {network}") as client:
            try:
                client.inspect_network(network)
            except self._docker.not_found:
                return False
            return True

    def image_id(self, image: str) -> str:
        """The id behind a reference or an id; empty when there is no such image."""
        with self._docker.request(f"looking at image {image}") as client:
            try:
                return str(client.inspect_image(image)["Id"])
            except self._docker.not_found:
                return ""

    def has_image(self, image: str) -> bool:
        return bool(self.image_id(image))

    def import_image(self, image: str, content: bytes, labels: Mapping[str, str]) -> None:
        """Make an image of one layer out of a tar archive."""
        repository, tag = image.rsplit(":", 1)
        changes = [f'LABEL "{label}"="{value}"' for label, value in labels.items()]
        with self._docker.request(f"importing image {image}") as client:
            answer = client.import_image_from_data(content, repository=repository, tag=tag, changes=changes)
        if not self.has_image(image):
            raise Problem(f"image {image}: Docker did not make it: {answer}. See journalctl -u docker.")

    def changes(self, container: str) -> list[dict[str, Any]]:
        """What differs between its layer and its image, as ``docker diff`` tells it; nothing of one that is gone."""
        with self._docker.request(f"looking for what container {container} wrote to its own layer") as client:
            try:
                return list(client.diff(container) or ())
            except self._docker.not_found:
                return []

    def export(self, container: str) -> Iterator[bytes]:
        """Its file system without its volumes, as a tar archive."""
        with self._docker.request(f"reading the file system of container {container}") as client:
            yield from client.export(container)

    def unpack(self, container: str, archive: Iterable[bytes]) -> None:
        """Unpack a tar archive at the root of the container, which need not run."""
        with self._docker.request(f"writing to the file system of container {container}") as client:
            client.put_archive(container, "/", archive)

    def has_volume(self, name: str) -> bool:
        return self._docker.volume(name) is not None

    def remove_volume(self, name: str) -> None:
        """Remove a volume, however long Docker is busy with its files; one that is gone is removed already."""
        with self._docker.request(f"removing volume {name}") as client:
            url = f"{client.base_url}/v{client.api_version}/volumes/{quote(name, safe='')}"
            response = client.delete(url, timeout=_REMOVAL)
        if response.status_code != 404:
            _refuse_error(response, f"could not remove volume {name}")


def _refuse_error(response: Any, what: str) -> None:
    if response.status_code < 400:
        return
    try:
        why = str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        why = f"status {response.status_code}"
    raise Problem(f"Docker {what}: {why.strip().rstrip('.')}.")
