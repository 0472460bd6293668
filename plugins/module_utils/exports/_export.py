# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An export as the host has it, and the way to what the task wants. No input, no output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .._pipeline import Action, Plan
from ..directories import _ownership
from ..directories._ownership import Ownership
from ..runner._problem import Problem
from . import _fsid, _syntax
from ._declared import Client, Desired
from ._host import contradiction, of_path
from ._place import file_of
from ._syntax import Entry

EXPORTING = ("write", "again", "remove")
"""The actions that exportfs has to follow."""

_HEADER = "# Ansible managed: the module holdfast.persistence.nfs_export writes this file anew.\n"
_NEW = Ownership(0, 0, 0o750)
"""What a directory gets that is made, where the task says nothing else."""


@dataclass(frozen=True)
class Seen:
    """An export as it is."""

    file: str | None = None
    """The text of the module's own file; None when there is none."""
    live: tuple[Entry, ...] = ()
    """What exportfs's table has of this path."""
    rehearsed: tuple[Entry, ...] = ()
    """What it would have with the task's lines; exportfs's own words for the same options."""
    running: bool = True
    """Whether the kernel's server runs. If not, it takes over the files when it starts."""
    mounts: frozenset[str] = frozenset()
    """Where something is mounted on this host."""
    directory: Ownership | None = None
    """None when it is not there."""
    missing: tuple[str, ...] = ()
    """The directories above it that are not there."""
    is_empty: bool = True
    kernel: tuple[Entry, ...] = ()
    """What the kernel has asked for of this path; empty until a client comes."""
    others: tuple[Entry, ...] = ()
    """What all the other files export."""
    siblings: tuple[Entry, ...] = ()
    """What the other items of the task export."""
    hindrance: str = ""
    """Why exportfs must not run now."""
    refusals: tuple[str, ...] = ()
    """Why exportfs or the host would not do it."""
    warnings: tuple[str, ...] = ()


def text_of(desired: Desired, seen: Seen) -> str:
    """What the module's own file has to hold."""
    lines = [_syntax.written(desired.path, client.host, _with_own(desired, seen, client)) for client in desired.clients]
    return _HEADER + "".join(f"{line}\n" for line in lines)


def mountpoint_of(desired: Desired, seen: Seen) -> str:
    """Where something has to be mounted, or else nothing is exported; empty when the root file system holds it.

    What was once found mounted is remembered in the file: the disk that is missing today must not make it go.
    """
    if desired.mountpoint is not None:
        return desired.mountpoint
    if desired.path in seen.mounts:
        return desired.path
    for entry in _own(desired, seen):
        for name, _equals, value in (option.partition("=") for option in entry.options):
            if name in ("mountpoint", "mp"):
                return value or desired.path
    return ""


def plan(desired: Desired, seen: Seen) -> Plan:
    """The way from the export as it is to the export as it should be."""
    _check_others(desired, seen)
    if not desired.present:
        return _plan_absent(desired, seen)
    _check_mounted(desired, seen)
    directory = _directory_action(desired, seen)
    if seen.refusals:
        raise Problem(f"export {desired.path}: {' '.join(seen.refusals)}")
    actions = [action for action in (directory, _export_action(desired, seen)) if action]
    _check_hindrance(desired, seen, actions)
    owner = desired.ownership.over(seen.directory or _NEW)
    wanted = _shown(desired, _syntax.entries(text_of(desired, seen)), owner, seen.running)
    if seen.file is None:
        return Plan(None, wanted, tuple(actions), seen.warnings)
    before = _shown(desired, _own(desired, seen), seen.directory or Ownership(), seen.running and _is_live(seen))
    return Plan(before, wanted, tuple(actions), seen.warnings)


def _plan_absent(desired: Desired, seen: Seen) -> Plan:
    if seen.file is None and not seen.live and not seen.kernel:
        return Plan(None, None)
    entries = _own(desired, seen) or seen.live
    before = _shown(desired, entries, seen.directory or Ownership(), bool(seen.live))
    action = Action("remove", f"end export {desired.path}; the directory stays")
    _check_hindrance(desired, seen, [action])
    return Plan(before, None, (action,), seen.warnings)


