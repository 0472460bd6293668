# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mount options by what they mean: order does not count, and several ways of writing one thing are one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..runner._problem import Problem

Options = tuple[str, ...]
"""In the order in which they are written, each ``word`` or ``name=value``."""

_WORD = re.compile(r'(?:[^,"]|"[^"]*")+')
_GROUPS: dict[str, str] = {
    word: group
    for group, words in {
        "ro": ("ro", "rw"),
        "hard": ("hard", "soft", "softerr"),
        "suid": ("suid", "nosuid"),
        "dev": ("dev", "nodev"),
        "exec": ("exec", "noexec"),
        "atime": ("atime", "noatime", "relatime", "strictatime"),
        "diratime": ("diratime", "nodiratime"),
        "sync": ("sync", "async"),
        "auto": ("auto", "noauto"),
        "fail": ("fail", "nofail"),
        "lock": ("lock", "nolock"),
        "resvport": ("resvport", "noresvport"),
        "cto": ("cto", "nocto"),
        "ac": ("ac", "noac"),
        "acl": ("acl", "noacl"),
        "sharecache": ("sharecache", "nosharecache"),
        "rdirplus": ("rdirplus", "nordirplus"),
        "fg": ("fg", "bg"),
        "proto": ("tcp", "udp", "rdma"),
    }.items()
    for word in words
}
"""Of the words of one group only one can hold."""
_IMPLIED = frozenset(
    [
        "defaults",
        "fg",
        "hard",
        "suid",
        "dev",
        "exec",
        "async",
        "auto",
        "nouser",
        "atime",
        "relatime",
        "lock",
        "ac",
        "cto",
        "acl",
        "resvport",
        "sharecache",
        "rdirplus",
        "fail",
    ]
)
"""What holds without being written; ``rw`` too, which is kept where somebody wrote it. ``fail`` only takes
``nofail`` of a preset away: mount(8) does not know it."""
_LARGEST_TIMEO = 600
"""Tenths of a second; the kernel takes more for this much."""
_SHOWN_SECRET = re.compile(r"((?:^|[,\s])(?:pass(?:word|wd|phrase)?2?|secret|token)=)[^,\s]*", re.IGNORECASE)
_SECRET = re.compile(r"pass(word|wd|phrase)?2?|secret|token|.*[-_](password|secret|key|pass)", re.IGNORECASE)


def split(opts: Any) -> Options:
    """A string or a list of them as options. A comma in double quotes belongs to the value. Raises Problem."""
    if opts is None:
        return ()
    parts = opts if isinstance(opts, (list, tuple)) else [opts]
    if not all(isinstance(part, (str, int)) and not isinstance(part, bool) for part in parts):
        raise Problem(f"opts: {opts!r} is neither a string nor a list of strings. Write it such as 'ro,noatime'.")
    found = [word.strip() for part in parts for word in _words(str(part))]
    return tuple(word for word in found if word and word != "defaults")


def _words(text: str) -> list[str]:
    if text.count('"') % 2:
        raise Problem(f"opts: a quotation mark in '{text}' has no second one. Put whole values in quotes.")
    if any(ord(character) < 32 for character in text):
        raise Problem("opts: holds a line end or another control character. Write the options on one line.")
    return _WORD.findall(text)


def joined(options: Iterable[str]) -> str:
    """As they stand in fstab."""
    return ",".join(options) or "defaults"


def masked(text: str) -> str:
    """Options, or a line of fstab, that somebody else wrote, without the passwords that should not be there."""
    return _SHOWN_SECRET.sub(r"\1********", text)


def group_of(option: str) -> str:
    """What only one option can say: the name of a value, or what a word and its opposite are about."""
    name, equals, _value = option.partition("=")
    if not equals:
        return _GROUPS.get(name, name)
    return {"nfsvers": "vers", "minorversion": "vers-minor", "user": "username", "pass": "password"}.get(name, name)


def check(options: Options) -> None:
    """Refuse what says two things at once, and secrets. Raises Problem."""
    for option in options:
        name, equals, _value = option.partition("=")
        if equals and _SECRET.fullmatch(name):
            raise Problem(
                f"opts: {name}= would stand in fstab, in units and in the list of processes for everybody. "
                "Take it out, and give the options username and password: they go into a file of mode 0600."
            )
        if name in ("remount", "bind", "rbind", "move"):
            raise Problem(f"opts: {name} is no option of a network mount. Take it out; for a remount set state.")
    seen: dict[str, str] = {}
    for option in _plain(options):
        other = seen.setdefault(group_of(option), option)
        if other != option:
            raise Problem(f"opts: {other} and {option} contradict each other. Keep the one that is meant.")


def over(preset: Options, own: Options) -> Options:
    """The preset with what somebody wrote, which wins wherever both say something about one thing."""
    said = {group_of(option) for option in _plain(own)}
    kept = [option for option in preset if group_of(option) not in said]
    return tuple(option for option in (*kept, *own) if option != "fail")


def canonical(options: Iterable[str], implied: bool = False) -> frozenset[str]:
    """One form for one meaning: to be compared, not to be written. ``implied`` keeps what holds anyway."""
    plain = _plain(options)
    return frozenset(option for option in plain if implied or (option not in _IMPLIED and option != "rw"))


def differences(before: Iterable[str], after: Iterable[str]) -> list[str]:
    """What changes its meaning, as "-soft" and "+hard"; empty when both mean the same."""
    old, new = canonical(before), canonical(after)
    return [f"-{option}" for option in sorted(old - new)] + [f"+{option}" for option in sorted(new - old)]


def value(name: str, options: Iterable[str]) -> str:
    """The value of the last ``name=…``; empty when it is not there."""
    found = [option.partition("=")[2] for option in options if option.partition("=")[0] == name]
    return found[-1] if found else ""


def _plain(options: Iterable[str]) -> list[str]:
    given = [_renamed(option) for option in options]
    version, minor = value("vers", given), value("minorversion", given)
    if version == "4" and minor:
        given = [option for option in given if not option.startswith(("vers=", "minorversion="))]
        return [*given, f"vers=4.{minor}"]
    if minor and version == f"4.{minor}":
        return [option for option in given if not option.startswith("minorversion=")]
    return given


def _renamed(option: str) -> str:
    name, equals, text = option.partition("=")
    if not equals:
        found = re.fullmatch(r"v([234])", name) or re.fullmatch(r"v(4\.\d)", name)
        if found:
            return f"vers={found[1]}"
        return {"tcp": "proto=tcp", "udp": "proto=udp", "rdma": "proto=rdma"}.get(name, name)
    if name in ("nfsvers", "vers"):
        return f"vers={text}"
    if name == "timeo" and text.isdecimal():
        return f"timeo={min(int(text), _LARGEST_TIMEO)}"
    if name in ("x-systemd.mount-timeout", "x-systemd.idle-timeout"):
        return f"{name}={_seconds(text)}"
    return f"{name}={text}"


_UNITS = {"": 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "hr": 3600}


def _seconds(text: str) -> str:
    """A time of systemd in seconds where it is a plain one, such as ``90s``, ``2min``."""
    parts: Sequence[tuple[str, str]] = re.findall(r"(\d+)\s*([a-z]*)", text)
    if not parts or re.sub(r"(\d+)\s*([a-z]*)\s*", "", text) or any(unit not in _UNITS for _n, unit in parts):
        return text
    return str(sum(int(number) * _UNITS[unit] for number, unit in parts))
