# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What interrupted migrations hold: volumes that are not what they seem, and containers that are away for a while."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..engine._docker import Consumer, Docker
from ..engine._holder import KEEPER_LABEL
from ..engine._recreation import name_of, volumes_of
from ..runner._problem import Problem
from . import _journal
from ._journal import Held, Journal

AWAY = "away"
"""The state of a container that a migration has removed and will create again."""
STAGING_LABEL = "holdfast.staging"
"""On what a migration creates for itself, with the name of its volume."""


def journals() -> list[Journal]:
    """Those of this host, for which there is one look into their folder. Problem when one is not sound."""
    found = map(_journal.load, _journal.all_volumes())
    return [journal for journal in found if journal is not None]


def with_those_away(consumers: Mapping[str, Sequence[Consumer]]) -> dict[str, tuple[Consumer, ...]]:
    """By volume, its containers, with those that Docker does not know for the moment: a migration is to create them.

    One look into the journals' folder as long as there are none. A journal that is not sound may be about any volume.
    """
    found = {name: list(users) for name, users in consumers.items()}
    for volume in _journal.all_volumes():
        state = f"{AWAY}, in the interrupted migration of volume {volume}"
        try:
            journal = _journal.load(volume)
        except Problem:
            for users in found.values():
                users.append(Consumer("", "perhaps another", f"{state}, whose journal is not sound"))
            continue
        for held in _away(journal):
            for name in volumes_of(held.inspect) & {*found}:
                if held.name not in [user.name for user in found[name]]:
                    found[name].append(Consumer(held.id, held.name, state))
    return {name: tuple(users) for name, users in found.items()}


def restored(containers: Sequence[Mapping[str, Any]], there: Iterable[Journal]) -> list[Mapping[str, Any]]:
    """The containers, as Docker inspects them, as they will be once these migrations are undone or finished."""
    found = {name_of(container): container for container in containers}
    for held in (held for journal in there for held in _away(journal)):
        one = found.get(held.name, held.inspect)
        found[held.name] = {**one, "State": {**one["State"], "Status": held.state}}
    return list(found.values())


def seen_from_outside(docker: Docker) -> frozenset[str]:
    """The volumes in the middle of a migration, as Docker alone tells it to a user who may not read the journals."""
    with docker.request("looking for interrupted migrations") as client:
        keepers = client.containers(all=True, filters={"label": KEEPER_LABEL})
        staged = client.volumes(filters={"label": STAGING_LABEL, "driver": "local"}).get("Volumes") or ()
    labels = [*((one["Labels"], KEEPER_LABEL) for one in keepers), *((one["Labels"], STAGING_LABEL) for one in staged)]
    return frozenset(own[label] for own, label in labels)


def refuse_unfinished(volume: str, seen: Collection[str]) -> None:
    """Problem for a volume that is in :func:`seen_from_outside`."""
    if volume in seen:
        raise Problem(
            f"volume {volume}: is in the middle of a migration, which this user can neither see through nor end. Run "
            "the task as root (become: true): that finishes or undoes it."
        )


def _away(journal: Journal | None) -> list[Held]:
    return [held for held in journal.containers if not held.is_back] if journal else []
