# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets of options for what is usually mounted. What somebody writes wins, unless the preset would lie then. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..runner._problem import Problem
from . import _options
from ._options import Options

_BOUNDED = ("_netdev", "nofail", "x-systemd.mount-timeout=90s")
_DEFAULT = ("rw", "hard", "nfsvers=4.2", "proto=tcp", "timeo=600", "retrans=2", "nosuid", "nodev", *_BOUNDED)


@dataclass(frozen=True)
class Preset:
    """Options for plain NFS, and for the provider's own helper where it has one."""

    plain: Options
    helper: str = ""
    """The type whose helper the provider recommends; empty when it has none."""
    with_helper: Options = ()
    cifs: Options = ()
    """For the same share over SMB; empty when the provider has none."""
    never: Mapping[str, str] = field(default_factory=dict)
    """Option → why it makes no sense with this preset."""
    automount: bool = True
    """Whether the mount may come and go on demand."""


_LOCKS = "a database relies on locks that the server keeps"
_SOFT = "it returns errors to a database that waits, which corrupts its files (nfs(5))"

PRESETS: Mapping[str, Preset] = {
    "default": Preset(_DEFAULT),
    "database": Preset(
        tuple("nfsvers=4.1" if option == "nfsvers=4.2" else option for option in _DEFAULT),
        never={
            "soft": _SOFT,
            "softerr": _SOFT,
            "nolock": _LOCKS,
            "local_lock=all": _LOCKS,
            "local_lock=flock": _LOCKS,
            "local_lock=posix": _LOCKS,
            "proto=udp": "it loses and mixes up data (nfs(5))",
        },
        automount=False,
    ),
    "efs": Preset(
        (
            *("rw", "nfsvers=4.1", "rsize=1048576", "wsize=1048576", "hard", "timeo=600", "retrans=2", "noresvport"),
            *_BOUNDED,
        ),
        helper="efs",
        with_helper=("rw", "tls", "iam", *_BOUNDED),
    ),
    "filestore": Preset(
        ("rw", "hard", "nfsvers=4.1", "timeo=600", "retrans=3", "rsize=262144", "wsize=1048576", *_BOUNDED)
    ),
    "azure_files": Preset(
        ("rw", "nfsvers=4.1", "sec=sys", "nconnect=4", "noresvport", "actimeo=30", *_BOUNDED),
        helper="aznfs",
        with_helper=("rw", "sec=sys", "nconnect=4", "noresvport", "actimeo=30", *_BOUNDED),
        cifs=("rw", "vers=3.1.1", "serverino", "nosharesock", "actimeo=30", "nosuid", "nodev", *_BOUNDED),
    ),
}
_OTHER_TYPES: Mapping[str, Options] = {
    "efs": PRESETS["efs"].with_helper,
    "aznfs": PRESETS["azure_files"].with_helper,
    "cifs": ("rw", "nosuid", "nodev", *_BOUNDED),
    "ceph": ("rw", "noatime", *_BOUNDED),
    "glusterfs": ("rw", *_BOUNDED),
    "fuse.sshfs": ("rw", "reconnect", "ServerAliveInterval=15", "ServerAliveCountMax=3", "BatchMode=yes", *_BOUNDED),
    "fuse.rclone": ("rw", *_BOUNDED),
}
"""What the preset ``default`` says for what is not plain NFS."""


def fstype_of(preset: str, fstype: str | None, helpers: frozenset[str]) -> str:
    """The type to mount: the one that was written, else the preset's where its helper is installed, else NFS."""
    if fstype:
        return fstype
    recommended = PRESETS[preset].helper
    return recommended if recommended in helpers else "nfs"


def resolve(preset: str, fstype: str, own: Options) -> Options:
    """All options, with what was written in place of the preset's. Raises Problem for contradictions."""
    _options.check(own)
    chosen = PRESETS[preset]
    if fstype in ("nfs", "nfs4"):
        base = chosen.plain
    elif preset == "default":
        base = _OTHER_TYPES[fstype]
    elif fstype == chosen.helper:
        base = chosen.with_helper
    elif fstype == "cifs" and chosen.cifs:
        base = chosen.cifs
    else:
        raise Problem(
            f"preset: {preset} is for {' and '.join(filter(None, ('NFS', chosen.helper)))}, not for fstype {fstype}. "
            "Leave the preset or the type out."
        )
    resolved = _options.over(base, own)
    if fstype == "nfs4" and _options.value("vers", _options.canonical(resolved)).startswith(("2", "3")):
        raise Problem("opts: fstype nfs4 is NFS 4 only. Take fstype nfs for version 3.")
    _refuse_never(preset, chosen, resolved)
    _options.check(resolved)
    return resolved


def _refuse_never(preset: str, chosen: Preset, resolved: Options) -> None:
    meant = _options.canonical(resolved, implied=True)
    for option, why in chosen.never.items():
        if option in meant:
            raise Problem(
                f"opts: {option} contradicts preset {preset}: {why}. Take it out, or take another preset for what is "
                "no database."
            )
