# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can befall a host. Each function returns when the new state is really reached."""

from __future__ import annotations

from typing import Callable

from holdfast_lab import lifecycle, ssh
from holdfast_lab.processes import wait_for
from holdfast_lab.progress import LabError, step
from holdfast_lab.state import Host, Lab

FILLING = ".holdfast-lab-filling"
"""The file that takes up the room."""

# Allocates in ever smaller pieces until not one block is left.
_FILL = """
set -eu
cd {path}
python3 - <<'PYTHON'
import errno, os
size, piece = 0, 1 << 30
handle = os.open({name!r}, os.O_WRONLY | os.O_CREAT, 0o600)
size = os.fstat(handle).st_size
while piece >= 512:
    try:
        os.posix_fallocate(handle, size, piece)
        size += piece
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        piece //= 2
PYTHON
"""
_LARGEST_IN_CONTAINER = 1 << 30
"""Bytes. Room on a container's disk is room on this machine's: only a small file system of its own may be filled."""


def reboot(lab: Lab, host: Host) -> None:
    """Shut down in order and boot again; returns when the new boot is complete."""
    before = _boot(lab, host)
    with step(f"rebooting {host.name}"):
        ssh.forget_connection(lab, host)
        lifecycle.machinery(lab).restart(lab, host)
        _wait_for_boot_other_than(before, lab, host)


def power_cut(lab: Lab, host: Host) -> None:
    """Take the power away: nothing is flushed, nobody is asked. The host stays off until power-on."""
    with step(f"cutting the power of {host.name}"):
        lifecycle.machinery(lab).power_cut(lab, host)
        ssh.forget_connection(lab, host)
        lab.save()
        if not wait_for(lambda: not lifecycle.machinery(lab).runs(lab, host), 20):
            raise LabError(f"host {host.name} still runs 20 s after its power was cut.")


def power_on(lab: Lab, host: Host) -> None:
    """Boot a host that is off; returns when its boot is complete."""
    if lifecycle.machinery(lab).runs(lab, host):
        raise LabError(f"host {host.name} is on already; `reboot` boots it anew.")
    with step(f"booting {host.name}"):
        lifecycle.machinery(lab).start(lab, host)
        lab.save()
        lifecycle.wait_for_all(lab, [host])


def network_cut(lab: Lab, host: Host) -> None:
    """Unplug the host from the other hosts; ssh from this machine and the packages keep their own network."""
    with step(f"cutting {host.name} off the other hosts"):
        lifecycle.machinery(lab).connect(lab, host, False)


def network_restore(lab: Lab, host: Host) -> None:
    """Plug the host into the network of the lab again."""
    with step(f"connecting {host.name} to the other hosts"):
        lifecycle.machinery(lab).connect(lab, host, True)


def disk_fill(lab: Lab, host: Host, path: str) -> None:
    """Fill the file system below a directory to the last block, root's reserve included."""
    if lab.kind == "container":
        _refuse_to_fill_this_machine(lab, host, path)
    with step(f"filling the disk below {path} on {host.name}"):
        ssh.on(lab, host, _FILL.format(path=_quoted(path), name=FILLING))
        if _free(lab, host, path):
            raise LabError(f"host {host.name}: {path} still has room after it was filled.")


def disk_free(lab: Lab, host: Host, path: str) -> None:
    """Give back what disk-fill took."""
    with step(f"freeing the disk below {path} on {host.name}"):
        ssh.on(lab, host, f"rm -f {_quoted(path)}/{FILLING}")


def _refuse_to_fill_this_machine(lab: Lab, host: Host, path: str) -> None:
    kind, blocks, size = ssh.on(lab, host, f"stat --file-system --format='%T %b %S' {_quoted(path)}").split()
    if kind != "tmpfs" or int(blocks) * int(size) > _LARGEST_IN_CONTAINER:
        raise LabError(
            f"host {host.name}: {path} lies on the disk of this machine, as it is a container. "
            "Mount a tmpfs of at most 1 GiB there first, or use a virtual machine."
        )


def _free(lab: Lab, host: Host, path: str) -> bool:
    """Whether one more byte can be written by root."""
    probe = f"cd {_quoted(path)} && if echo x > {FILLING}-probe; then echo yes; fi 2>/dev/null; rm -f {FILLING}-probe"
    return "yes" in ssh.on(lab, host, probe)


def _boot(lab: Lab, host: Host) -> str:
    """Tells one boot from the next, by its first process in a container too, whose kernel stays the same."""
    return ssh.on(lab, host, "cat /proc/sys/kernel/random/boot_id; cut -d' ' -f22 /proc/1/stat", options=ssh.DIRECT)


def _wait_for_boot_other_than(before: str, lab: Lab, host: Host) -> None:
    def changed() -> bool:
        try:
            return _boot(lab, host) != before
        except LabError:  # between the two boots nobody answers
            return False

    if not wait_for(changed, lifecycle.machinery(lab).BOOT_SECONDS, pause=0.5):
        raise LabError(f"host {host.name} does not come back from its reboot: see `tests/lab/lab status`.")
    lifecycle.wait_for_all(lab, [host])


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"


FAULTS: dict[str, tuple[Callable[..., None], str]] = {
    "reboot": (reboot, "shut a host down in order and boot it again"),
    "power-cut": (power_cut, "take a host's power away; it stays off"),
    "power-on": (power_on, "boot a host that is off"),
    "network-cut": (network_cut, "unplug a host from the other hosts; ssh from here stays"),
    "network-restore": (network_restore, "plug it in again"),
    "disk-fill": (disk_fill, "fill the file system below a directory"),
    "disk-free": (disk_free, "give the room back"),
}
WITH_PATH = ("disk-fill", "disk-free")
