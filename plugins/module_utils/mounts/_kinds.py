# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file systems that come over a network: how each names its source, and what it needs on the host. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..runner._problem import Problem

_HOST = r"(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)"


@dataclass(frozen=True)
class Kind:
    """What is to be known of a type."""

    fstype: str
    live: tuple[str, ...]
    """What the kernel may call it."""
    helper: str
    """The program that mount(8) needs for it."""
    package: str
    """Where Debian has the program; else who has it."""
    source: re.Pattern[str]
    form: str
    """The source's form, for people."""
    has_host: bool = True
    """Whether the kernel shows the server as it was written, or its address."""
    daemon: bool = False
    """Whether a process of the host serves it, which systemd has to look after."""
    secret_option: str = ""
    """The option that names a file with the password; empty when it takes none."""
    credentials: str = ""
    """How that file is written: ``cifs`` (lines) or ``ceph`` (the secret alone)."""
    called: str = ""
    """What mount(8) and fstab call it, where that is something else."""

    @property
    def written(self) -> str:
        return self.called or self.fstype


_NFS_SOURCE = re.compile(rf"(?P<host>{_HOST}):(?P<path>/[^\0]*)")
_NFS = ("nfs", "nfs4")

KINDS: Mapping[str, Kind] = {
    kind.fstype: kind
    for kind in (
        Kind("nfs", _NFS, "mount.nfs", "nfs-common", _NFS_SOURCE, "server:/path"),
        Kind("nfs4", _NFS, "mount.nfs4", "nfs-common", _NFS_SOURCE, "server:/path"),
        Kind(
            "efs",
            live=_NFS,
            helper="mount.efs",
            package="amazon-efs-utils, from AWS",
            source=re.compile(r"(?P<host>fs-[0-9a-f]+|[A-Za-z0-9.-]+)(?::(?P<path>/[^\0]*)?)?"),
            form="fs-0123456789abcdef0:/",
            has_host=False,
        ),
        Kind(
            "aznfs",
            live=_NFS,
            helper="mount.aznfs",
            package="aznfs, from Microsoft",
            source=_NFS_SOURCE,
            form="account.file.core.windows.net:/account/share",
            has_host=False,
        ),
        Kind(
            "cifs",
            live=("cifs", "smb3"),
            helper="mount.cifs",
            package="cifs-utils",
            source=re.compile(rf"//(?P<host>{_HOST})/(?P<path>[^/\0][^\0]*)"),
            form="//server/share",
            secret_option="credentials",
            credentials="cifs",
        ),
        Kind(
            "glusterfs",
            live=("fuse.glusterfs",),
            helper="mount.glusterfs",
            package="glusterfs-client",
            source=re.compile(rf"(?P<host>{_HOST})(?:,{_HOST})*:(?P<path>/?[A-Za-z0-9_-][^\0]*)"),
            form="server:/volume",
            daemon=True,
        ),
        Kind(
            "ceph",
            live=("ceph",),
            helper="mount.ceph",
            package="ceph-common",
            source=re.compile(r"(?P<host>[^\s/]*)[:=](?P<path>/[^\0]*)"),
            form="monitor1,monitor2:/path or user@fsid.name=/path",
            has_host=False,
            secret_option="secretfile",
            credentials="ceph",
        ),
        Kind(
            "fuse.sshfs",
            live=("fuse.sshfs",),
            helper="sshfs",
            package="sshfs",
            source=re.compile(rf"(?:[^@:/\s]+@)?(?P<host>{_HOST}):(?P<path>[^\0]*)"),
            form="user@server:/path",
            daemon=True,
        ),
        Kind(
            "fuse.rclone",
            live=("fuse.rclone",),
            helper="mount.rclone",
            package="rclone, and a link /sbin/mount.rclone to it",
            source=re.compile(r"(?P<host>[A-Za-z0-9_][\w.+@ -]*):(?P<path>[^\0]*)"),
            form="remote:path",
            has_host=False,
            daemon=True,
            called="rclone",
        ),
    )
}
_OTHER_NAMES = {"sshfs": "fuse.sshfs", "rclone": "fuse.rclone", "smb3": "cifs"}
LIVE_TYPES = frozenset(name for kind in KINDS.values() for name in kind.live)
CONFIGURED_TYPES = frozenset((*KINDS, *_OTHER_NAMES))


def kind_of(fstype: str) -> Kind:
    """The type, by one of its names. Raises Problem for one that does not come over a network."""
    kind = KINDS.get(_OTHER_NAMES.get(fstype, fstype))
    if kind is None:
        raise Problem(
            f"fstype: '{fstype}' is none of {', '.join(KINDS)}. For what lies on the host itself take "
            "ansible.posix.mount."
        )
    return kind


def source_of(kind: Kind, src: str) -> str:
    """The source in one form: without the old ``sshfs#`` and slashes at its end. Raises Problem when malformed."""
    plain = re.sub(r"^(sshfs|rclone)#", "", src)
    found = kind.source.fullmatch(plain)
    if not found or any(ord(character) < 32 for character in plain) or "/../" in f"{found.group('path') or ''}/":
        raise Problem(f"src: '{src}' is not what {kind.fstype} mounts. Write it as {kind.form}.")
    return plain if len(plain.rstrip("/")) < 2 or plain.endswith(":/") else plain.rstrip("/")


def host_of(kind: Kind, src: str) -> str:
    """The server in the source, without brackets; empty when it names none that can be resolved."""
    found = kind.source.fullmatch(src)
    if not found or not kind.has_host or kind.fstype == "fuse.sshfs":  # ssh has names of its own
        return ""
    return found.group("host").strip("[]")


def path_of(kind: Kind, src: str) -> str:
    """What of the server is mounted, in one form."""
    found = kind.source.fullmatch(src)
    path = (found.group("path") or "/") if found else src.rpartition(":")[2]
    return path.strip("/").lower() if kind.fstype == "cifs" else path.strip("/")
