# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Owner, group, mode and SELinux type of a directory: what is declared, what differs, and what is shown."""

from __future__ import annotations

import grp
import pwd
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..runner._problem import Problem

OPTIONS: Mapping[str, Any] = {
    "owner": {"type": "str"},
    "group": {"type": "str"},
    "mode": {"type": "raw"},
}
"""``mode`` is raw, since a number that lost its quotes cannot be told from a mode once it is a string."""

_MODE = re.compile(r"[0-7]{3,4}")
_SELINUX_TYPE = re.compile(r"[A-Za-z0-9_.]+")
_MOST_ID = 2**32 - 2
"""The largest id that the kernel takes; the next one stands for "leave it"."""


@dataclass(frozen=True)
class Ownership:
    """Declared: None is not managed. Seen: None is unknown."""

    uid: int | None = None
    gid: int | None = None
    mode: int | None = None
    """With set-uid, set-gid and sticky bits."""
    selinux_type: str | None = None

    def over(self, other: Ownership) -> Ownership:
        """This one, and where it says nothing, the other."""
        return Ownership(
            other.uid if self.uid is None else self.uid,
            other.gid if self.gid is None else self.gid,
            other.mode if self.mode is None else self.mode,
            self.selinux_type or other.selinux_type,
        )


def ownership_of(item: Mapping[str, Any]) -> Ownership:
    """What the options declare; raises :class:`Problem`, which begins with the option's name."""
    return Ownership(
        uid=user_id("owner", item.get("owner")),
        gid=group_id("group", item.get("group")),
        mode=_mode(item.get("mode")),
        selinux_type=_selinux_type(item.get("selinux_type")),
    )


def user_id(option: str, name: str | None) -> int | None:
    """The number of a user of this host; a number needs no account."""
    if name is None:
        return None
    if name.isdecimal():
        return _number(option, name)
    try:
        return pwd.getpwnam(name).pw_uid
    except (KeyError, ValueError):
        raise Problem(f"{option}: this host has no user '{name}'. Create the user first, or give its number.") from None


def group_id(option: str, name: str | None) -> int | None:
    """The number of a group of this host; a number needs no group."""
    if name is None:
        return None
    if name.isdecimal():
        return _number(option, name)
    try:
        return grp.getgrnam(name).gr_gid
    except (KeyError, ValueError):
        raise Problem(
            f"{option}: this host has no group '{name}'. Create the group first, or give its number."
        ) from None


def differences(seen: Ownership, wanted: Ownership) -> list[str]:
    """What of the declared differs, as "mode 0755 → 0700"; empty when nothing."""
    told = []
    for word, has, wants in zip(_WORDS, _values(seen), _values(wanted)):
        if wants is not None and wants != has:
            told.append(f"{word} {'unknown' if has is None else has} → {wants}")
    return told


def described(wanted: Ownership) -> str:
    """The declared as "owner 5432, group 5432, mode 0700"."""
    return ", ".join(f"{word} {value}" for word, value in zip(_WORDS, _values(wanted)) if value is not None)


def shown(of: Ownership) -> dict[str, Any]:
    """In the form of a module's result."""
    return {"uid": of.uid, "gid": of.gid, "mode": _octal(of.mode)}


_WORDS = ("owner", "group", "mode", "selinux_type")


def _values(of: Ownership) -> tuple[Any, ...]:
    return (of.uid, of.gid, _octal(of.mode), of.selinux_type)


def _octal(mode: int | None) -> str | None:
    return None if mode is None else f"{mode:04o}"


def _number(option: str, number: str) -> int:
    if int(number) > _MOST_ID:
        raise Problem(f"{option}: {number} is no id, the largest one is {_MOST_ID}. Give a smaller number, or a name.")
    return int(number)


def _mode(mode: Any) -> int | None:
    if mode is None:
        return None
    if isinstance(mode, str) and _MODE.fullmatch(mode):
        return int(mode, 8)
    raise Problem(
        f"mode: {mode!r} is no mode. Write three or four octal digits, and put them in quotes, such as '0750': without "
        "quotes YAML makes another number of them, and changes such as u+rwx cannot be compared with what is there."
    )


def _selinux_type(name: str | None) -> str | None:
    if name is not None and not _SELINUX_TYPE.fullmatch(name):
        raise Problem(f"selinux_type: '{name}' is no type. Give the type alone, such as container_file_t.")
    return name
