# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""By which way the data of a volume gets from one definition to another. No input, no output."""

from __future__ import annotations

from ..volumes._driver_options import masked
from ..volumes._kind import FOREIGN, PLAIN, Kind, kind_of
from ..volumes._volume import Definition

MOVE = "move"
"""Both lie in directories of Docker's own: the directory moves by a rename."""
POINT = "point"
"""The new definition shows what lies at its device already."""
STAGE_NEW = "stage-new"
"""Copied to the device of the new definition, through a staging volume that has it too."""
STAGE_PLAIN = "stage-plain"
"""Copied to a plain staging volume, from which the directory moves by a rename."""
STAGE_TWICE = "stage-twice"
"""Copied to a plain staging volume and from there into the new one: its driver gives it by its name alone."""

KEEP_IN_PLACE = "keep_in_place"

_HOW = frozenset(
    [
        "ro",
        "rw",
        "soft",
        "hard",
        "timeo",
        "retrans",
        "nfsvers",
        "vers",
        "minorversion",
        "noatime",
        "atime",
        "relatime",
        "nodiratime",
        "nosuid",
        "suid",
        "nodev",
        "dev",
        "noexec",
        "exec",
        "rsize",
        "wsize",
        "ac",
        "noac",
        "actimeo",
        "acregmin",
        "acregmax",
        "acdirmin",
        "acdirmax",
        "lookupcache",
        "nolock",
        "lock",
        "proto",
        "sync",
        "async",
        "uid",
        "gid",
        "file_mode",
        "dir_mode",
        "username",
        "user",
        "password",
        "pass",
        "iocharset",
        "sec",
        "tcp",
        "udp",
    ]
)
"""Mount options that say how something is mounted. Any other may say what: subvol=, upperdir=, port=."""


def strategy(old: Definition, new: Definition, data: str) -> str:
    """How the data gets from one definition to the other. ``data`` is the option of this name."""
    if data == KEEP_IN_PLACE or is_same_place(old, new):
        return POINT
    if _is_plain(new):
        return MOVE if _is_plain(old) else STAGE_PLAIN
    if kind(new) in (FOREIGN, PLAIN) or new.driver_options.get("size"):
        return STAGE_TWICE
    return STAGE_NEW


def is_same_place(old: Definition, new: Definition) -> bool:
    """Whether both show the same data, and Docker keeps none of it: other labels, or other mount options."""
    if old.driver != new.driver or kind(old) in (PLAIN, FOREIGN) or kind(old) is not kind(new):
        return False
    if any(old.driver_options.get(key) != new.driver_options.get(key) for key in ("type", "device")):
        return False
    return {word.partition("=")[0] for word in _words(old) ^ _words(new)} <= _HOW


def _words(definition: Definition) -> set[str]:
    return {word.strip() for word in definition.driver_options.get("o", "").split(",") if word.strip()}


def _is_plain(definition: Definition) -> bool:
    """A directory of Docker's own without a quota, between which directories move by a rename."""
    return kind(definition) is PLAIN and not definition.driver_options.get("size")


def kind(definition: Definition) -> Kind:
    """What sort of volume it makes."""
    return kind_of(definition.driver, definition.driver_options)


def device(definition: Definition) -> str:
    """Where its data lies, as it is shown to people."""
    return masked(definition.driver_options).get("device", "")


def staging_definition(way: str, new: Definition) -> Definition:
    """What the staging volume is created from, without its label."""
    return Definition(new.driver, new.driver_options, {}) if way == STAGE_NEW else Definition("local", {}, {})
