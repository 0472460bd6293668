# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restic's patterns leave out of a backup. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

_ANY = "**"
_TOKEN = re.compile(r"\\(?P<plain>.)|(?P<class>\[\^?(?:\\.|[^\]\\])+\])|(?P<other>.)", re.DOTALL)
_WORDS = {"*": "[^/]*", "?": "[^/]"}


class Exclusion:
    """The patterns of one backup, as restic's documentation has them under "Excluding files"."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._rules = [(pattern.startswith("!"), _compiled(pattern.removeprefix("!"))) for pattern in patterns]

    def leaves_out(self, path: str) -> bool:
        """Whether restic passes over this absolute path, by its own name or by one above it.

        The last pattern that fits has the word; one with ``!`` brings back what those before it leave out.
        """
        found = False
        for brings_back, expression in self._rules:
            if found is brings_back and expression.match(path):
                found = not brings_back
        return found


def _compiled(pattern: str) -> re.Pattern[str]:
    """What fits names that follow each other in a path; from its root on when the pattern begins with ``/``."""
    parts = [part for part in posixpath.normpath(pattern).split("/") if part]
    text = "" if pattern.startswith("/") else ".*"
    text += "".join("(?:/[^/]+)*" if part == _ANY else f"/{_name(part)}" for part in parts)
    try:
        return re.compile(f"{text}(?=/|\\Z)", re.DOTALL)
    except re.error:
        # Go refuses it too, and restic with it.
        return re.compile(r"(?!)")


def _name(part: str) -> str:
    """Go's pattern for one name, see its path/filepath.Match."""
    return "".join(
        f"(?!/){found['class']}"
        if found["class"]
        else _WORDS.get(found["other"]) or re.escape(found["plain"] or found["other"])
        for found in _TOKEN.finditer(part)
    )
