# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Paths of a host that no container should get by accident, since they give away the host or do not hold data."""

from __future__ import annotations

import re

_DIRECTORIES = (
    *("/", "/etc", "/home", "/media", "/mnt", "/opt", "/srv", "/var"),
    *("/var/backups", "/var/cache", "/var/lib", "/var/local", "/var/log", "/var/opt", "/var/spool"),
)
"""Binding these gives a container the host, and their owner and mode are the system's own."""
_TREES = (
    *("/bin", "/boot", "/dev", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/root", "/sbin", "/sys", "/usr"),
    *("/etc/apt", "/etc/cron.d", "/etc/docker", "/etc/holdfast", "/etc/pam.d", "/etc/ssh", "/etc/ssl/private"),
    *("/etc/sudoers.d", "/etc/systemd", "/etc/udev", "/var/cache/holdfast", "/var/lib/containerd"),
    *("/var/lib/containers", "/var/lib/docker", "/var/lib/dpkg", "/var/lib/holdfast", "/var/lib/systemd"),
    *("/var/spool/cron",),
)
"""The same with all that lies beneath."""
_VOLATILE = ("/run", "/tmp", "/var/lock", "/var/run", "/var/tmp")
_PRIVATE = re.compile(r"/(\.aws|\.docker|\.gnupg|\.kube|\.ssh)(/|$)")
"""Where people keep their keys, in whatever home."""
_SOCKETS = re.compile(r"/(docker|containerd|podman|crio)\.sock$")


def why_sensitive(path: str) -> str:
    """Why the path, which is absolute and plain, must not be taken without an explicit word; empty when it may."""
    if _SOCKETS.search(path):
        return "whoever reaches this socket is root on the host"
    if path in _DIRECTORIES or _lies_in(path, _TREES):
        return "it belongs to the system or to Docker"
    if _lies_in(path, _VOLATILE):
        return "what lies there does not survive a boot or is removed when it is old"
    if _PRIVATE.search(path):
        return "people keep their keys there"
    return ""


def _lies_in(path: str, trees: tuple[str, ...]) -> bool:
    return any(path == tree or path.startswith(f"{tree}/") for tree in trees)
