# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""POSIX access control lists of directories, in the words of ``setfacl`` and in the form that the kernel keeps.

The words are those of acl(5) and setfacl(1), the form that of the kernel's ``linux/posix_acl_xattr.h``. No program is
needed, and a list can be set on an open directory, which nobody can exchange.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..runner._problem import Problem
from ._ownership import group_id, user_id

USER, GROUP, MASK, OTHER = "user", "group", "mask", "other"

_WORDS = {"u": USER, "user": USER, "g": GROUP, "group": GROUP, "m": MASK, "mask": MASK, "o": OTHER, "other": OTHER}
_PERMISSIONS = re.compile(r"[rwxX-]{1,3}|[0-7]")
_BITS = {"r": 4, "w": 2, "x": 1, "X": 1, "-": 0}
_VERSION = 2
_HEAD = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_TAGS = {(USER, False): 0x01, (USER, True): 0x02, (GROUP, False): 0x04, (GROUP, True): 0x08, (MASK, False): 0x10}
_TAGS[(OTHER, False)] = 0x20
_NAMES = {tag: word for (word, _named), tag in _TAGS.items()}
_NO_ID = 2**32 - 1


@dataclass(frozen=True)
class Entry:
    """One line of a list. The default list is what new files in the directory begin with."""

    tag: str
    id: int | None
    """None for the owner, the owning group, the mask and the others."""
    permissions: int
    default: bool = False

    def __str__(self) -> str:
        bits = "".join(letter if self.permissions & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
        return f"{'default:' if self.default else ''}{self.tag}:{'' if self.id is None else self.id}:{bits}"

    @property
    def is_base(self) -> bool:
        """One of the three that every directory has, and that its mode says."""
        return self.id is None and self.tag != MASK and not self.default

    @property
    def kind(self) -> int:
        """The kernel's number for the tag, which is also the order that it demands."""
        return _TAGS[self.tag, self.id is not None]


@dataclass(frozen=True)
class Acl:
    """Both lists of a directory, whole."""

    entries: frozenset[Entry] = frozenset()

    @property
    def base(self) -> int:
        """What owner, owning group and others may, as nine bits of a mode."""
        shifts = {USER: 6, GROUP: 3, OTHER: 0}
        return sum(entry.permissions << shifts[entry.tag] for entry in self.entries if entry.is_base)

    @property
    def own(self) -> list[str]:
        """What goes beyond the mode, in words and in order."""
        return [str(entry) for entry in _ordered(self.entries) if not entry.is_base]

    def packed(self, default: bool) -> bytes:
        """One of the lists as the kernel takes it; empty when there is none beyond the mode."""
        entries = [entry for entry in _ordered(self.entries) if entry.default == default]
        if all(entry.is_base for entry in entries):
            return b""
        packed = (
            _ENTRY.pack(entry.kind, entry.permissions, _NO_ID if entry.id is None else entry.id) for entry in entries
        )
        return _HEAD.pack(_VERSION) + b"".join(packed)


def parse(words: Sequence[str]) -> tuple[Entry, ...]:
    """The entries that a task declares. Raises :class:`Problem`, which begins with "acl"."""
    entries = [_parsed(word) for word in words]
    places = [(entry.default, entry.tag, entry.id) for entry in entries]
    for entry, place in zip(entries, places):
        if places.count(place) > 1:
            raise Problem(f"acl: {str(entry).rpartition(':')[0]} is in the list twice. Keep one of them.")
    return tuple(entries)


def composed(mode: int, declared: Iterable[Entry]) -> Acl:
    """The whole lists that a mode and the declared entries make: with the base, and with the masks computed.

    As setfacl does it: a mask is what all named entries and the owning group may together, unless it is declared, and
    the default list takes from the mode what it does not say itself.
    """
    base = [Entry(USER, None, mode >> 6 & 7), Entry(GROUP, None, mode >> 3 & 7), Entry(OTHER, None, mode & 7)]
    declared = list(declared)
    access = _masked([*base, *(entry for entry in declared if not entry.default)])
    default = [entry for entry in declared if entry.default]
    if default:
        said = {(entry.tag, entry.id) for entry in default}
        default += [replace(entry, default=True) for entry in base if (entry.tag, entry.id) not in said]
    return Acl(frozenset([*access, *_masked(default)]))


def unpacked(mode: int, access: bytes, default: bytes) -> Acl:
    """The lists as the kernel gives them, empty when there is none; the access list is the mode then."""
    own = _unpacked(access, False) if access else composed(mode, ()).entries
    return Acl(frozenset([*own, *_unpacked(default, True)]))


def difference(seen: Acl, wanted: Acl) -> str:
    """What goes beyond the mode and differs, as "acl +user:33:rwx -user:34:r--"; empty when nothing does."""
    had, wants = (set(acl.own) for acl in (seen, wanted))
    changes = [f"+{word}" for word in wanted.own if word not in had] + [
        f"-{word}" for word in seen.own if word not in wants
    ]
    return f"acl {' '.join(changes)}" if changes else ""


def _parsed(word: str) -> Entry:
    parts = [part.strip() for part in word.split(":")]
    default = parts[0] in ("d", "default")
    tag, name, permissions = [*parts[default:], "", ""][:3] if len(parts) - default == 3 else ("", "", "")
    if tag not in _WORDS or not _PERMISSIONS.fullmatch(permissions) or (name and _WORDS[tag] in (MASK, OTHER)):
        raise Problem(
            f"acl: '{word}' is no entry. Write it as setfacl takes it, such as user:5432:rwx, group:backup:r-x, "
            "mask::r-x or default:user:5432:rwx."
        )
    of = _WORDS[tag]
    number = user_id("acl", name or None) if of == USER else group_id("acl", name or None) if of == GROUP else None
    entry = Entry(of, number, _bits(permissions), default)
    if entry.is_base:
        raise Problem(f"acl: '{word}' is what mode says. Set mode, and keep the list for what goes beyond it.")
    return entry


def _bits(permissions: str) -> int:
    if permissions.isdecimal():
        return int(permissions)
    bits = 0
    for letter in permissions:
        bits |= _BITS[letter]
    return bits


def _masked(entries: list[Entry]) -> list[Entry]:
    """With a mask where one is needed: the kernel takes no named entry without it."""
    if any(entry.tag == MASK for entry in entries) or all(entry.id is None for entry in entries):
        return entries
    bits = 0
    for entry in entries:
        if entry.id is not None or entry.tag == GROUP:
            bits |= entry.permissions
    return [*entries, Entry(MASK, None, bits, entries[0].default)]


def _ordered(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.default, entry.kind, entry.id or 0))


def _unpacked(packed: bytes, default: bool) -> list[Entry]:
    entries = _ENTRY.iter_unpack(packed[_HEAD.size :])
    return [
        Entry(_NAMES[kind], None if number == _NO_ID else number, permissions, default)
        for kind, permissions, number in entries
    ]
