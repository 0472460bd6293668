# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mount options as somebody declared them against those with which the kernel really mounted. No input, no output.

The kernel shows more than was declared (its defaults), leaves out what it shows nowhere, and writes some values in a
form of its own. Only what is declared counts, and only where the kernel would show something else.
"""

from __future__ import annotations

import ipaddress
import mmap
import re
from collections.abc import Collection, Mapping

from ._driver_options import differences

Addresses = Mapping[str, Collection[str]]
"""Host name → its addresses. A name that could not be resolved is missing."""

_OPPOSITES = {
    "ro": "rw",
    "noexec": "exec",
    "nosuid": "suid",
    "nodev": "dev",
    "noatime": "atime",
    "nodiratime": "diratime",
    "sync": "async",
}
"""Flags that the kernel shows for every file system when they are set (fs/proc_namespace.c), with their absence."""
_WHEN_ABSENT = {absent: flag for flag, absent in _OPPOSITES.items()}
_WAYS_TO_FAIL = frozenset(("soft", "hard", "softerr"))
"""NFS always shows one of them."""
_OTHER_NAMES = {"nfsvers": "vers", "user": "username"}
_AGREED_ON = frozenset(("rsize", "wsize", "bsize"))
"""The server has a say in them."""
_OCTAL = frozenset(("mode", "file_mode", "dir_mode"))
_AMOUNTS = frozenset(("size", "nr_inodes"))
_SHIFTS = {"": 0, "k": 10, "m": 20, "g": 30, "t": 40}
_SAME_VERSION = {"3.11": "3.1.1", "3.02": "3.0.2", "3.1.1": "3.1.1"}


def words(options: str) -> list[str]:
    """The options in ``o``, without blanks and empty ones."""
    return [option.strip() for option in options.split(",") if option.strip()]


def value_of(name: str, options: str) -> str:
    """The value of ``name=value`` in ``o``; empty when it is not there."""
    return next((word.partition("=")[2] for word in words(options) if word.partition("=")[0] == name), "")


def told(declared: str, live: Collection[str], addresses: Addresses) -> list[str]:
    """Declared options that are not in force, as "o: 'hard' → 'soft'"; empty when all are. Secrets are hidden."""
    pairs = [(seen, word) for word in words(declared) for seen in [_instead(word, live, addresses)] if seen]
    if not pairs:
        return []
    seen, wanted = (",".join(part) for part in zip(*pairs))
    return differences({"o": seen}, {"o": wanted})


def told_of_bind(declared: str, live: Collection[str]) -> list[str]:
    """As :func:`told` for a bind mount, to which Docker applies ``ro`` and no other option."""
    return told(",".join(word for word in words(declared) if word in ("ro", "rw")), live, {})


def _instead(word: str, live: Collection[str], addresses: Addresses) -> str:
    """What is in force instead of the declared option; empty when it is in force itself, or nobody can tell."""
    name, equals, value = word.partition("=")
    if not equals:
        return _other_flag(word, live)
    name = _OTHER_NAMES.get(name, name)
    shown = next((seen for seen in live if seen.partition("=")[0] == name), "")
    if not shown or name in _AGREED_ON or _is_same(name, value, shown.partition("=")[2], addresses):
        return ""
    return shown


def _other_flag(word: str, live: Collection[str]) -> str:
    if word in live:
        return ""
    if word in _WAYS_TO_FAIL:
        return next((way for way in sorted(_WAYS_TO_FAIL) if way in live), "")
    if word in _OPPOSITES:
        return _OPPOSITES[word]
    flag = _WHEN_ABSENT.get(word, "")
    return flag if flag in live else ""


def _is_same(name: str, declared: str, seen: str, addresses: Addresses) -> bool:
    if name == "addr":
        return is_address_of(declared, seen, addresses)
    if name == "vers":
        return _is_version(declared, seen)
    if name in _OCTAL:
        return _number(declared, 8) == _number(seen, 8)
    if name in _AMOUNTS:
        return declared.endswith("%") or _amount(name, declared) == _amount(name, seen)
    number = _number(declared, 10)
    return declared == seen or (number is not None and number == _number(seen, 10))


def is_address_of(host: str, seen: str, addresses: Addresses) -> bool:
    """Whether the address is the host's. A host that cannot be resolved now may have had it."""
    own = _address(host)
    if own:
        return own == _address(seen)
    return host not in addresses or _address(seen) in {_address(address) for address in addresses[host]}


def is_address(text: str) -> bool:
    """Whether it is an address, so that nobody has to resolve it."""
    return bool(_address(text))


def _address(text: str) -> str:
    """In one form: IPv6 can be written in many."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""


def _is_version(declared: str, seen: str) -> bool:
    """Version 4 of NFS stands for each of 4.0, 4.1 and 4.2; SMB writes some of its own in two ways."""
    declared, seen = (_SAME_VERSION.get(version, version) for version in (declared, seen))
    return declared == "default" or seen == declared or seen.startswith(f"{declared}.")


def _number(text: str, base: int) -> int | None:
    try:
        return int(text, base)
    except ValueError:
        return None


def _amount(name: str, text: str) -> int | None:
    """A tmpfs's size in bytes, which the kernel rounds up to whole pages, or its number of inodes."""
    found = re.fullmatch(r"(\d+)([kmgt]?)", text.lower())
    if not found:
        return None
    amount = int(found[1]) << _SHIFTS[found[2]]
    return -(-amount // mmap.PAGESIZE) if name == "size" else amount
