# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which containers have to be created again for the sake of a volume, and in which order. No input, no output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..engine._recreation import name_of, references, volumes_of

_PROJECT = "com.docker.compose.project"
_SERVICE = "com.docker.compose.service"
_DEPENDS_ON = "com.docker.compose.depends_on"
"""Set by Compose: "db:service_healthy:false,cache:service_started:true"."""


def concerned(containers: Sequence[Mapping[str, Any]], volume: str) -> list[Mapping[str, Any]]:
    """The containers with this volume, and those that cannot be without these, in the order in which they stop."""
    found = [container for container in containers if volume in volumes_of(container)]
    ahead = list(found)
    while ahead:
        one = ahead.pop()
        names = {one["Id"], name_of(one)}
        more = [each for each in containers if each not in found and references(each) & names]
        found += more
        ahead += more
    return _in_stop_order(found)


def _in_stop_order(containers: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What others need comes after them; apart from that the newest first. A circle is broken at its newest."""
    left = sorted(containers, key=lambda container: str(container["Created"]), reverse=True)
    needs = {container["Id"]: _needed(container, containers) for container in containers}
    ordered = []
    while left:
        free = [one for one in left if not any(one["Id"] in needs[other["Id"]] for other in left if other is not one)]
        chosen = (free or left)[0]
        ordered.append(chosen)
        left.remove(chosen)
    return ordered


def _needed(container: Mapping[str, Any], containers: Sequence[Mapping[str, Any]]) -> set[str]:
    """The ids of those that this one needs."""
    named = references(container)
    labels = container["Config"].get("Labels") or {}
    project = labels.get(_PROJECT)
    services = {each.partition(":")[0] for each in labels.get(_DEPENDS_ON, "").split(",") if each} if project else set()
    found = set()
    for other in containers:
        of_other = other["Config"].get("Labels") or {}
        depends = of_other.get(_PROJECT) == project and of_other.get(_SERVICE) in services
        if depends or named & {other["Id"], name_of(other)}:
            found.add(str(other["Id"]))
    return found
