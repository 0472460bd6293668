# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one-time container that makes the first content of a volume, and goes with what belongs to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..engine._containers import DockerContainers
from ..engine._docker import Docker
from ..runner._problem import Problem
from ..volumes._driver_options import HIDDEN, secrets
from ._seed import Seed

LABEL = "holdfast.seed"
"""On the container, with the volume's name as the value."""
_LINES = 20


def run(docker: Docker, seed: Seed, volume: str, tree: Path) -> None:
    """Run the image's command with ``tree`` at the seed's path. Problem unless it ends with status 0 in its time."""
    containers = DockerContainers(docker)
    name = f"holdfast-seed-{re.sub('[^a-zA-Z0-9_.-]', '-', volume)}"
    container = containers.create(name, _config(seed, volume, tree))
    with _removed(docker, container):
        containers.start(container, name)
        status = _wait(docker, containers, container, seed)
        if status != 0:
            said = _output(docker, container, seed)
            raise Problem(f"the command ended with status {status}. {said}")


def remove_containers(docker: Docker, volume: str) -> None:
    """Remove what a killed run left, however busy it still is."""
    for container in DockerContainers(docker).labelled(f"{LABEL}={volume}"):
        _remove(docker, container)


def _config(seed: Seed, volume: str, tree: Path) -> dict[str, Any]:
    return {
        "Image": seed.source,
        **({} if seed.command is None else {"Cmd": list(seed.command)}),
        **({"User": seed.user} if seed.user else {}),
        "Env": [f"{name}={value}" for name, value in seed.environment.items()],
        "Labels": {LABEL: volume},
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": {
            # A bind of this form and not a mount: only here can Docker be told to give it the containers' SELinux type.
            "Binds": [f"{tree}:{seed.path}:z"],
            "NetworkMode": seed.network,
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "1m"}},
        },
    }


def _wait(docker: Docker, containers: DockerContainers, container: str, seed: Seed) -> int:
    """The exit status. However the waiting ends, the container's own state is what counts."""
    import requests

    # The SDK's two ways to say that the time is over.
    over = (requests.exceptions.Timeout, requests.exceptions.ConnectionError)
    with docker.request(f"waiting for the command in image {seed.source}") as client, suppress(*over):
        client.wait(container, timeout=seed.timeout or None)
    found = containers.find(container)
    if found is None:
        raise Problem("its container was removed by somebody while it ran. Run again.")
    if found["State"]["Running"]:
        said = _output(docker, container, seed)
        raise Problem(f"the command did not end within {seed.timeout} s. {said} Set a longer seed.timeout.")
    return int(found["State"]["ExitCode"])


def _output(docker: Docker, container: str, seed: Seed) -> str:
    """The last lines that it wrote, without the secrets in its environment."""
    with docker.request(f"reading the output of image {seed.source}") as client:
        text = client.logs(container, tail=_LINES).decode(errors="replace").strip()
    for secret in secrets(seed.environment):
        text = text.replace(secret, HIDDEN)
    return f"Its last lines: {text}" if text else "It wrote nothing to its output."


@contextmanager
def _removed(docker: Docker, container: str) -> Iterator[None]:
    try:
        yield
    finally:
        _remove(docker, container)


def _remove(docker: Docker, container: str) -> None:
    """With the anonymous volumes that its image asks for."""
    with docker.request(f"removing container {container}") as client:
        try:
            client.remove_container(container, v=True, force=True)
        except docker.not_found:
            return
