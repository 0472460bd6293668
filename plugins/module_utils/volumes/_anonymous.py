# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Data where nobody looks for it: in anonymous volumes, and beneath mounts that an anonymous volume shadows.

Docker makes an anonymous volume for each VOLUME of an image at which a container has nothing else mounted. No input, no
output.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..engine._mounted import Container, Mount
from ._volume import UUID_LABEL, Volume

Declared = Mapping[str, "frozenset[str] | None"]
"""By the image's id the paths of its VOLUMEs; None when the image is gone."""

_LABEL = "com.docker.volume.anonymous"
"""Set by Docker since 23.0; before, only the name tells."""
_GENERATED = re.compile(r"[0-9a-f]{64}")


def is_anonymous(volume: Volume) -> bool:
    """Whether Docker made the volume unasked and gave it a name of its own."""
    if _LABEL in volume.labels:
        return True
    return UUID_LABEL not in volume.labels and bool(_GENERATED.fullmatch(volume.name))


def declared_paths(image: Mapping[str, Any] | None) -> frozenset[str] | None:
    """The paths of an image's VOLUMEs, from Docker's inspect of it."""
    if image is None:
        return None
    return frozenset(posixpath.normpath(path) for path in (image.get("Config") or {}).get("Volumes") or ())


def anonymous_names(volumes: Sequence[Volume], containers: Sequence[Container]) -> frozenset[str]:
    """The anonymous ones among the volumes, and among those of the containers that nobody has asked Docker about."""
    asked = {volume.name for volume in volumes}
    mounted = {mount.volume for one in containers for mount in one.mounts}
    return frozenset(
        [volume.name for volume in volumes if is_anonymous(volume)]
        + [name for name in mounted - asked if _GENERATED.fullmatch(name)]
    )


def anonymous_rows(
    containers: Sequence[Container], anonymous: frozenset[str], declared: Declared
) -> list[dict[str, Any]]:
    """Each anonymous volume with each container that uses it and where; without any for one that is left behind."""
    rows: list[dict[str, Any]] = [
        {
            "volume": mount.volume,
            **_container(one),
            "path": mount.target,
            "declared_by": _declared_by(one, mount.target, declared),
        }
        for one in containers
        for mount in one.mounts
        if mount.volume in anonymous
    ]
    left = {"container": None, "id": None, "state": None, "path": None, "declared_by": None}
    return rows + [{"volume": name, **left} for name in sorted(anonymous - {row["volume"] for row in rows})]


def uncovered_rows(
    containers: Sequence[Container], anonymous: frozenset[str], declared: Declared
) -> list[dict[str, Any]]:
    """The VOLUMEs of the containers' images for which nobody chose what is mounted there.

    One without any mount in Docker's list has a tmpfs of ``docker run --tmpfs``, or there would be an anonymous volume.
    """
    return [
        {**_container(one), "image": one.image_name, "path": mount.target, "volume": mount.volume}
        for one in containers
        for mount in sorted(one.mounts, key=lambda mount: mount.target)
        if mount.volume in anonymous and mount.target in (declared.get(one.image) or ())
    ]


def shadowed_rows(
    containers: Sequence[Container], anonymous: frozenset[str], declared: Declared
) -> list[dict[str, Any]]:
    """Mounts of which an anonymous volume below covers a part: what is written there does not reach them."""
    return [
        {
            **_container(one),
            "target": mount.target,
            "volume": mount.volume or None,
            "source": mount.source or None,
            "shadowed": nested.target,
            "by": nested.volume,
            "declared_by": _declared_by(one, nested.target, declared),
        }
        for one in containers
        for mount, nested in _nested(one, anonymous)
    ]


def _nested(one: Container, anonymous: frozenset[str]) -> Iterator[tuple[Mount, Mount]]:
    """Each mount that somebody chose, with each anonymous volume below its target."""
    unasked = [mount for mount in one.mounts if mount.volume in anonymous]
    for mount in one.mounts:
        if mount not in unasked:
            below = mount.target.rstrip("/") + "/"
            yield from ((mount, nested) for nested in unasked if nested.target.startswith(below))


def _declared_by(one: Container, path: str, declared: Declared) -> str | None:
    """Who asked for a volume at the path: the image, or whoever made the container; None when nobody can tell."""
    paths = declared.get(one.image)
    if paths is None:
        return None
    return "image" if path in paths else "container"


def _container(one: Container) -> dict[str, Any]:
    return {"container": one.name, "id": one.id, "state": one.state}