def _export_action(desired: Desired, seen: Seen) -> Action | None:
    text = text_of(desired, seen)
    if seen.file == text:
        if not seen.running or _is_live(seen):
            return None
        return Action("again", f"export {desired.path} again, as the server's table does not say what its file says")
    new = _syntax.entries(text)
    old = {entry.host: entry.options for entry in _own(desired, seen)}
    told = [_difference(entry, old.get(entry.host)) for entry in new if old.get(entry.host) != entry.options]
    told += [f"no longer {host}" for host in old if host not in {entry.host for entry in new}]
    verb = "export" if seen.file is None else "change export"
    detail = "to" if seen.file is None else "now"
    sentence = f"{verb} {desired.path} {detail} {', '.join(told)}" if told else f"write export {desired.path} anew"
    return Action("write", sentence, details={"text": text})


def _difference(entry: Entry, old: tuple[str, ...] | None) -> str:
    if old is None:
        return f"{entry.host} ({','.join(entry.options)})"
    comes = [f"+{option}" for option in entry.options if option not in old]
    goes = [f"-{option}" for option in old if option not in entry.options]
    return f"{entry.host} ({' '.join([*comes, *goes]) or 'in another order'})"


def _directory_action(desired: Desired, seen: Seen) -> Action | None:
    path, declared = desired.path, desired.ownership
    if seen.directory is None:
        if declared == Ownership():
            raise Problem(
                f"export {path}: the directory does not exist. Make it first, or have it made by giving owner, group "
                "or mode."
            )
        wanted = declared.over(_NEW)
        above = f", and {' and '.join(seen.missing)} above it" if seen.missing else ""
        sentence = f"make directory {path} with {_ownership.described(wanted)}{above}"
        return Action("make", sentence, details={"wanted": wanted})
    told = _ownership.differences(seen.directory, declared)
    if not told:
        return None
    if not seen.is_empty:
        raise Problem(
            f"export {path}: the directory holds data and is not what the task says: {', '.join(told)}. Others rely on "
            "what it is, so this module leaves it. Declare what it has, or leave owner, group and mode out, or change "
            "it knowingly with holdfast.persistence.bind_directory."
        )
    sentence = f"set {', '.join(told)} of the empty directory {path}"
    return Action("set", sentence, details={"wanted": declared.over(seen.directory)})


def _is_live(seen: Seen) -> bool:
    return _table(seen.live) == _table(seen.rehearsed) and not contradiction(seen.kernel, seen.rehearsed)


def _table(entries: Sequence[Entry]) -> dict[str, tuple[str, ...]]:
    return {entry.host: entry.options for entry in entries}


def _own(desired: Desired, seen: Seen) -> tuple[Entry, ...]:
    return _syntax.entries(seen.file or "", file_of(desired.path).name)


def _with_own(desired: Desired, seen: Seen, client: Client) -> tuple[str, ...]:
    """A client's options with those of the export, which stand before the flavours."""
    place = mountpoint_of(desired, seen)
    own = [f"fsid={desired.fsid}"]
    if place:
        own.append("mountpoint" if place == desired.path else f"mountpoint={place}")
    first = next((index for index, option in enumerate(client.options) if option.startswith("sec=")), None)
    if first is None:
        return (*client.options, *own)
    return (*client.options[:first], *own, *client.options[first:])


def _shown(desired: Desired, entries: Sequence[Entry], owner: Ownership, live: bool) -> dict[str, Any]:
    """The export in the form of the module's result."""
    return {
        "path": desired.path,
        "clients": [{"host": entry.host, "options": list(entry.options)} for entry in entries],
        "file": str(file_of(desired.path)),
        "live": live,
        **_ownership.shown(owner),
    }


def _check_others(desired: Desired, seen: Seen) -> None:
    foreign = of_path(desired.path, seen.others)
    if foreign:
        raise Problem(
            f"export {desired.path}: {foreign[0].place} exports it already, to {foreign[0].host}, and that line is not "
            "this module's. Take the line out there, and run again, or leave the export to it."
        )
    taken = _fsid.taken(desired.fsid, [*seen.others, *seen.siblings]) if desired.present else None
    if taken:
        raise Problem(
            f"export {desired.path}: fsid {desired.fsid} is that of {taken.path} in {taken.place}, and clients would "
            "take one for the other. Give one of them another fsid."
        )


def _check_hindrance(desired: Desired, seen: Seen, actions: Sequence[Action]) -> None:
    if seen.hindrance and any(action.verb in EXPORTING for action in actions):
        raise Problem(f"export {desired.path}: {seen.hindrance}")


def _check_mounted(desired: Desired, seen: Seen) -> None:
    place = mountpoint_of(desired, seen)
    if place and place not in seen.mounts:
        raise Problem(
            f"export {desired.path}: nothing is mounted at {place}, and what lies beneath is not what is to be "
            "exported. Mount it, and run again."
        )
