# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a directory that containers bind should be, what it is, and the way to it. Only names of users are looked up."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._pipeline import Action, Plan
from ..runner import _words
from ..runner._problem import Problem
from ..trees._content import Content
from . import _acl, _ownership
from ._acl import Acl
from ._ownership import Ownership
from ._sensitive import why_sensitive

OPTIONS: Mapping[str, Any] = {
    **_ownership.OPTIONS,
    "acl": {"type": "list", "elements": "str"},
    "selinux_type": {"type": "str"},
    "file_system": {"type": "str"},
    "minimum_free": {"type": "str"},
    "sensitive": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}

_NEW = Ownership(0, 0, 0o750)
"""What a directory gets of which nothing is declared."""
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKMGTP]?)(i?)B?")
_PERMISSIONS = 0o777


@dataclass(frozen=True)
class Desired:
    """A directory as the task wants it. None: not managed, whatever the directory has is right."""

    path: str
    ownership: Ownership = field(default_factory=Ownership)
    acl: tuple[_acl.Entry, ...] | None = None
    file_system: str | None = None
    """The mount point in whose file system it has to lie."""
    minimum_free: int = 0
    """Bytes that have to be free in its file system."""
    present: bool = True


@dataclass(frozen=True)
class Seen:
    """A directory as it is."""

    ownership: Ownership | None = None
    """None when it is not there."""
    acl: Acl | None = None
    """None where the file system keeps none."""
    missing: tuple[str, ...] = ()
    """The directories above it that are not there, and that no other item makes."""
    file_system: str = "/"
    """The mount point in whose file system it lies, or would."""
    free: int | None = None
    """Bytes; None when it is not known yet."""
    content: Content = field(default_factory=Content)
    """Counted only when it is to be absent."""
    mounts: tuple[str, ...] = ()
    """What is mounted on it and beneath it."""
    users: tuple[str, ...] = ()
    """Who has it, or something in it, mounted elsewhere; looked for only when it is to be absent."""


def desire(item: Mapping[str, Any]) -> Desired:
    """The item's options as desired state. Names of users and groups are looked up on this host."""
    path = str(item["path"])
    try:
        _check_plain("path", path)
        _check_sensitive(path, item["sensitive"])
        if item["file_system"] is not None:
            _check_beneath(path, item["file_system"])
        return Desired(
            path,
            _ownership.ownership_of(item),
            None if item["acl"] is None else _acl.parse(item["acl"]),
            item["file_system"],
            _bytes(item["minimum_free"]),
            item["state"] == "present",
        )
    except Problem as problem:
        raise Problem(f"directory {path}: {problem}") from problem


def plan(desired: Desired, seen: Seen) -> Plan:
    """The way from the directory as it is to the directory as it should be."""
    _check_mount(desired, seen)
    if not desired.present:
        return _plan_absent(desired, seen)
    _check_free(desired, seen)
    if desired.acl is not None and seen.acl is None:
        raise Problem(
            f"directory {desired.path}: acl: the file system at {seen.file_system} keeps no access control lists. "
            "Mount it with them, or leave acl out."
        )
    if seen.ownership is None:
        return _plan_missing(desired, seen)
    return _plan_there(desired, seen, seen.ownership)


def _plan_missing(desired: Desired, seen: Seen) -> Plan:
    wanted = desired.ownership.over(_NEW)
    acl = None if desired.acl is None else _acl.composed(wanted.mode or 0, desired.acl)
    above = f", and {' and '.join(seen.missing)} above it" if seen.missing else ""
    with_acl = f", {_acl.difference(Acl(), acl)}" if acl is not None and acl.own else ""
    sentence = f"create directory {desired.path} with {_ownership.described(wanted)}{with_acl}{above}"
    action = Action("create", sentence, details={"wanted": wanted, "acl": acl})
    return Plan(None, _shown(desired, wanted, acl or Acl(), seen), (action,))


