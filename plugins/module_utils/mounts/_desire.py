# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a mount as desired state; bad input is refused here. Only names of users and groups are looked up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..directories import _ownership
from ..directories._ownership import Ownership
from ..runner import _paths
from ..runner._problem import Problem
from . import _credentials, _fstab, _kinds, _options, _presets, _units
from ._credentials import Credentials
from ._kinds import Kind
from ._options import Options

STATES = ("mounted", "present", "unmounted", "absent", "remounted", "ephemeral")
FSTAB, SYSTEMD = "fstab", "systemd"

OPTIONS: Mapping[str, Any] = {
    "src": {"type": "str"},
    "fstype": {"type": "str"},
    "opts": {"type": "raw"},
    "opts_no_log": {"type": "bool", "default": False},
    "preset": {"type": "str", "choices": list(_presets.PRESETS), "default": "default"},
    "backend": {"type": "str", "choices": [FSTAB, SYSTEMD], "default": FSTAB},
    "automount": {"type": "bool", "default": False},
    "automount_idle": {"type": "int"},
    **_ownership.OPTIONS,
    "require_empty": {"type": "bool", "default": True},
    "required_by": {"type": "list", "elements": "str"},
    "remount": {"type": "str", "choices": ["refused", "allowed"], "default": "refused"},
    "lazy": {"type": "bool", "default": False},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "domain": {"type": "str"},
    "boot": {"type": "bool", "default": True},
    "dump": {"type": "str", "default": "0"},
    "passno": {"type": "str", "default": "0", "no_log": False},
    "fstab": {"type": "str"},
    "backup": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": list(STATES), "default": "mounted"},
}
_SOURCE_NEEDED = ("mounted", "present", "ephemeral")
_NEVER = (
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib64",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/sys",
    "/usr",
    "/var",
)
_UNTIL_IT_ANSWERS = ("retry=10000", "x-systemd.mount-timeout=infinity")
"""Minutes, as of nfs(5). Consumers that wait for a mount come up with the server, however late it boots; with an end to
the attempts they would stay down. The host's own boot does not wait, because of ``nofail``."""
_SHORTEST_SECRET = 4
"""Shorter ones would be crossed out in every other word."""
_NEVER_ON_DEMAND = ("/home", "/usr/local")


@dataclass(frozen=True)
class Desired:
    """A mount as the task wants it."""

    path: str
    state: str = "mounted"
    src: str = ""
    kind: Kind | None = None
    """None when neither the task nor its state says what is mounted."""
    options: Options = ()
    """All of them, as they stand in fstab."""
    preset: str = "default"
    backend: str = FSTAB
    ownership: Ownership = field(default_factory=Ownership)
    """Of the directory beneath, for as long as nothing is mounted."""
    require_empty: bool = True
    required_by: tuple[str, ...] | None = None
    """None: not managed."""
    remount: bool = False
    lazy: bool = False
    credentials: Credentials | None = None
    hidden: bool = False
    """Whether the options are left out of everything that is told."""
    dump: str = "0"
    passno: str = "0"
    fstab: Path | None = None
    """Another file than the host's own; systemd then knows nothing of the mount."""
    backup: bool = False

    @property
    def automount(self) -> bool:
        return "x-systemd.automount" in self.options

    @property
    def by_systemd(self) -> bool:
        """Whether systemd keeps the mount, and so has a view of it."""
        return self.fstab is None and self.state != "ephemeral"

    @property
    def entry(self) -> _fstab.Entry:
        fstype = self.kind.written if self.kind else ""
        return _fstab.Entry(self.src, self.path, fstype, _options.joined(self.options), self.dump, self.passno)


def desire(item: Mapping[str, Any], helpers: frozenset[str]) -> Desired:
    """The item's options as desired state. ``helpers``: types whose program this host has. Raises Problem."""
    path = str(item["path"])
    try:
        return _desire({**item, "path": _checked_path(path)}, helpers)
    except Problem as problem:
        raise Problem(f"mount {path}: {problem}") from problem


def _desire(item: Mapping[str, Any], helpers: frozenset[str]) -> Desired:
    state, path = item["state"], item["path"]
    _check_together(item)
    kind, src = _source(item, helpers)
    credentials = _credentials.credentials(kind, item["username"], item["password"], item["domain"]) if kind else None
    options: Options = ()
    if kind:
        resolved = _presets.resolve(item["preset"], kind.fstype, _options.split(item["opts"]))
        options = _with_own(item, kind, resolved, credentials)
        if item["backend"] == SYSTEMD:
            _units.texts(src, path, kind.written, options)
    if item["state"] == "ephemeral" and "x-systemd.automount" in options:
        raise Problem("automount: state ephemeral keeps nothing, and systemd mounts on demand only what is kept.")
    return Desired(
        path,
        state,
        src,
        kind,
        options,
        item["preset"],
        item["backend"],
        _ownership.ownership_of(item),
        item["require_empty"],
        None if item["required_by"] is None else tuple(map(_units.check_unit, item["required_by"])),
        item["remount"] == "allowed",
        item["lazy"],
        credentials,
        item["opts_no_log"],
        _digit("dump", item["dump"]),
        _digit("passno", item["passno"]),
        _other_fstab(item["fstab"]),
        item["backup"],
    )


