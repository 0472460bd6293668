# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from a Docker volume as it is to the volume as it should be. No input, no output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from .._pipeline import Action, Plan
from ..migrations import _migration
from ..migrations._check import Facts
from ..runner._problem import Problem
from ._driver_options import differences, masked
from ._guard import elsewhere, refuse_protected, removal
from ._kind import is_same_driver
from ._provenance import NOTHING, Provenance
from ._volume import OF_OTHERS, UUID_LABEL, Definition, Desired, Volume, definition, predicted, shown

NO_FACTS = Facts()


def drift(desired: Desired, volume: Volume) -> list[str]:
    """What of the volume differs from what is declared, as sentences; empty when nothing."""
    told = []
    if desired.driver is not None and not is_same_driver(desired.driver, volume.driver):
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
        label: value for label, value in volume.labels.items() if label in declared or not label.startswith(OF_OTHERS)
    }


def needs_content(desired: Desired, volume: Volume) -> bool:
    """Whether the plan turns on what the volume holds."""
    return not desired.present or _is_made_anew(desired, volume) or bool(drift(desired, volume))


def migrates(desired: Desired, volume: Volume) -> bool:
    """Whether the volume is to get another definition and to keep its data."""
    return desired.present and desired.on_drift == "migrate" and bool(drift(desired, volume))


def plan(desired: Desired, volume: Volume | None, facts: Facts = NO_FACTS) -> Plan:
    """The way from the volume as it is to the volume as it should be; ``facts`` are needed where it migrates."""
    if volume is None:
        return _plan_missing(desired)
    if not desired.present:
        return Plan(shown(volume), None, (removal(volume, desired.confirm),))
    told = "; ".join(drift(desired, volume))
    if _is_made_anew(desired, volume):
        return _plan_anew(desired, volume, told or "recreate is always")
    if migrates(desired, volume):
        return _plan_migration(desired, volume, facts)
    if told:
        return _plan_drift(desired, volume, told)
    return _plan_kept(desired, volume)


def _is_made_anew(desired: Desired, volume: Volume) -> bool:
    return desired.present and desired.always_anew and not volume.is_fresh


def _plan_missing(desired: Desired) -> Plan:
    if not desired.present:
        return Plan(None, None)
    wanted = definition(desired, None)
    after = predicted(desired.name, wanted, bool(desired.protected))
    return Plan(None, after, (_creation(desired.name, wanted), *_protection(desired, NOTHING)))


def _plan_kept(desired: Desired, volume: Volume, warnings: tuple[str, ...] = ()) -> Plan:
    """The volume stays the one it is."""
    provenance = volume.provenance
    if desired.protected is not None:
        provenance = replace(provenance, protected=desired.protected)
    after = shown(replace(volume, provenance=provenance))
    return Plan(shown(volume), after, _protection(desired, volume.provenance), warnings)


def _plan_drift(desired: Desired, volume: Volume, told: str) -> Plan:
    sentence = f"volume {volume.name}: {told}"
    if desired.on_drift == "warn":
        return _plan_kept(desired, volume, (f"{sentence}. It is left as it is (on_drift: warn).",))
    if desired.on_drift == "fail":
        raise Problem(f"{sentence} and {_holding(volume)}. {_ways_on(volume)}")
    return _plan_anew(desired, volume, told)


def _plan_anew(desired: Desired, volume: Volume, told: str) -> Plan:
    """Another volume takes its name; a protection is carried over unless the task says otherwise."""
    wanted = definition(desired, volume)
    stays = bool(volume.provenance.protected if desired.protected is None else desired.protected)
    actions = (
        removal(volume, desired.confirm, told),
        _creation(volume.name, wanted),
        *_protection(replace(desired, protected=stays), NOTHING),
    )
    return Plan(shown(volume), predicted(volume.name, wanted, stays), actions)


def _plan_migration(desired: Desired, volume: Volume, facts: Facts) -> Plan:
    """Another definition, and the same volume to everybody: its name, its data, its UUID, its containers."""
    wanted = definition(desired, volume)
    kept = _plan_kept(desired, volume)
    steps = _migration.actions(wanted, volume, facts, desired.quiesce, desired.data)
    if any(step.destroys for step in steps):
        refuse_protected(volume, desired.confirm, "leave its data behind")
    labels = {**wanted.labels, UUID_LABEL: volume.uuid or ""}
    provenance = volume.provenance
    if desired.protected is not None:
        provenance = replace(provenance, protected=desired.protected)
    moved = replace(
        volume, driver=wanted.driver, driver_options=wanted.driver_options, labels=labels, provenance=provenance
    )
    after = {**shown(moved), "created": None}
    warnings = _migration.warnings(volume.name, facts)
    return Plan(kept.before, after, (*steps, *kept.actions), warnings)


def _creation(name: str, wanted: Definition) -> Action:
    options = ", ".join(f"{option}={value}" for option, value in masked(wanted.driver_options).items())
    return Action("create", f"create volume {name} with driver {wanted.driver}{f' ({options})' if options else ''}")


def _protection(desired: Desired, provenance: Provenance) -> tuple[Action, ...]:
    """Remember what the task says of the volume's protection, if it says something new."""
    if desired.protected is None or desired.protected == provenance.protected:
        return ()
    if desired.protected:
        return (Action("protect", f"protect volume {desired.name}: it goes only when its UUID confirms that"),)
    return (Action("unprotect", f"end the protection of volume {desired.name}"),)


def _holding(volume: Volume) -> str:
    if not volume.content.is_empty:
        return f"it holds {volume.content}"
    stays = elsewhere(volume)
    return f"its data lies at {stays}" if stays else "it is empty"


def _ways_on(volume: Volume) -> str:
    if not volume.content.is_empty:
        change = (
            "Set on_drift: migrate to change it and keep its data, on_drift: recreate and data_loss: allow to create "
            "it anew without them"
        )
    elif elsewhere(volume):
        change = "Set on_drift: migrate to take its data along, on_drift: recreate to leave them where they are"
    else:
        change = "Set on_drift: recreate to create it anew"
    return f"{change}, or on_drift: warn to leave it as it is, or declare what it has."
