# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of a volume: our own form, and Docker's with the secrets hidden. No input, no output."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..engine._mounted import Container
from ..runner import _state
from ..runner._problem import Problem
from ..trees._content import Content
from ._anonymous import is_anonymous
from ._driver_options import masked
from ._last_backup import LastBackup
from ._volume import Volume, shown

_FRACTION = re.compile(r"\.[0-9]+")
_NO_TIME = 1
"""The year of a time that was never set, in Docker's own language."""


def check_name(name: str) -> str:
    """The name, when Docker can be asked for it; Problem for one that would be a request for something else."""
    if any(part in ("", ".", "..") for part in name.split("/")):
        raise Problem(f"volume '{name}': is no name for a volume. Write the name that docker volume ls shows.")
    return name


def told(volume: Volume, users: Sequence[Container], backup: LastBackup | None, now: datetime) -> dict[str, Any]:
    """The volume in the form of the module's result; ``users`` are the containers that have it mounted."""
    return {
        **shown(volume),
        "anonymous": is_anonymous(volume),
        "age": age(volume.created, now),
        "last_backup": backup.shown() if backup else None,
        "consumers": _consumers(volume.name, users),
    }


def users_by_volume(containers: Sequence[Container]) -> dict[str, list[Container]]:
    """The containers that have each volume mounted, running or not, by the volume's name."""
    users: dict[str, list[Container]] = {}
    for one in containers:
        for volume in {mount.volume for mount in one.mounts if mount.volume}:
            users.setdefault(volume, []).append(one)
    return users


def sized(content: Content) -> dict[str, Any]:
    """What the volume holds; null where nobody can tell, never 0."""
    known = not content.unknown
    return {
        "files": content.files if known else None,
        "folders": content.folders if known else None,
        "size": content.size if known else None,
        "complete": known and not content.more,
        "unknown": content.unknown or None,
    }


def age(created: str, now: datetime) -> int | None:
    """Seconds since the time that Docker gives, with or without a fraction; None when the driver gave it none."""
    try:
        time = _state.time(_FRACTION.sub("", created))
    except ValueError:
        return None
    return None if time.year == _NO_TIME else max(int((now - time).total_seconds()), 0)


def as_docker_shows(answer: Mapping[str, Any]) -> dict[str, Any]:
    """Docker's inspect of the volume, with the secrets in options and in what its driver says of it hidden."""
    return {**answer, **{key: _hidden(answer[key]) for key in ("Options", "Status") if answer.get(key)}}


def unlisted(names: Iterable[str], users: Mapping[str, Sequence[Container]]) -> list[dict[str, Any]]:
    """Volumes that containers have, and that Docker did not list: they are there, unless it says so itself."""
    return [
        {"name": name, "driver": _driver(name, users[name]), "consumers": _consumers(name, users[name])}
        for name in sorted(set(users) - set(names))
    ]


def _driver(volume: str, users: Sequence[Container]) -> str | None:
    return next((mount.driver for one in users for mount in one.mounts if mount.volume == volume), "") or None


def _consumers(volume: str, users: Sequence[Container]) -> list[dict[str, Any]]:
    return [{"id": one.id, "name": one.name, "state": one.state, "paths": one.targets_of(volume)} for one in users]


def _hidden(values: Mapping[str, Any]) -> dict[str, Any]:
    texts = {key: value for key, value in values.items() if isinstance(value, str)}
    return {**values, **masked(texts)}
