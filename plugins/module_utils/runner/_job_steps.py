# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a job has done around the reading of its files: databases dumped, commands of its owner run. Only checked."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from ._problem import Problem

SQLITE, COMMAND = "sqlite", "command"
TYPES = ("postgresql", "mariadb", "mysql", "mongodb", "redis", SQLITE, COMMAND)
HOOKS = ("before", "after", "on_success", "on_failure")
_FILE = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")
_CONTAINER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_WORD = re.compile(r"[^-\s=/:][^\s=/:]*")
_LONGEST = 7 * 86400
_TAKES = {
    "container": TYPES,
    "database": ("postgresql", "mariadb", "mysql", "mongodb"),
    "user": ("postgresql", "mariadb", "mysql", "mongodb", "redis"),
    "password_file": ("postgresql", "mariadb", "mysql", "mongodb", "redis"),
    "run_as": ("postgresql", "mariadb", "mysql", "mongodb", "redis", COMMAND),
    "path": (SQLITE,),
    "command": (COMMAND,),
}


@dataclass(frozen=True)
class Dump:
    """What a database writes of itself before each backup."""

    name: str
    type: str
    container: str | None = None
    """Where its program runs; None for the host itself."""
    database: str | None = None
    """None for all of the server's."""
    user: str | None = None
    """Whom the server takes it for."""
    password_file: str | None = None
    run_as: str | None = None
    """The system's user that the program runs as."""
    path: str | None = None
    """Of SQLite's database, as the container sees it where one is named."""
    command: tuple[str, ...] = ()
    timeout: int = 3600

    @property
    def label(self) -> str:
        """What a person calls it."""
        return f"dump {self.name} ({self.type}{f' in container {self.container}' if self.container else ''})"


@dataclass(frozen=True)
class Hook:
    """A command of the job's owner, as an argument list."""

    command: tuple[str, ...]
    timeout: int = 300


@dataclass(frozen=True)
class Hooks:
    """When which of them run."""

    before: tuple[Hook, ...] = ()
    after: tuple[Hook, ...] = ()
    on_success: tuple[Hook, ...] = ()
    on_failure: tuple[Hook, ...] = ()

    @property
    def seconds_at_the_end(self) -> int:
        """How long those may take altogether that run once the containers are back."""
        return sum(hook.timeout for hook in (*self.after, *self.on_success, *self.on_failure))


def dumps_of(noun: str, value: object) -> tuple[Dump, ...]:
    """The dumps from a parsed job file. Problem on unknown keys and wrong types."""
    return tuple(
        Dump(**_values(f"{noun}: dumps", entry, {option.name for option in fields(Dump)}, ("name", "type")))
        for entry in _list(f"{noun}: dumps", value)
    )


def hooks_of(noun: str, value: object) -> Hooks:
    """The hooks from a parsed job file. Problem on unknown keys and wrong types."""
    found = _values(f"{noun}: hooks", value, set(HOOKS), ())
    known = {option.name for option in fields(Hook)}
    return Hooks(
        **{
            when: tuple(
                Hook(**_values(f"{noun}: hooks: {when}", entry, known, ("command",)))
                for entry in _list(f"{noun}: hooks: {when}", entries)
            )
            for when, entries in found.items()
        }
    )


def check_dumps(noun: str, dumps: tuple[Dump, ...]) -> None:
    """Problem on what cannot be."""
    for dump in dumps:
        _require(f"{noun}: dumps", "name", dump.name, _FILE, "1 to 63 of a-z, A-Z, 0-9, ., _ and -")
        _check_dump(f"{noun}: dump {dump.name}", dump)
    twice = sorted({dump.name for dump in dumps if [one.name for one in dumps].count(dump.name) > 1})
    if twice:
        raise Problem(f"{noun}: dumps {', '.join(twice)}: named twice. Give each a name of its own.")


def _check_dump(noun: str, dump: Dump) -> None:
    if dump.type not in TYPES:
        raise Problem(f"{noun}: type {dump.type!r}: must be one of {', '.join(TYPES)}.")
    for option, types in _TAKES.items():
        if getattr(dump, option) and dump.type not in types:
            raise Problem(f"{noun}: {option} has no meaning for {dump.type}. Leave it out.")
    _require(noun, "container", dump.container, _CONTAINER, "the name of a container")
    for option in ("database", "user", "run_as"):
        _require(noun, option, getattr(dump, option), _WORD, "a name without =, :, / and spaces, and no option")
    for option in ("password_file", "path"):
        value = getattr(dump, option)
        if value is not None and not (os.path.isabs(value) and os.path.normpath(value) == value):
            raise Problem(f"{noun}: {option} {value!r}: must be an absolute path without ..")
    if dump.type == SQLITE and not dump.path:
        raise Problem(f"{noun}: path is missing: which database of SQLite's?")
    if dump.type == COMMAND:
        _check_command(noun, dump.command)
    _check_timeout(noun, dump.timeout)


def check_hooks(noun: str, hooks: Hooks) -> None:
    """Problem on what cannot be."""
    for when in HOOKS:
        for hook in getattr(hooks, when):
            own = f"{noun}: hooks: {when}"
            _check_command(own, hook.command)
            if not os.path.isabs(hook.command[0]):
                raise Problem(f"{own}: command {hook.command[0]!r}: must begin with the absolute path of a program.")
            _check_timeout(own, hook.timeout)


def _check_command(noun: str, command: tuple[str, ...]) -> None:
    if not command or not all(isinstance(word, str) and "\0" not in word for word in command) or not command[0]:
        raise Problem(f"{noun}: command: must be a list of texts that begins with a program. It is no shell's line.")


def _check_timeout(noun: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _LONGEST:
        raise Problem(f"{noun}: timeout {value!r}: must be seconds, 1 or more, and a week at most.")


def _require(noun: str, option: str, value: object, form: re.Pattern[str], wanted: str) -> None:
    if value is not None and not (isinstance(value, str) and form.fullmatch(value)):
        raise Problem(f"{noun}: {option} {value!r}: must be {wanted}.")


def _values(noun: str, value: object, known: set[str], needed: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise Problem(f"{noun}: must be an object with named values.")
    unknown = sorted(set(value) - known)
    if unknown:
        raise Problem(f"{noun}: unknown: {', '.join(unknown)}. Known are {', '.join(sorted(known))}.")
    missing = [name for name in needed if name not in value]
    if missing:
        raise Problem(f"{noun}: {' and '.join(missing)} missing.")
    found = {name: tuple(_list(noun, one)) if name == "command" else one for name, one in value.items()}
    texts = [name for name, one in found.items() if name in _TAKES and name != "command" and one is not None]
    if not all(isinstance(found[name], str) for name in texts):
        raise Problem(f"{noun}: {', '.join(texts)}: must be texts.")
    return found


def _list(noun: str, value: object) -> list[Any]:
    if not isinstance(value, (list, tuple)):
        raise Problem(f"{noun}: must be a list.")
    return list(value)