def _plan_there(desired: Desired, seen: Seen, has: Ownership) -> Plan:
    there, wanted, acl = has, desired.ownership.over(has), None
    told = []
    if desired.acl is not None and seen.acl is not None:
        there = replace(has, mode=(has.mode or 0) & ~_PERMISSIONS | seen.acl.base)
        wanted = desired.ownership.over(there)
        acl = _acl.composed(wanted.mode or 0, desired.acl)
        told = [change for change in [_acl.difference(seen.acl, acl)] if change]
    told = _ownership.differences(there, desired.ownership) + told
    before = _shown(desired, there, seen.acl or Acl(), seen)
    if not told:
        return Plan(before, before)
    action = Action("set", f"set {', '.join(told)} of directory {desired.path}", details={"wanted": wanted, "acl": acl})
    return Plan(before, _shown(desired, wanted, acl or seen.acl or Acl(), seen), (action,))


def _plan_absent(desired: Desired, seen: Seen) -> Plan:
    if seen.ownership is None:
        return Plan(None, None)
    if seen.mounts:
        raise Problem(
            f"directory {desired.path}: cannot be removed: something is mounted at {', '.join(seen.mounts)}. "
            "Unmount it first."
        )
    if seen.users:
        raise Problem(
            f"directory {desired.path}: cannot be removed: it is mounted elsewhere, as containers do it with what "
            f"they bind, by {', '.join(seen.users)}. Stop them first (see docker ps)."
        )
    action = Action(
        "remove",
        f"remove directory {desired.path}",
        destroys="" if seen.content.is_empty else str(seen.content),
        way_out="Set state: present to leave it as it is, or save the data elsewhere first.",
    )
    return Plan(_shown(desired, seen.ownership, seen.acl or Acl(), seen), None, (action,))


def _shown(desired: Desired, ownership: Ownership, acl: Acl, seen: Seen) -> dict[str, Any]:
    """The directory in the form of the module's result."""
    return {
        "path": desired.path,
        **_ownership.shown(ownership),
        "acl": acl.own,
        "selinux_type": ownership.selinux_type,
        "file_system": seen.file_system,
    }


def _check_plain(option: str, path: str) -> None:
    if not path.startswith("/") or "\0" in path or path != os.path.normpath(path) or path.startswith("//"):
        raise Problem(
            f"{option}: '{path}' is not an absolute plain path. Write it from / on, without '.', '..', and without '/' "
            "at its end."
        )


def _check_sensitive(path: str, allowed: bool) -> None:
    because = why_sensitive(path)
    if because and not allowed:
        raise Problem(
            f"refused, since {because}. Take a directory of its own for the data, such as "
            f"/srv/{os.path.basename(path) or 'app'}, or set sensitive: true if containers must have this one."
        )


def _check_beneath(path: str, file_system: str) -> None:
    _check_plain("file_system", file_system)
    if path != file_system and not path.startswith(f"{file_system.rstrip('/')}/"):
        raise Problem(
            f"file_system: {file_system} is a mount point that {path} does not lie beneath. Name the mount point of "
            "the file system that is to hold it, or move the directory there."
        )


def _check_mount(desired: Desired, seen: Seen) -> None:
    """Nothing is made where it must not lie: it would fill the root disk, and vanish as soon as the mount is there."""
    wanted = desired.file_system
    if wanted is None or seen.file_system == wanted:
        return
    if seen.file_system.startswith(f"{wanted.rstrip('/')}/"):
        because = f"it lies in another one, mounted at {seen.file_system}"
    else:
        because = f"nothing is mounted there, and it would land in the one at {seen.file_system}"
    raise Problem(
        f"directory {desired.path}: has to lie in the file system mounted at {wanted}, but {because}. "
        "Mount what is meant first, or declare the mount point that it is to lie beneath."
    )


def _check_free(desired: Desired, seen: Seen) -> None:
    if seen.free is not None and seen.free < desired.minimum_free:
        raise Problem(
            f"directory {desired.path}: {_words.size(seen.free)} are free in the file system at {seen.file_system}, "
            f"and minimum_free asks for {_words.size(desired.minimum_free)}. Make room there, or ask for less."
        )


def _bytes(text: str | None) -> int:
    """A size in bytes: decimal units (5GB, 500 MB), or binary ones (5GiB)."""
    if text is None:
        return 0
    found = _SIZE.fullmatch(text.strip())
    if not found or (found[3] and not found[2]):
        raise Problem(f"minimum_free: '{text}' is no size. Write one such as 500MB, 5GB or 5GiB.")
    power = " KMGTP".index(found[2].upper()) if found[2] else 0
    return int(float(found[1]) * (1024 if found[3] else 1000) ** power)
