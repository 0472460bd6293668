# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands before the removal of a volume: its containers, its protection, and what would be lost with it."""

from __future__ import annotations

from .._pipeline import Action
from ..migrations._interrupted import AWAY
from ..runner._problem import Problem
from ._driver_options import masked
from ._kind import kind_of
from ._volume import Volume


def removal(volume: Volume, confirm: str | None, told: str = "") -> Action:
    """Remove the volume, because of the drift that is told, or because it is to be absent.

    Problem while a container uses it, and for a protected one without its UUID as ``confirm``.
    """
    because = f" because {told}" if told else ""
    _refuse_use(volume, because)
    refuse_protected(volume, confirm, f"remove it{because}")
    instead = "on_drift: warn" if told else "state: present"
    stays = elsewhere(volume)
    return Action(
        "remove",
        f"remove volume {volume.name}{because}{f'; its data stays at {stays}' if stays else ''}",
        destroys="" if volume.content.is_empty else f"{_held(volume)}{',' if volume.backup else ''}",
        way_out=f"Set {instead} to leave it as it is, or save the data elsewhere first.",
    )


def elsewhere(volume: Volume) -> str:
    """Where the data lies of a volume that only shows it; empty when Docker or a driver keeps it."""
    kind = kind_of(volume.driver, volume.driver_options)
    return masked(volume.driver_options)["device"] if kind.is_mounted_by_docker and kind.is_persistent else ""


def _held(volume: Volume) -> str:
    """What it holds, with its backup in apposition."""
    return ", ".join(filter(None, [str(volume.content), volume.backup]))


def _refuse_use(volume: Volume, because: str) -> None:
    if any(user.state.startswith(AWAY) for user in volume.consumers):
        way_out = "Run the tasks of those volumes first, which ends their migrations."
    else:
        way_out = "Remove these containers first, their volumes stay."
    if volume.consumers:
        users = ", ".join(f"{user.name} ({user.state})" for user in volume.consumers)
        raise Problem(
            f"volume {volume.name}: cannot be removed{because}: containers use it, and stopped ones count: {users}. "
            f"{way_out}"
        )


def refuse_protected(volume: Volume, confirm: str | None, what: str) -> None:
    """Problem for a protected volume, unless its UUID confirms ``what``.

    The UUID and not the name: what somebody confirmed once is not confirmed for the next volume of the name.
    """
    if volume.provenance.protected is None:
        raise Problem(
            f"volume {volume.name}: refused to {what}: this user cannot see whether it is protected. "
            "Run the task as root (become: true)."
        )
    if not volume.provenance.protected or confirm == volume.uuid:
        return
    wrong = f"confirm: {confirm} is not its UUID. " if confirm else ""
    raise Problem(
        f"volume {volume.name}: refused to {what}: it is protected and holds {_held(volume)}. {wrong}"
        f"Set confirm: {volume.uuid} for this very volume, or protected: false to end its protection first."
    )
