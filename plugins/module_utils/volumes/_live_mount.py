# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what a volume's options say is what is mounted while containers use it. No input, no output.

Docker mounts such a volume when the first container needs it, and resolves names then. Until the last container lets go
of it everybody gets that mount, whatever has become of the server's address or of the directory behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..engine._docker import Consumer
from ..runner._mountinfo import Mount, around, at
from ._kind import BIND, CIFS, NFS, kind_of
from ._mount_options import Addresses, is_address_of, told, told_of_bind
from ._volume import Volume

_HOLDING = ("running", "paused")
"""States in which a container has its volumes mounted."""
_NETWORK = {"nfs": ("nfs", "nfs4"), "nfs4": ("nfs4",), "cifs": ("cifs", "smb3"), "smb3": ("cifs", "smb3")}
"""Declared type → what the kernel may call it."""


@dataclass(frozen=True)
class Mounts:
    """What the host has mounted, and what its names mean now (see ``_host_mounts``)."""

    table: tuple[Mount, ...] = ()
    real_paths: Mapping[str, str] = field(default_factory=dict)
    """A declared device → its path without symbolic links; empty when it is not there, missing when nobody knows."""
    numbers: Mapping[str, str] = field(default_factory=dict)
    """A declared block device → its ``major:minor``."""
    addresses: Addresses = field(default_factory=dict)
    inside: Mapping[str, Mount] = field(default_factory=dict)
    """A volume that is not mounted on the host → what a container that uses it sees in its place."""


def holders(volume: Volume) -> tuple[Consumer, ...]:
    """The containers for whose sake the driver has the volume mounted now."""
    return tuple(user for user in volume.consumers if user.state in _HOLDING)


def is_live(volume: Volume) -> bool:
    """Whether something has to be mounted at the volume's mount point now, and it can be known what."""
    return kind_of(volume.driver, volume.driver_options).is_mounted_by_docker and bool(holders(volume))


def is_missing(volume: Volume, table: Sequence[Mount]) -> bool:
    """Whether nothing is mounted on the host for a volume for which something has to be."""
    return is_live(volume) and at(volume.mountpoint, table) is None


def live_differences(volume: Volume, mounts: Mounts) -> list[str]:
    """What is mounted otherwise than the volume's options say, each as a clause; empty when nothing, or not in use."""
    if not is_live(volume):
        return []
    mount = at(volume.mountpoint, mounts.table)
    if mount is None and _is_seen_inside(volume, mounts):
        return []
    if mount is None:
        where = f"nothing is mounted at {volume.mountpoint}, although {_users(volume)}"
        return [f"its options are not in force: {where}, and what is written there lands on the host's own disk"]
    different = _differences(volume.driver_options, mount, mounts)
    return [f"what is mounted differs from its options ({', '.join(different)})"] if different else []


def live_warnings(volume: Volume, mounts: Mounts) -> list[str]:
    """What is as it should be only for the containers that run now, as sentences."""
    if not is_missing(volume, mounts.table) or not _is_seen_inside(volume, mounts):
        return []
    where = f"{_users(volume)} with it, but on the host nothing is mounted at {volume.mountpoint} any more"
    why = "as after a restart of Docker with live-restore"
    return [f"volume {volume.name}: {where}, {why}. Backups and other containers do not share it. {way_out(volume)}"]


def _is_seen_inside(volume: Volume, mounts: Mounts) -> bool:
    """Whether a container sees what is declared. Options do not count: a container may add some of its own."""
    seen = mounts.inside.get(volume.name)
    return seen is not None and not _of_place(volume.driver_options, seen, mounts)


def way_out(volume: Volume) -> str:
    """What brings the declared mount about, as a sentence."""
    users = ", ".join(user.name for user in holders(volume))
    return (
        f"Stop {users} and start again: Docker mounts what the options say when the first container needs the volume, "
        "and not before the last one has let go of it."
    )


def _users(volume: Volume) -> str:
    names = [user.name for user in holders(volume)]
    return f"container {names[0]} runs" if len(names) == 1 else f"containers {', '.join(names)} run"


def _differences(options: Mapping[str, str], mount: Mount, mounts: Mounts) -> list[str]:
    declared = options.get("o", "")
    if kind_of("local", options) is BIND:
        return [*_of_place(options, mount, mounts), *told_of_bind(declared, mount.options)]
    return [*_of_place(options, mount, mounts), *told(declared, mount.options, mounts.addresses)]


def _of_place(options: Mapping[str, str], mount: Mount, mounts: Mounts) -> list[str]:
    """Differences in what is mounted, not in how."""
    if kind_of("local", options) is BIND:
        return _of_bind(options["device"], mount, mounts)
    return [*_of_type(options.get("type", ""), mount.file_system), *_of_device(options, mount, mounts)]


def _of_type(declared: str, seen: str) -> list[str]:
    return [] if seen in _NETWORK.get(declared, (declared,)) else [f"type: '{seen}' → '{declared}'"]


def _of_bind(device: str, mount: Mount, mounts: Mounts) -> list[str]:
    """The same directory of the same file system is mounted, by whatever path it is reached now."""
    real = mounts.real_paths.get(device)
    if real == "":
        return [f"device: '{device}' is not there any more"]
    home = around(real, mounts.table) if real else None
    if real is None or home is None:
        return []
    inside = real[len(home.path.rstrip("/")) :]
    expected = (home.number, home.root.rstrip("/") + inside or "/")
    if (mount.number, mount.root) == expected:
        return []
    return [f"device: '{mount.root}' of {mount.source} → '{expected[1]}' of {home.source}, which {device} is now"]


def _of_device(options: Mapping[str, str], mount: Mount, mounts: Mounts) -> list[str]:
    declared, seen = options["device"], mount.source
    kind = kind_of("local", options)
    if kind is NFS:
        same = _export(declared) == _export(seen)
    elif kind is CIFS:
        same = _is_same_share(declared, seen, mounts.addresses)
    elif declared.startswith("/"):
        same = mounts.numbers.get(declared) == mount.number or mounts.real_paths.get(declared, declared) == seen
    else:
        same = declared == seen
    return [] if same else [f"device: '{seen}' → '{declared}'"]


def _export(device: str) -> str:
    """The exported path: the server is told by ``addr``, and the kernel may show its name or not."""
    return device.rpartition(":")[2].rstrip("/") or "/"


def _is_same_share(declared: str, seen: str, addresses: Addresses) -> bool:
    """Docker replaces the server's name by its address."""
    (host, share), (seen_host, seen_share) = (_parts(device) for device in (declared, seen))
    return share == seen_share and (host == seen_host or is_address_of(host, seen_host, addresses))


def _parts(device: str) -> tuple[str, str]:
    host, _slash, share = device.replace("\\", "/").lstrip("/").partition("/")
    return host.lower(), share.rstrip("/").lower()


def host_in(options: Mapping[str, str]) -> str:
    """The server in a share's device, as Docker may have to resolve it; empty for every other kind."""
    return _parts(options["device"])[0] if kind_of("local", options) is CIFS else ""
