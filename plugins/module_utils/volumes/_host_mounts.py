# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at what is mounted on this host for volumes in use, and at what the names in their options mean now."""

from __future__ import annotations

import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from ..engine._docker import Docker
from ..runner import _mountinfo
from ._live_mount import Mounts, holders, host_in, is_live, is_missing
from ._mount_options import is_address, value_of
from ._volume import Volume

_DAEMON = "dockerd"
_PID_FILE = Path("/run/docker.pid")
_PROC = Path("/proc")
_PATIENCE = 5.0
"""Seconds for names and devices, together: a name server or an NFS server may be what is wrong."""


def look(volumes: Sequence[Volume], docker: Docker) -> Mounts:
    """What :func:`~._live_mount.live_differences` needs to know. Reads nothing when none of them is in use."""
    live = [volume.driver_options for volume in volumes if is_live(volume)]
    if not live:
        return Mounts()
    real_paths: dict[str, str] = {}
    numbers: dict[str, str] = {}
    addresses: dict[str, frozenset[str]] = {}
    devices = {options["device"] for options in live if options["device"].startswith("/")}
    hosts = {host for options in live for host in (value_of("addr", options.get("o", "")), host_in(options))}
    _within(
        _PATIENCE,
        [
            *(partial(_look_at, device, real_paths, numbers) for device in devices),
            *(partial(_resolve, host, addresses) for host in hosts if host and not is_address(host)),
        ],
    )
    table = _mountinfo.mounts(_table())
    missing = [volume for volume in volumes if is_missing(volume, table)]
    inside = {volume.name: seen for volume in missing for seen in [_seen_inside(volume, docker)] if seen}
    return Mounts(table, dict(real_paths), dict(numbers), dict(addresses), inside)


def _seen_inside(volume: Volume, docker: Docker) -> _mountinfo.Mount | None:
    """What the first of its containers sees in the volume's place; None when that cannot be found out."""
    user = holders(volume)[0]
    with docker.request(f"reading container {user.name}") as client:
        container = client.inspect_container(user.id)
    targets = [mount["Destination"] for mount in container["Mounts"] if mount.get("Name") == volume.name]
    try:
        table = _mountinfo.mounts(_PROC / str(container["State"]["Pid"]) / "mountinfo")
    except OSError:
        return None
    return _mountinfo.at(targets[0], table) if targets else None


def _within(seconds: float, steps: Sequence[Callable[[], None]]) -> None:
    """Do all of it, side by side, and go on without what takes longer."""
    threads = [threading.Thread(target=step, daemon=True) for step in steps]
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))


def _look_at(device: str, real_paths: dict[str, str], numbers: dict[str, str]) -> None:
    try:
        status = os.stat(device)
    except FileNotFoundError:
        real_paths[device] = ""
        return
    except OSError:
        return
    real_paths[device] = os.path.realpath(device)
    if stat.S_ISBLK(status.st_mode):
        numbers[device] = f"{os.major(status.st_rdev)}:{os.minor(status.st_rdev)}"


def _resolve(host: str, addresses: dict[str, frozenset[str]]) -> None:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return
    addresses[host] = frozenset(str(entry[4][0]) for entry in found)


def _table() -> Path | None:
    """The daemon's own table: its unit may give it mounts of its own. None stands for that of this process."""
    try:
        process = _PROC / _PID_FILE.read_text(encoding="ascii").strip()
        if (process / "comm").read_text(encoding="utf-8").strip() == _DAEMON:
            return process / "mountinfo"
    except (OSError, ValueError):
        return None
    return None
