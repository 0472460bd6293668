# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a repository gets another password without a moment in which this host has none that opens it. Pure.

The new one is added, tried, stored in place of the old one, and only then the old one is removed. The id of the old key
is noted before the first step and goes after the last, so a run that was killed anywhere is finished by the next. Only
keys that this module itself has replaced are ever removed.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._pipeline import Action


@dataclass(frozen=True)
class Key:
    """One of the passwords of a repository."""

    id: str
    """As restic shows it: the first 8 or all of its 64 digits."""
    current: bool
    """Whether it is the one that opened the repository now."""


@dataclass(frozen=True)
class Change:
    """How far the change of a password is."""

    added_by: str | None = None
    """The id of the stored password's key, when that one opens the repository, the wanted one does not, and it may be
    added; otherwise None."""
    noted: str = ""
    """The id of the key that is being replaced, as the host has noted it; empty when no change is under way."""
    keys: tuple[Key, ...] = ()
    """The keys of the repository; only asked for when one is noted and the wanted password opens it."""

    @property
    def taken_back(self) -> bool:
        """Somebody wants the old password again."""
        return any(key.current and same_key(key.id, self.noted) for key in self.keys)

    @property
    def is_removed(self) -> bool:
        return bool(self.keys) and not any(same_key(key.id, self.noted) for key in self.keys)


def add_actions(name: str, where: str, change: Change) -> list[Action]:
    """Before the new password is stored."""
    if not change.added_by:
        return []
    sentence = f"add the new password to repository {name} at {where}, and open it with that"
    return [Action("add_key", sentence, details={"old": change.added_by})]


def remove_actions(name: str, where: str, change: Change, wanted: str) -> list[Action]:
    """Once the new password is stored."""
    old = change.added_by or change.noted
    if not change.added_by and not change.keys:
        return []
    if not change.added_by and (change.taken_back or change.is_removed):
        return [Action("forget_replaced", f"note that the password of repository {name} is no longer being changed")]
    if wanted != "replace":
        return []
    return [Action("remove_key", f"remove the old password from repository {name} at {where} (key {old[:8]})")]


def change_warnings(name: str, where: str, change: Change) -> tuple[str, ...]:
    if not change.noted or not change.taken_back:
        return ()
    warning = (
        f"repository {name}: a change of its password was begun and taken back. The other password may open {where} "
        "still: see restic key list, and remove what nobody should have."
    )
    return (warning,)


def same_key(one: str, other: str) -> bool:
    """Whether two ids are of one key: restic shows them short or whole."""
    return one.startswith(other) or other.startswith(one)
