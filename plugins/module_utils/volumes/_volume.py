# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Docker volume should be, what it is, and what Docker is told to create it. No input, no output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..directories import _shape
from ..directories._shape import Wish
from ..engine._docker import Consumer
from ..runner._problem import Problem
from ..seeds._seed import ADOPT_OPTIONS, HYDRATE_OPTIONS, SEED_OPTIONS, Seed, seed_of
from ..trees._content import Content
from . import _kind
from ._driver_options import as_strings, check_local, masked
from ._nfs import NFS_OPTIONS, driver_options
from ._provenance import NOTHING, ORIGINS, Origin, Provenance

UUID_LABEL = "holdfast.uuid"
"""Set when the volume is created: what Docker itself gives a volume (name, time) does not tell it from a namesake."""

OPTIONS: Mapping[str, Any] = {
    "driver": {"type": "str"},
    "driver_options": {"type": "dict"},
    "nfs": {"type": "dict", "options": NFS_OPTIONS},
    "labels": {"type": "dict"},
    "on_drift": {"type": "str", "choices": ["fail", "warn", "migrate", "recreate"], "default": "fail"},
    "recreate": {"type": "str", "choices": ["always", "never", "options-changed"]},
    "quiesce": {"type": "str", "choices": ["fail", "stop", "pause"], "default": "fail"},
    "data": {"type": "str", "choices": ["copy", "keep_in_place"], "default": "copy"},
    **_shape.OPTIONS,
    "seed": {"type": "dict", "options": SEED_OPTIONS},
    "adopt": {"type": "dict", "options": ADOPT_OPTIONS},
    "hydrate_from": {"type": "dict", "options": HYDRATE_OPTIONS},
    "protected": {"type": "bool"},
    "confirm": {"type": "str"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}

UNCOUNTED = Content(unknown="nobody looked")
"""Content is counted only where the plan turns on it."""

RESERVED = "holdfast."
OF_OTHERS = (RESERVED, "com.docker.")
"""Labels that the collection, Docker and Compose set for themselves."""
LOCAL = "local"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_MOUNTING = ("type", "device")
"""Options with which the local driver mounts something while a container uses the volume, and only then."""


@dataclass(frozen=True)
class Desired:
    """A volume as the task wants it. None: not managed, whatever the volume has is right."""

    name: str
    driver: str | None = None
    driver_options: Mapping[str, str] | None = None
    labels: Mapping[str, str] | None = None
    is_proved: bool = False
    """Whether it is mounted once when it is created, to see that it can be used."""
    on_drift: str = "fail"
    always_anew: bool = False
    """Created anew by every call, as with community.docker's ``recreate: always``."""
    quiesce: str = "fail"
    """What a migration or a seed does with running containers: ``fail``, ``stop`` or ``pause``."""
    data: str = "copy"
    """What a migration does with the data: ``copy`` or ``keep_in_place``."""
    wish: Wish | None = None
    seed: Seed | None = None
    protected: bool | None = None
    confirm: str | None = None
    present: bool = True


@dataclass(frozen=True)
class Volume:
    """A volume as Docker has it."""

    name: str
    driver: str
    driver_options: Mapping[str, str]
    labels: Mapping[str, str]
    mountpoint: str
    created: str
    consumers: tuple[Consumer, ...] = ()
    content: Content = UNCOUNTED
    provenance: Provenance = NOTHING
    backup: str = ""
    """What is known of its backup, to be read after "lost": "last backed up 3 hours ago by job db"."""
    is_fresh: bool = False
    """Created by this very call."""

    @property
    def uuid(self) -> str | None:
        """Its label, or what this host gave to a volume of others when there was something to remember of it."""
        return self.labels.get(UUID_LABEL) or self.provenance.uuid or None


@dataclass(frozen=True)
class Definition:
    """What is told to Docker to create a volume."""

    driver: str
    driver_options: Mapping[str, str]
    labels: Mapping[str, str]


def desire(item: Mapping[str, Any]) -> Desired:
    """The item's options as desired state."""
    name = str(item["name"])
    try:
        _check_name(name, item["driver"])
        options = _options(item)
        labels = _strings("labels", item["labels"])
        if options and item["driver"] in (None, LOCAL):
            check_local(options)
            _kind.check(options)
        for label in labels or {}:
            if label.startswith(RESERVED):
                raise Problem(f"labels.{label}: labels that begin with {RESERVED} are set by the module. Take it out.")
        on_drift = _on_drift(item["on_drift"], item["recreate"])
        wish, seed = _shape.wish_of(item), seed_of(item)
    except Problem as problem:
        raise Problem(f"volume {name}: {problem}") from problem
    return Desired(
        name,
        item["driver"],
        options,
        labels,
        item["nfs"] is not None,
        on_drift,
        always_anew=item["recreate"] == "always",
        quiesce=item["quiesce"],
        data=item["data"],
        wish=wish,
        seed=seed,
        protected=item["protected"],
        confirm=item["confirm"],
        present=item["state"] == "present",
    )


def _options(item: Mapping[str, Any]) -> dict[str, str] | None:
    """The driver's options, be they written out or meant by ``nfs``."""
    nfs = item["nfs"]
    if nfs is None:
        return _strings("driver_options", item["driver_options"])
    if item["driver_options"] is not None or item["driver"] not in (None, LOCAL):
        other = "driver_options" if item["driver_options"] is not None else f"driver: {item['driver']}"
        raise Problem(f"nfs, {other}: say where the data lies in two ways. Keep one of them.")
    return driver_options(nfs)


def _on_drift(on_drift: str, recreate: str | None) -> str:
    """``recreate`` is community.docker's word for it."""
    if recreate is None:
        return on_drift
    if on_drift != "fail":
        raise Problem(f"recreate: {recreate} and on_drift: {on_drift} say the same thing in two ways. Keep on_drift.")
    return "warn" if recreate == "never" else "recreate"


def _strings(of: str, given: Mapping[str, Any] | None) -> dict[str, str] | None:
    return None if given is None else as_strings(of, given)


def _check_name(name: str, driver: str | None) -> None:
    """Docker's own rule for the local driver; without a declared driver the volume may be another's."""
    if driver in (None, LOCAL) and not _NAME.fullmatch(name):
        raise Problem(
            f"name: '{name}' is no name for a volume. Take at least two letters, digits, '_', '.' or '-', "
            "the first a letter or digit."
        )


def observed(answer: Mapping[str, Any]) -> Volume:
    """A volume from Docker's answer to an inspect, in which options and labels may be null."""
    return Volume(
        name=answer["Name"],
        driver=answer["Driver"],
        driver_options=dict(answer.get("Options") or {}),
        labels=dict(answer.get("Labels") or {}),
        mountpoint=answer.get("Mountpoint") or "",
        created=_created(answer.get("CreatedAt") or ""),
    )


def _created(answer: str) -> str:
    """Empty when the driver gave no time, for which Docker writes the first moment of the year 1."""
    return "" if answer.startswith("0001-") else answer


def definition(desired: Desired, volume: Volume | None) -> Definition:
    """What to create: the declared, and what is not declared as the volume that it replaces had it."""
    if volume is None:
        return Definition(desired.driver or LOCAL, desired.driver_options or {}, desired.labels or {})
    kept = {label: value for label, value in volume.labels.items() if not label.startswith(RESERVED)}
    if desired.labels is not None:
        kept = {label: value for label, value in kept.items() if label.startswith(OF_OTHERS)}
    return Definition(
        driver=desired.driver or volume.driver,
        driver_options=volume.driver_options if desired.driver_options is None else desired.driver_options,
        labels={**kept, **(desired.labels or {})},
    )


def hidden(volume: Volume) -> str:
    """Why the content of the volume does not lie at its mount point, as a sentence; empty when it does."""
    if volume.driver != LOCAL:
        return f"the driver {volume.driver} keeps it"
    if any(volume.driver_options.get(option) for option in _MOUNTING):
        return "a volume with driver options is mounted only while a container uses it"
    return ""


def fixed_root(volume: Volume) -> str:
    """Where the data always is; empty when it is there only while a container uses the volume."""
    kind = _kind.kind_of(volume.driver, volume.driver_options)
    if kind is _kind.PLAIN:
        return volume.mountpoint
    return volume.driver_options["device"] if kind is _kind.BIND else ""


def shown(volume: Volume) -> dict[str, Any]:
    """The volume in the form of the module's result, without secrets."""
    return {
        **_defined(volume.name, Definition(volume.driver, volume.driver_options, volume.labels)),
        "mountpoint": volume.mountpoint,
        "uuid": volume.uuid,
        "created": volume.created or None,
        "protected": volume.provenance.protected,
        **{origin: _origin(getattr(volume.provenance, origin)) for origin in ORIGINS},
        "consumers": [{"id": user.id, "name": user.name, "state": user.state} for user in volume.consumers],
    }


def predicted(name: str, wanted: Definition, protected: bool) -> dict[str, Any]:
    """The volume that will be: what only its creation decides is null."""
    undecided = {"mountpoint": None, "uuid": None, "created": None}
    return {
        **_defined(name, wanted),
        **undecided,
        "protected": protected,
        **dict.fromkeys(ORIGINS),
        "consumers": [],
    }


def _origin(origin: Origin | None) -> dict[str, str] | None:
    return None if origin is None else asdict(origin)


def _defined(name: str, wanted: Definition) -> dict[str, Any]:
    return {
        "name": name,
        "driver": wanted.driver,
        "driver_options": masked(wanted.driver_options),
        "persistent": _kind.kind_of(wanted.driver, wanted.driver_options).is_persistent,
        "labels": {label: value for label, value in wanted.labels.items() if label != UUID_LABEL},
    }
