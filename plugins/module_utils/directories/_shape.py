# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of a volume: owner and mode of its root, and the directories in it. Nothing is done here, only planned.

Ids are those that a container sees; with remapped user namespaces ``_shaping`` adds what the daemon adds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._pipeline import Action
from ..runner._problem import Problem
from . import _ownership
from ._ownership import Ownership

VERB = "shape"
"""The verb of all actions made here."""

OPTIONS: Mapping[str, Any] = {
    **_ownership.OPTIONS,
    "selinux_type": {"type": "str"},
    "directories": {
        "type": "list",
        "elements": "dict",
        "options": {"path": {"type": "str", "required": True}, **_ownership.OPTIONS},
    },
    "recurse": {"type": "bool", "default": False},
}

_UNDECLARED = Ownership(0, 0, 0o755)
"""What a directory gets of which nothing is declared."""


@dataclass(frozen=True)
class Wish:
    """The shape as the task wants it."""

    root: Ownership = field(default_factory=Ownership)
    directories: Mapping[str, Ownership] = field(default_factory=dict)
    """By relative path, a directory before those in it."""
    recurse: bool = False
    """Whether all that the volume holds at its first use gets owner and group."""


@dataclass(frozen=True)
class Seen:
    """The shape as it is."""

    root: Ownership = field(default_factory=Ownership)
    directories: Mapping[str, Ownership] = field(default_factory=dict)
    """Of the declared ones, those that are there."""
    strangers: int | None = 0
    """How many entries a recursion has to give to another owner; None when there are some and nobody can count yet."""


NEW = Seen(Ownership(0, 0, 0o755))
"""A volume that the local driver has just made in its own place."""
UNSEEN = Seen()
"""A volume of which only its mount will tell."""


def wish_of(item: Mapping[str, Any]) -> Wish | None:
    """What the options declare, None when nothing. Raises :class:`Problem`, which begins with the option's name."""
    root = _ownership.ownership_of(item)
    given: Sequence[Mapping[str, Any]] = item.get("directories") or ()
    directories: dict[str, Ownership] = {}
    for directory in given:
        path = _checked(str(directory["path"]))
        if path in directories:
            raise Problem(f"directories: {path} is in the list twice. Keep one of them.")
        try:
            directories[path] = _ownership.ownership_of(directory)
        except Problem as problem:
            raise Problem(f"directories: {path}: {problem}") from problem
    if item.get("recurse") and root.uid is None and root.gid is None:
        raise Problem("recurse: there is nothing to hand down. Set owner or group, or leave it out.")
    if root == Ownership() and not directories:
        return None
    ordered = {path: directories[path] for path in sorted(directories, key=lambda path: path.split("/"))}
    return Wish(root, ordered, bool(item.get("recurse")))


def _checked(path: str) -> str:
    is_plain = path == os.path.normpath(path) and "\0" not in path
    if not is_plain or path.startswith(("/", "../")) or path in (".", ".."):
        raise Problem(
            f"directories: '{path}' does not lie in the volume. Give a path relative to the volume's root, without "
            "'.', '..', and '/' at its ends."
        )
    return path


def created(wish: Wish, path: str) -> Ownership:
    """What a declared directory gets that is made: where nothing is declared, owner and group of what it lies in."""
    return wish.directories[path].over(_on_the_way(wish, path))


def _on_the_way(wish: Wish, path: str) -> Ownership:
    """What the directories above it get that are made for its sake."""
    return heir(wish, path.split("/")[:-1]).over(_UNDECLARED)


def actions(noun: str, wish: Wish, seen: Seen) -> tuple[Action, ...]:
    """The way from the seen shape to the wished one. ``noun`` names the volume: "volume pgdata"."""
    made = []
    told = _ownership.differences(seen.root, wish.root)
    if told:
        made.append(_action(noun, "", f"set {', '.join(told)} of {noun}", wish.root))
    for path, declared in wish.directories.items():
        there = seen.directories.get(path)
        if there is None:
            wanted = created(wish, path)
            sentence = f"create directory {path} in {noun} with {_ownership.described(wanted)}"
            made.append(_action(noun, path, sentence, wanted, above=_on_the_way(wish, path)))
        elif told := _ownership.differences(there, declared):
            made.append(_action(noun, path, f"set {', '.join(told)} of directory {path} in {noun}", declared))
    if wish.recurse and seen.strangers != 0:
        made.append(_recursion(noun, wish, seen.strangers))
    return tuple(made)


def _action(noun: str, path: str, sentence: str, wanted: Ownership, above: Ownership | None = None) -> Action:
    """``above``: what the directories on the way get, when the directory is to be made."""
    return Action(VERB, sentence, details={"of": noun, "path": path, "wanted": wanted, "above": above})


def _recursion(noun: str, wish: Wish, strangers: int | None) -> Action:
    what = "all" if strangers is None else f"{strangers:,} entr{'y' if strangers == 1 else 'ies'}"
    sentence = f"hand owner and group down to {what} in {noun}"
    return Action(VERB, sentence, details={"of": noun, "wish": wish})


def heir(wish: Wish, names: Sequence[str]) -> Ownership:
    """Owner and group that a recursion gives to what lies at ``names``: those of the nearest declared directory."""
    wanted = Ownership(wish.root.uid, wish.root.gid)
    for depth in range(1, len(names) + 1):
        declared = wish.directories.get("/".join(names[:depth]))
        if declared is not None:
            wanted = Ownership(declared.uid, declared.gid).over(wanted)
    return wanted


def shown(wish: Wish, seen: Seen) -> dict[str, Any]:
    """What is managed of the shape, as it is, in the form of the module's result."""
    return _shown(
        wish, seen.root, {path: seen.directories[path] for path in wish.directories if path in seen.directories}
    )


def predicted(wish: Wish, seen: Seen) -> dict[str, Any]:
    """The same as it will be."""
    directories = {}
    for path, declared in wish.directories.items():
        there = seen.directories.get(path)
        handed_down = heir(wish, path.split("/")) if wish.recurse and seen.strangers != 0 else Ownership()
        directories[path] = created(wish, path) if there is None else declared.over(handed_down).over(there)
    return _shown(wish, wish.root.over(seen.root), directories)


def _shown(wish: Wish, root: Ownership, directories: Mapping[str, Ownership]) -> dict[str, Any]:
    result = {**_ownership.shown(root), "selinux_type": root.selinux_type}
    if wish.directories:
        result["directories"] = [{"path": path, **_ownership.shown(of)} for path, of in directories.items()]
    return result
