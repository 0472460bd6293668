# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs the lab calls, and the Debian packages that bring them (all of them are in packages.txt)."""

from __future__ import annotations

import os
import shutil
from typing import Sequence

from holdfast_lab.places import cache_directory
from holdfast_lab.processes import run_long, succeeds
from holdfast_lab.progress import LabError, step

_PACKAGES = {
    "apt-cacher-ng": "apt-cacher-ng",
    "docker": "docker.io",
    "dockerd": "docker.io",
    "ip": "iproute2",
    "iptables": "iptables",
    "mke2fs": "e2fsprogs",
    "mmdebstrap": "mmdebstrap",
    "fakeroot": "fakeroot",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}
_SEARCH = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/sbin:/sbin"  # a user's PATH may lack the sbin folders


def program(name: str) -> str:
    """The full path of a program that :func:`require` has asked for."""
    return shutil.which(name, path=_SEARCH) or name


def require(programs: Sequence[str]) -> None:
    """Make sure that the programs are there: as root install what is missing, else name the one command that does.

    :raises LabError: when something is missing and cannot be installed
    """
    missing = sorted({_package(name) for name in programs if not shutil.which(name, path=_SEARCH)})
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise LabError(f"the lab needs Debian packages that are missing. As root: {' '.join(command)}")
    with step(f"installing {' '.join(missing)}"):
        log = cache_directory("logs") / "apt.log"
        run_long(["apt-get", "update"], log, "apt-get update")
        run_long(["env", "DEBIAN_FRONTEND=noninteractive", *command], log, "apt-get install")


def _package(name: str) -> str:
    # From Debian 13 on, docker.io comes without the command line.
    if name == "docker" and succeeds(["apt-cache", "show", "docker-cli"]):
        return "docker-cli"
    return _PACKAGES[name]
