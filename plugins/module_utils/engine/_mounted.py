# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers and what they have mounted where, as Docker's list of containers tells it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RUNNING = ("running", "paused", "restarting")
"""The states in which Docker keeps a container's volumes mounted."""


@dataclass(frozen=True)
class Mount:
    """Something mounted in a container. A tmpfs of ``docker run --tmpfs`` is not in Docker's list."""

    kind: str
    """``volume``, ``bind``, ``tmpfs`` …"""
    target: str
    """Where it is in the container, without a slash at the end."""
    volume: str = ""
    """The volume's name."""
    source: str = ""
    """Where it lies on the host."""
    driver: str = ""
    """The volume's driver."""
    writable: bool = True


@dataclass(frozen=True)
class Container:
    """A container, running or not."""

    id: str
    name: str
    state: str
    image: str
    """The image's id."""
    image_name: str = ""
    mounts: tuple[Mount, ...] = ()

    @property
    def runs(self) -> bool:
        return self.state in RUNNING

    def targets_of(self, volume: str) -> list[str]:
        """Where the container has the volume mounted, which may be in several places."""
        return sorted(mount.target for mount in self.mounts if mount.volume == volume)


def container_of(answer: Mapping[str, Any], name: str) -> Container:
    """A container of this name from its entry in Docker's list."""
    return Container(
        id=answer["Id"],
        name=name,
        state=answer["State"],
        image=answer.get("ImageID") or "",
        image_name=answer.get("Image") or "",
        mounts=tuple(_mount(mount) for mount in answer.get("Mounts") or ()),
    )


def _mount(answer: Mapping[str, Any]) -> Mount:
    kind = answer.get("Type") or ""
    return Mount(
        kind=kind,
        target=posixpath.normpath(answer.get("Destination") or "/"),
        volume=(answer.get("Name") or "") if kind == "volume" else "",
        source=answer.get("Source") or "",
        driver=answer.get("Driver") or "",
        writable=bool(answer.get("RW", True)),
    )
