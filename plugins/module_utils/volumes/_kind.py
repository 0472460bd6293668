# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of volumes that Docker's own driver and others keep, and what each of them needs. No input, no output.

The local driver hands ``type``, ``device`` and ``o`` to the kernel (mount(2)), not to the program mount: what mount.nfs
and mount.cifs would read, resolve or leave out is nobody's work here, and shows only when the first container starts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..runner._problem import Problem
from ._mount_options import is_address, value_of, words

_LOCAL = "local"


@dataclass(frozen=True)
class Kind:
    """What sort of volume it is."""

    name: str
    is_persistent: bool = True
    """Whether its data is there after the last container has let go of it."""
    is_mounted_by_docker: bool = True
    """Whether the local driver mounts it, and only while a container uses it."""


PLAIN = Kind("a directory of Docker's own", is_mounted_by_docker=False)
FOREIGN = Kind("another driver's", is_mounted_by_docker=False)
BIND = Kind("a directory of the host")
TMPFS = Kind("memory", is_persistent=False)
NFS = Kind("an NFS export")
CIFS = Kind("an SMB share")
DEVICE = Kind("a device")

_BY_TYPE = {"tmpfs": TMPFS, "ramfs": TMPFS, "nfs": NFS, "nfs4": NFS, "cifs": CIFS, "smb3": CIFS}
_BINDING = frozenset(("bind", "rbind"))
_NO_FILE_SYSTEMS = ("none", "bind")
_FSTAB_ONLY = re.compile(r"_netdev|nofail|noauto|auto|users?|x-.*|comment=.*")
"""Words of /etc/fstab for mount and systemd, which the kernel refuses as unknown parameters of NFS."""
_SIZE = re.compile(r"\d+(\.\d+)? ?[kmgtp]?i?b?", re.IGNORECASE)
"""What Docker understands as a size (docker/go-units, RAMInBytes)."""
_NO_QUOTA = "no quota support"
"""In Docker's answer to ``size`` (moby, volume/local)."""


def is_same_driver(declared: str, driver: str) -> bool:
    """Docker adds the tag to the name of a plugin that it runs itself: ``vieux/sshfs`` is ``vieux/sshfs:latest``."""
    return driver in (declared, f"{declared}:latest")


def kind_of(driver: str, options: Mapping[str, str]) -> Kind:
    """The kind of a volume with this driver and these options."""
    if driver != _LOCAL:
        return FOREIGN
    if not (options.get("type") and options.get("device")):
        return PLAIN
    if _BINDING.intersection(words(options.get("o", ""))):
        return BIND
    return _BY_TYPE.get(options["type"], DEVICE)


def check(options: Mapping[str, str]) -> None:
    """Refuse what Docker takes for the local driver and no container could ever be started with."""
    kind = kind_of(_LOCAL, options)
    if options.get("size") and not _SIZE.fullmatch(options["size"]):
        raise Problem(
            f"driver_options.size: '{options['size']}' is no size. Write a number with one of the letters k, m, g, t, "
            "such as 10g."
        )
    if kind is BIND:
        _check_bind(options["device"])
    elif kind is NFS:
        _check_nfs(options)
    elif kind is CIFS:
        _check_cifs(options)
    elif kind is DEVICE and options["type"] in _NO_FILE_SYSTEMS:
        raise Problem(
            f"driver_options.type: '{options['type']}' is no file system. To bind the directory {options['device']}, "
            "write type: none and o: bind."
        )


def _check_bind(device: str) -> None:
    if not device.startswith("/"):
        raise Problem(
            f"driver_options.device: '{device}' is no absolute path, and a bind would begin at the daemon's own "
            "directory. Write the whole path."
        )


def _check_nfs(options: Mapping[str, str]) -> None:
    given = options.get("o", "")
    address = value_of("addr", given)
    if ":" not in options["device"]:
        raise Problem(
            f"driver_options.device: '{options['device']}' is no export. Write ':/path', and the server as addr= in o."
        )
    if not address:
        raise Problem(
            "driver_options.o: has no addr=, without which the kernel does not know the server: Docker mounts without "
            "mount.nfs, which would find it in device. Add addr=<server>."
        )
    if options["type"] == "nfs4" and not is_address(address):
        raise Problem(
            f"driver_options.o: addr={address} is a name, and Docker resolves names for the types nfs and cifs only, "
            "not for nfs4. Write type: nfs and add nfsvers=4 to o."
        )
    unknown = [word for word in words(given) if _FSTAB_ONLY.fullmatch(word)]
    if unknown:
        raise Problem(
            f"driver_options.o: {unknown[0]} is a word for /etc/fstab. The kernel, to which Docker hands the options, "
            "refuses it when a container starts. Take it out."
        )


def _check_cifs(options: Mapping[str, str]) -> None:
    names = {word.partition("=")[0] for word in words(options.get("o", ""))}
    for name in sorted(names & {"credentials", "cred"}):
        raise Problem(
            f"driver_options.o: {name}= names a file that mount.cifs would read. Docker mounts without it, and the "
            "kernel refuses the option when a container starts. Write username= and password= (kept out of results and "
            "logs, but shown by docker volume inspect), or mount the share on the host with its credentials file and "
            "bind that directory: type: none, o: bind."
        )


def explained(problem: Problem, options: Mapping[str, str]) -> Problem:
    """Docker's refusal to create a volume, with what can be done about it where Docker does not say."""
    if options.get("size") and _NO_QUOTA in str(problem):
        return Problem(
            f"{problem} driver_options.size: {options['size']} needs Docker's root directory on a file system with "
            "project quotas, such as XFS mounted with the option pquota. Mount it so and restart Docker, take size "
            "out, or bind a directory of a file system that has the wanted size."
        )
    return problem
