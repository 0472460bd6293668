# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in the form of exports(5), and the table that exportfs keeps in the same form: read, and written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_TOKEN = re.compile(r'"([^"]*)"?|((?:\\.|[^\s"])+)')
_CLIENT = re.compile(r"([^(]*)(?:\((.*?)\)?)?$")
_SPECIAL = re.compile(r'[\s"#\\]')


@dataclass(frozen=True)
class Entry:
    """One directory for one client."""

    path: str
    host: str
    options: tuple[str, ...] = ()
    file: str = ""
    line: int = 0
    """From 1 on; where the statement begins that may go on over several lines."""

    @property
    def place(self) -> str:
        return f"{self.file}:{self.line}"


def entries(text: str, file: str = "") -> tuple[Entry, ...]:
    """All that a file exports. What exportfs does not understand is read as far as it makes sense."""
    found: list[Entry] = []
    for number, statement in _statements(text):
        tokens = list(_tokens(statement))
        if tokens:
            found += _of_statement(tokens, file, number)
    return tuple(found)


def written(path: str, host: str, options: Iterable[str]) -> str:
    """One line."""
    return f"{_escaped(path)} {host}({','.join(_escaped(option) for option in options)})"


def _of_statement(tokens: list[str], file: str, number: int) -> Iterator[Entry]:
    path, hosts = _unescaped(tokens[0]), 0
    defaults: tuple[str, ...] = ()
    for token in tokens[1:]:
        if token.startswith("-"):
            defaults = _options(token[1:])
            continue
        match = _CLIENT.match(token)
        host, options = (match[1], match[2]) if match else (token, None)
        hosts += 1
        yield Entry(path, host or "*", (*defaults, *_options(options or "")), file, number)
    if not hosts:
        yield Entry(path, "*", defaults, file, number)


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, those joined that a backslash at the end continues."""
    begun, number = "", 0
    for index, line in enumerate(text.split("\n"), start=1):
        number = number or index
        if line.endswith("\\"):
            begun += line[:-1] + " "
            continue
        yield number, begun + line
        begun, number = "", 0
    if begun:
        yield number, begun


def _tokens(statement: str) -> Iterator[str]:
    """What stands between blanks, up to a comment."""
    for match in re.finditer(r'(?:"[^"]*"?|\\.|[^\s"])+', statement):
        if match[0].startswith("#"):
            return
        yield match[0].replace('"', "")


def _options(text: str) -> tuple[str, ...]:
    return tuple(_unescaped(option) for option in text.split(",") if option)


def _escaped(text: str) -> str:
    return _SPECIAL.sub(lambda match: f"\\{ord(match[0]):03o}", text)


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)
