# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep containers still while data is brought in, and bring back exactly those."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..engine._containers import DockerContainers
from ..engine._holder import LABEL as HOLDER
from ..runner._problem import Problem
from ._journal import Rest

_NEVER = {"Name": "no", "MaximumRetryCount": 0}


def rest_of(containers: DockerContainers, container: str, name: str, verb: str, stays: bool) -> Rest:
    """How the container is put to rest. One that the daemon's next start would start must not be, until it is over."""
    found = containers.find(container) or {}
    policy = (found.get("HostConfig") or {}).get("RestartPolicy") or {}
    returns = verb == "stop" and (policy.get("Name") == "always" or (stays and policy.get("Name") not in (None, "no")))
    return Rest(container, name, verb, stays, dict(policy) if returns else {})


def without_holders(containers: DockerContainers, running: Mapping[str, str]) -> dict[str, str]:
    """Name and id of the containers that are not the collection's own, which only hold volumes mounted."""
    own = set(containers.labelled(HOLDER)) if running else set()
    return {name: container for name, container in running.items() if container not in own}


def put_to_rest(containers: DockerContainers, rests: Sequence[Rest]) -> None:
    """Stop or pause them; the journal names them all already."""
    for rest in rests:
        if rest.verb == "stop":
            if rest.policy:
                containers.set_restart_policy(rest.id, rest.name, _NEVER)
            _stop(containers, rest)
        else:
            containers.pause(rest.id, rest.name)


def bring_back(containers: DockerContainers, rests: Sequence[Rest], done: bool, interrupted: bool = False) -> None:
    """Start or unpause them, the last one first; those that are gone are left out. Safe to repeat.

    ``done``: the seed succeeded. ``interrupted``: Docker may still be stopping one that a killed run had stopped.
    """
    problems = []
    for rest in reversed(rests):
        if rest.stays and done:
            # Nor does the daemon's next start bring it back, to write to the old place.
            continue
        try:
            _bring_back(containers, rest, interrupted)
        except Problem as problem:
            problems.append(f"container {rest.name} did not come back: {problem}")
    if problems:
        raise Problem(f"{' '.join(problems)} Start by hand what is down.")


def _bring_back(containers: DockerContainers, rest: Rest, interrupted: bool) -> None:
    found = containers.find(rest.id)
    if found is None:
        return
    state = found["State"]["Status"]
    if rest.policy and found["HostConfig"]["RestartPolicy"]["Name"] != rest.policy["Name"]:
        containers.set_restart_policy(rest.id, rest.name, rest.policy)
    if state == "paused":
        containers.unpause(rest.id, rest.name)
    elif rest.verb == "stop":
        if state in ("running", "restarting") and interrupted:
            _stop(containers, rest)
        containers.start(rest.id, rest.name)


def _stop(containers: DockerContainers, rest: Rest) -> None:
    found = containers.find(rest.id) or {}
    containers.stop(rest.id, rest.name, (found.get("Config") or {}).get("StopTimeout"))


def obstacle(containers: DockerContainers, container: str) -> str:
    """Why a container that runs cannot be stopped for a while, as a sentence; empty when it can."""
    found = containers.find(container)
    if found is None:
        return ""
    name = found["Name"].lstrip("/")
    if found["State"]["Status"] == "paused":
        return f"container {name}: is paused. Unpause or stop it first."
    service = (found["Config"].get("Labels") or {}).get("com.docker.swarm.service.name")
    if service:
        return f"container {name}: Swarm would start it again at once. Scale the service {service} to 0 first."
    if found["HostConfig"].get("AutoRemove"):
        return f"container {name}: it was started with --rm, and Docker would remove it when it stops. Stop it first."
    return ""
