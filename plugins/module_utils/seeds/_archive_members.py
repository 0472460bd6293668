# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which members of an archive may be unpacked, and to where. No input, no output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..runner._problem import Problem

FILE, DIRECTORY, SYMLINK, HARD_LINK, PIPE = "file", "directory", "symbolic link", "hard link", "pipe"

_LONGEST_SHOWN = 200
_REPACK = "Nothing of it was put in place. Pack it anew without that."


@dataclass(frozen=True)
class Member:
    """One entry of an archive, as it will be in the tree."""

    parts: tuple[str, ...]
    """Its path below the root of the tree, never upwards; empty for the root itself, which is a directory."""
    kind: str
    mode: int
    uid: int
    gid: int
    modified: float
    """Seconds since the epoch."""
    target: str = ""
    """Where a symbolic link points."""
    original: tuple[str, ...] = ()
    """The path below the root of what a hard link is another name of."""
    size: int = 0
    """Bytes of a file."""
    is_sparse: bool = False
    attributes: Mapping[str, bytes] = field(default_factory=dict)
    """Extended attributes."""


def placed(name: str, strip: int, is_directory: bool = False) -> tuple[str, ...] | None:
    """The path of a member without its ``strip`` leading components; None: it is left out.

    Empty is the root of the tree, which only a directory can be: ``./``, or what is stripped away whole. Raises Problem
    for a path that leads out of the tree.
    """
    components = name.split("/")
    if name.startswith("/"):
        raise Problem(f"its member {shown(name)} has an absolute path. {_REPACK}")
    if ".." in components:
        raise Problem(f"its member {shown(name)} leads out of the archive with '..'. {_REPACK}")
    if "\0" in name:
        raise Problem(f"its member {shown(name)} has a zero byte in its name. {_REPACK}")
    parts = tuple(part for part in components if part not in ("", "."))
    if len(parts) > strip or (len(parts) == strip and is_directory):
        return parts[strip:]
    return None


def check_symlink(name: str, parts: tuple[str, ...], target: str) -> None:
    """Problem when the link at ``parts`` points out of the tree, or goes a way that nobody can tell beforehand.

    ``..`` counts only at the beginning: after the name of another link it would lead to somewhere else.
    """
    if not target or "\0" in target:
        raise Problem(f"its symbolic link {shown(name)} has no sound target. {_REPACK}")
    steps = [step for step in target.split("/") if step not in ("", ".")]
    upwards = 0
    while upwards < len(steps) and steps[upwards] == "..":
        upwards += 1
    if target.startswith("/") or upwards > len(parts) - 1 or ".." in steps[upwards:]:
        raise Problem(f"its symbolic link {shown(name)} points out of the archive, to {shown(target)}. {_REPACK}")


def refused(name: str, kind: str) -> Problem:
    """For what no archive of data holds."""
    return Problem(f"its member {shown(name)} is a {kind}. {_REPACK}")


def shown(name: str) -> str:
    """A name that somebody else chose, fit for an error."""
    text = name.encode("utf-8", "backslashreplace").decode()
    text = "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
    return f"'{text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + '…'}'"
