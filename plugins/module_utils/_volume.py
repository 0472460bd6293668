# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Docker volume should be, what it is, and the way from one to the other. No input, no output."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ._content import Content
from ._docker import Consumer
from ._driver_options import as_strings, check_local, differences, masked
from ._pipeline import Action, Plan
from .runner._problem import Problem

UUID_LABEL = "holdfast.uuid"
"""Set when the volume is created: what Docker itself gives a volume (name, time) does not tell it from a namesake."""

OPTIONS: Mapping[str, Any] = {
    "driver": {"type": "str"},
    "driver_options": {"type": "dict"},
    "labels": {"type": "dict"},
    "on_drift": {"type": "str", "choices": ["fail", "warn", "recreate"], "default": "fail"},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}

UNCOUNTED = Content(unknown="nobody looked")
"""Content is counted only where the plan turns on it."""

_RESERVED = "holdfast."
_OF_OTHERS = ("holdfast.", "com.docker.")
"""Labels that the collection, Docker and Compose set for themselves."""
_LOCAL = "local"
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
    on_drift: str = "fail"
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
        options = _strings("driver_options", item["driver_options"])
        labels = _strings("labels", item["labels"])
        if options and item["driver"] in (None, _LOCAL):
            check_local(options)
        for label in labels or {}:
            if label.startswith(_RESERVED):
                raise Problem(f"labels.{label}: labels that begin with {_RESERVED} are set by the module. Take it out.")
    except Problem as problem:
        raise Problem(f"volume {name}: {problem}") from problem
    return Desired(name, item["driver"], options, labels, item["on_drift"], item["state"] == "present")


def _strings(of: str, given: Mapping[str, Any] | None) -> dict[str, str] | None:
    return None if given is None else as_strings(of, given)


def _check_name(name: str, driver: str | None) -> None:
    """Docker's own rule for the local driver; without a declared driver the volume may be another's."""
    if driver in (None, _LOCAL) and not _NAME.fullmatch(name):
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
        created=answer.get("CreatedAt") or "",
    )


def drift(desired: Desired, volume: Volume) -> list[str]:
    """What of the volume differs from what is declared, as sentences; empty when nothing."""
    told = []
    if desired.driver not in (None, volume.driver):
        told.append(f"driver differs ('{volume.driver}' → '{desired.driver}')")
    if desired.driver_options is not None:
        options = differences(volume.driver_options, desired.driver_options)
        told += [f"driver_options differ ({', '.join(options)})"] if options else []
    if desired.labels is not None:
        labels = differences(_managed_labels(volume, desired.labels), desired.labels)
        told += [f"labels differ ({', '.join(labels)})"] if labels else []
    return told


def _managed_labels(volume: Volume, declared: Mapping[str, str]) -> dict[str, str]:
    """The labels that the task answers for: not those that others set for themselves, unless it declares them."""
    return {
        label: value for label, value in volume.labels.items() if label in declared or not label.startswith(_OF_OTHERS)
    }


def definition(desired: Desired, volume: Volume | None) -> Definition:
    """What to create: the declared, and what is not declared as the volume that it replaces had it."""
    if volume is None:
        return Definition(desired.driver or _LOCAL, desired.driver_options or {}, desired.labels or {})
    kept = {label: value for label, value in volume.labels.items() if not label.startswith(_RESERVED)}
    if desired.labels is not None:
        kept = {label: value for label, value in kept.items() if label.startswith(_OF_OTHERS)}
    return Definition(
        driver=desired.driver or volume.driver,
        driver_options=volume.driver_options if desired.driver_options is None else desired.driver_options,
        labels={**kept, **(desired.labels or {})},
    )


def needs_content(desired: Desired, volume: Volume) -> bool:
    """Whether the plan turns on what the volume holds."""
    return not desired.present or bool(drift(desired, volume))


