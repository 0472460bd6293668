# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is mounted against what is declared: the source, then the options that the kernel shows. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ..runner._mountinfo import Mount
from ..volumes import _mount_options
from . import _kinds, _options
from ._kinds import Kind
from ._options import Options

Addresses = Mapping[str, Collection[str]]
"""A server's name → its addresses now. One that could not be resolved is missing."""

_FLAGS = ("ro", "noexec", "nosuid", "nodev", "noatime", "nodiratime", "sync", "soft", "softerr")
"""What the kernel shows only when somebody asked for it."""
_IN_PLACE = frozenset(
    ("exec", "noexec", "suid", "nosuid", "dev", "nodev", "atime", "noatime", "diratime", "nodiratime")
)
"""What belongs to the mount alone, so that it can be changed while it is in use, and nothing else changes with it."""
_NOT_SHOWN = ("nconnect", "rsize", "wsize", "retry", "bg", "fg", "addr", "credentials", "secretfile", "actimeo")
"""What the kernel shows nowhere, shares between mounts of one server, or agrees on with the server."""
_USERS = {"user", "users", "owner", "group"}
"""Options of fstab that imply nosuid, nodev and noexec (mount(8))."""


@dataclass(frozen=True)
class Difference:
    """One option that is not in force as declared."""

    seen: str
    wanted: str

    @property
    def in_place(self) -> bool:
        return self.seen in _IN_PLACE and self.wanted in _IN_PLACE

    def __str__(self) -> str:
        return f"{self.seen} → {self.wanted}"


def is_same_source(kind: Kind, src: str, mount: Mount, addresses: Addresses) -> bool:
    """Whether the mount shows what is declared; a server may be shown by its address."""
    if mount.file_system not in kind.live:
        return False
    if kind.has_host and kind.fstype != "fuse.sshfs":
        host, seen = _kinds.host_of(kind, src), _kinds.host_of(kind, mount.source)
        same = host.lower() == seen.lower() or _is_address_of(host, mount, seen, addresses)
        return same and _kinds.path_of(kind, src) == _kinds.path_of(kind, mount.source)
    if kind.has_host or kind.fstype == "fuse.rclone":
        return _trimmed(src) == _trimmed(mount.source)
    return _kinds.path_of(kind, src) == _kinds.path_of(kind, mount.source)


def differences(kind: Kind, options: Options, mount: Mount) -> list[Difference]:
    """What of the declared is not in force, and what is in force although nobody declares it."""
    shown = mount.options - {"rw"} if "ro" in mount.options else mount.options
    declared = _declared(options)
    found = []
    for option in sorted(declared):
        told = _mount_options.told(option, shown, {})
        seen = told[0].split("'")[1] if told else ""
        if seen and not _is_cleared(kind, option):
            found.append(Difference(seen, option))
    implied = {"nosuid", "nodev", "noexec"} if _USERS & set(options) else set()
    told_of = {_options.group_of(option) for option in declared}
    for flag in _FLAGS:
        is_asked = flag in declared | implied or _options.group_of(flag) in told_of
        if flag in shown and not is_asked and _shows_flags(kind, flag):
            found.append(Difference(flag, _opposite(flag)))
    return found


def in_place(options: Options) -> Options:
    """All that belongs to the mount alone, said in full, as a change in place needs it."""
    declared = set(options)
    pairs = (("noexec", "exec"), ("nosuid", "suid"), ("nodev", "dev"), ("nodiratime", "diratime"))
    times = "noatime" if "noatime" in declared else "relatime"
    access = "ro" if "ro" in declared else "rw"
    return (access, *(no if no in declared else yes for no, yes in pairs), times)


def _declared(options: Iterable[str]) -> set[str]:
    canonical = _options.canonical(options, implied=True)
    return {
        option for option in canonical if option.partition("=")[0] not in _NOT_SHOWN and not option.startswith("x-")
    }


def _is_cleared(kind: Kind, option: str) -> bool:
    """Whether the type itself sets the flag, whatever was asked for: FUSE does so with two of them."""
    return kind.daemon and option in ("suid", "dev")


def _shows_flags(kind: Kind, flag: str) -> bool:
    if kind.daemon:
        return flag == "ro"
    return True if flag not in ("soft", "softerr") else "nfs" in kind.live


def _opposite(flag: str) -> str:
    return {"ro": "rw", "sync": "async", "soft": "hard", "softerr": "hard"}.get(flag, flag[2:])


def _is_address_of(host: str, mount: Mount, seen: str, addresses: Addresses) -> bool:
    shown = next((option[5:] for option in mount.options if option.startswith("addr=")), seen)
    known = _mount_options.is_address(host) or host in addresses
    return known and _mount_options.is_address_of(host, shown, addresses)


def _trimmed(source: str) -> str:
    return source.rstrip("/") if not source.endswith(":/") else source
