# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver options and labels of volumes: taken as Docker keeps them, compared exactly, shown without their secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..runner._problem import Problem

HIDDEN = "********"

_SECRET_NAME = re.compile(r"pass|secret|token|cred|key", re.IGNORECASE)
_PASSWORD_IN_URL = re.compile(r"//[^/@\s:]*:([^/@\s]*)@")
_LOCAL_OPTIONS = ("type", "o", "device", "size")
_LOCAL_NEEDS = {"device": ("type",), "type": ("device",), "o": ("device", "type")}
"""What the local driver checks (moby, volume/local/local_linux.go); everything else it finds out at the first mount."""
_SHORTEST_SECRET = 4


def as_strings(of: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Numbers and booleans as Docker keeps them; refuses what has no such form. ``of`` names the option."""
    return {str(name): _as_string(f"{of}.{name}", value) for name, value in given.items()}


def _as_string(of: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    shown = "null" if value is None else f"a {'list' if isinstance(value, list) else 'dictionary'}"
    raise Problem(f"{of}: is {shown}, Docker takes a string. Write one, or leave the key out.")


def check_local(options: Mapping[str, str]) -> None:
    """Refuse options that the local driver refuses, before anything is removed for their sake."""
    unknown = sorted(set(options) - set(_LOCAL_OPTIONS))
    if unknown:
        raise Problem(
            f"driver_options.{unknown[0]}: the local driver knows {', '.join(_LOCAL_OPTIONS)} only. "
            "Take it out, or set driver."
        )
    for name, needed in _LOCAL_NEEDS.items():
        missing = [other for other in needed if options.get(name) and not options.get(other)]
        if missing:
            raise Problem(
                f"driver_options.{name}: the local driver takes it only together with {' and '.join(missing)}. Add it."
            )


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Added, changed and removed keys as "size: '1G' → unset"; ``o`` is a set, of which only the difference is told."""
    told = []
    for name in sorted({*before, *after}):
        if name == "o" and name in before and name in after:
            told += _difference_of_o(before[name], after[name])
        elif before.get(name) != after.get(name):
            told.append(f"{name}: {_arrow(_shown(before, name), _shown(after, name))}")
    return told


def _difference_of_o(before: str, after: str) -> list[str]:
    """Mount options have no order: "ro,soft" and "soft,ro" are the same."""
    had, wanted = (frozenset(filter(None, map(str.strip, value.split(",")))) for value in (before, after))
    gone, new = (_masked("o", ",".join(sorted(part))) for part in (had - wanted, wanted - had))
    if gone and new:
        return [f"o: {_arrow(repr(gone), repr(new))}"]
    return [f"o: '{part}' {verb}" for part, verb in ((gone, "removed"), (new, "added")) if part]


def _arrow(before: str, after: str) -> str:
    return f"{before} → {'another ' if before == after else ''}{after}"


def _shown(options: Mapping[str, str], name: str) -> str:
    return f"'{_masked(name, options[name])}'" if name in options else "unset"


def masked(options: Mapping[str, str]) -> dict[str, str]:
    """The options with every secret in them hidden, in the same order."""
    return {name: _masked(name, value) for name, value in options.items()}


def secrets(options: Mapping[str, Any]) -> Iterator[str]:
    """The secrets in options as the user wrote them, for Ansible to keep out of logs and results.

    Shorter ones than four characters are left out: Ansible hides a value wherever it occurs, in any word.
    """
    for name, value in options.items():
        for text, is_secret in _segments(str(name), str(value)):
            if is_secret and len(text) >= _SHORTEST_SECRET:
                yield text


def _masked(name: str, value: str) -> str:
    return "".join(HIDDEN if is_secret else text for text, is_secret in _segments(name, value))


def _segments(name: str, value: str) -> Iterator[tuple[str, bool]]:
    """The value in pieces, each with whether it is a secret."""
    if _SECRET_NAME.search(name):
        yield value, True
    elif name == "o":
        for number, option in enumerate(value.split(",")):
            yield "," if number else "", False
            yield from _segments_of_mount_option(option)
    else:
        place = 0
        for found in _PASSWORD_IN_URL.finditer(value):
            yield value[place : found.start(1)], False
            yield found.group(1), True
            place = found.end(1)
        yield value[place:], False


def _segments_of_mount_option(option: str) -> Iterator[tuple[str, bool]]:
    name, equals, value = option.partition("=")
    if _SECRET_NAME.search(name):
        yield name + equals, False
        yield value, bool(equals)
    elif name.strip() in ("user", "username") and "%" in value:
        user, percent, password = option.partition("%")
        yield user + percent, False
        yield password, True
    else:
        yield option, False