def hidden(volume: Volume) -> str:
    """Why the content of the volume does not lie at its mount point, as a sentence; empty when it does."""
    if volume.driver != _LOCAL:
        return f"the driver {volume.driver} keeps it"
    if any(volume.driver_options.get(option) for option in _MOUNTING):
        return "a volume with driver options is mounted only while a container uses it"
    return ""


def plan(desired: Desired, volume: Volume | None) -> Plan:
    """The way from the volume as it is to the volume as it should be."""
    if volume is None:
        return _plan_missing(desired)
    before = shown(volume)
    if not desired.present:
        return Plan(before, None, (_removal(volume),))
    told = drift(desired, volume)
    if not told:
        return Plan(before, before)
    return _plan_drift(desired, volume, "; ".join(told))


def _plan_missing(desired: Desired) -> Plan:
    if not desired.present:
        return Plan(None, None)
    wanted = definition(desired, None)
    return Plan(None, _predicted(desired.name, wanted), (_creation(desired.name, wanted),))


def _plan_drift(desired: Desired, volume: Volume, told: str) -> Plan:
    sentence = f"volume {volume.name}: {told}"
    before = shown(volume)
    if desired.on_drift == "warn":
        return Plan(before, before, warnings=(f"{sentence}. It is left as it is (on_drift: warn).",))
    if desired.on_drift == "fail":
        raise Problem(f"{sentence} and {_holding(volume.content)}. {_ways_on(volume.content)}")
    wanted = definition(desired, volume)
    actions = (_removal(volume, told), _creation(volume.name, wanted))
    return Plan(before, _predicted(volume.name, wanted), actions)


def _removal(volume: Volume, told: str = "") -> Action:
    """Remove the volume, because of the drift that is told, or because it is to be absent."""
    because = f" because {told}" if told else ""
    if volume.consumers:
        users = ", ".join(f"{user.name} ({user.state})" for user in volume.consumers)
        raise Problem(
            f"volume {volume.name}: cannot be removed{because}: containers use it, and stopped ones count: {users}. "
            "Remove these containers first, their volumes stay."
        )
    instead = "on_drift: warn" if told else "state: present"
    return Action(
        "remove",
        f"remove volume {volume.name}{because}",
        destroys="" if volume.content.is_empty else str(volume.content),
        way_out=f"Set {instead} to leave it as it is, or save the data elsewhere first.",
    )


def _creation(name: str, wanted: Definition) -> Action:
    options = ", ".join(f"{option}={value}" for option, value in masked(wanted.driver_options).items())
    return Action("create", f"create volume {name} with driver {wanted.driver}{f' ({options})' if options else ''}")


def _holding(content: Content) -> str:
    if content.is_empty:
        return "it is empty"
    return f"it holds {content}"


def _ways_on(content: Content) -> str:
    anew = "to create it anew" if content.is_empty else "and data_loss: allow to create it anew without its data"
    return f"Set on_drift: recreate {anew}, or on_drift: warn to leave it as it is, or declare what it has."


def shown(volume: Volume) -> dict[str, Any]:
    """The volume in the form of the module's result, without secrets."""
    return {
        **_defined(volume.name, Definition(volume.driver, volume.driver_options, volume.labels)),
        "mountpoint": volume.mountpoint,
        "uuid": volume.labels.get(UUID_LABEL),
        "created": volume.created,
        "consumers": [{"id": user.id, "name": user.name, "state": user.state} for user in volume.consumers],
    }


def _predicted(name: str, wanted: Definition) -> dict[str, Any]:
    """The volume that will be: what only its creation decides is null."""
    return {**_defined(name, wanted), "mountpoint": None, "uuid": None, "created": None, "consumers": []}


def _defined(name: str, wanted: Definition) -> dict[str, Any]:
    return {
        "name": name,
        "driver": wanted.driver,
        "driver_options": masked(wanted.driver_options),
        "labels": {label: value for label, value in wanted.labels.items() if label != UUID_LABEL},
    }