def _source(item: Mapping[str, Any], helpers: frozenset[str]) -> tuple[Kind | None, str]:
    """What is to be mounted, where the state is about that. ``remounted`` may leave it to what is configured."""
    src = item["src"]
    if item["state"] in ("absent", "unmounted") or (item["state"] == "remounted" and src is None):
        return None, ""
    if not src:
        raise Problem(f"src: is missing, and state {item['state']} needs it. Write it such as server:/path.")
    fstype = item["fstype"] or _told_type(src)
    kind = _kinds.kind_of(_presets.fstype_of(item["preset"], fstype, helpers))
    return kind, _kinds.source_of(kind, src)


def _told_type(src: str) -> str | None:
    """The type that the source itself names, in the form that older versions of its helper want."""
    found = re.match(r"(sshfs|rclone)#", src)
    return f"fuse.{found[1]}" if found else None


def _with_own(item: Mapping[str, Any], kind: Kind, resolved: Options, credentials: Credentials | None) -> Options:
    """The options with those that stand for options of the module."""
    given, own = _options.split(item["opts"]), []
    if item["automount"]:
        own.append("x-systemd.automount")
    if item["automount_idle"] is not None:
        own.append(f"x-systemd.idle-timeout={item['automount_idle']}s")
    if not item["boot"] and "noauto" not in resolved:
        own.append("noauto")
    if item["required_by"] and kind.fstype in ("nfs", "nfs4"):
        own += [option for option in _UNTIL_IT_ANSWERS if not _options.value(option.partition("=")[0], given)]
    if credentials:
        if kind.credentials == "ceph":
            own.append(f"name={credentials.username}")
        own.append(_credentials.option_of(kind, item["path"]))
    options = _options.over(resolved, tuple(own))
    _check_automount(item, options)
    return options


def _check_automount(item: Mapping[str, Any], options: Options) -> None:
    on_demand = "x-systemd.automount" in options
    if item["automount_idle"] is not None and (not on_demand or item["automount_idle"] < 0):
        raise Problem(
            "automount_idle: is the number of seconds after which a mount on demand goes again. Set automount: true "
            "with it, or leave it out."
        )
    if on_demand and not _presets.PRESETS[item["preset"]].automount:
        raise Problem(
            f"automount: contradicts preset {item['preset']}: a mount that comes and goes is none for such data. "
            "Leave it out, and name the consumers in required_by."
        )
    if on_demand and item["path"] in _NEVER_ON_DEMAND:
        raise Problem(f"automount: {item['path']} is needed while the host boots. Leave automount out there.")


def _check_together(item: Mapping[str, Any]) -> None:
    """Options that another one makes meaningless would be ignored, so they are refused."""
    own_file = _other_fstab(item["fstab"]) is not None
    for option, given, needed, ok in (
        ("fstab", own_file, "backend: fstab", item["backend"] == FSTAB),
        ("automount", item["automount"], "the host's own fstab", not own_file),
        ("required_by", item["required_by"], "the host's own fstab", not own_file),
        ("required_by", item["required_by"], "a state other than ephemeral", item["state"] != "ephemeral"),
    ):
        if given and not ok:
            raise Problem(f"{option}: needs {needed}. Take one of the two out.")


def _checked_path(path: str) -> str:
    if not path.startswith("/") or any(ord(character) < 32 for character in path):
        raise Problem(f"path: '{path}' is not absolute. Write it from / on.")
    if {".", ".."} & set(path.split("/")):
        raise Problem(f"path: '{path}' goes back with '.' or '..'. Write the path that is meant.")
    normalised = _fstab.normalised(path)
    if normalised in _NEVER:
        raise Problem(f"path: {normalised} belongs to the system. Take a directory of its own, such as /mnt/data.")
    return normalised


def _digit(option: str, text: str) -> str:
    if not text.isdecimal():
        raise Problem(f"{option}: '{text}' is no number. Write 0, or what fstab(5) says about it.")
    return text


def _other_fstab(path: str | None) -> Path | None:
    if path is None or Path(path) == _paths.FSTAB:
        return None
    if not path.startswith("/"):
        raise Problem(f"fstab: '{path}' is not absolute. Write it from / on.")
    return Path(path)


def hidden_values(item: Mapping[str, Any]) -> set[str]:
    """What Ansible has to keep out of everything, the echo of the task's own arguments included."""
    if not item.get("opts_no_log") or not item.get("opts"):
        return set()
    opts = item["opts"]
    words = [str(part) for part in (opts if isinstance(opts, list) else str(opts).split(","))]
    values = {word.partition("=")[2].strip() for word in words}
    return {value for value in (*values, *([opts] if isinstance(opts, str) else [])) if len(value) >= _SHORTEST_SECRET}
