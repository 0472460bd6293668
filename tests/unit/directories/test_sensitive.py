# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which paths of a host need an explicit word."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._sensitive import why_sensitive

SYSTEM = "it belongs to the system or to Docker"
VOLATILE = "what lies there does not survive a boot or is removed when it is old"


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/", SYSTEM),
        ("/etc", SYSTEM),
        ("/etc/ssh", SYSTEM),
        ("/root", SYSTEM),
        ("/root/app", SYSTEM),
        ("/usr/local/app", SYSTEM),
        ("/var/lib", SYSTEM),
        ("/var/lib/docker/volumes/pgdata", SYSTEM),
        ("/proc/1/root", SYSTEM),
        ("/run/app", VOLATILE),
        ("/var/run/app", VOLATILE),
        ("/tmp", VOLATILE),
        ("/var/run/docker.sock", "whoever reaches this socket is root on the host"),
        ("/run/containerd/containerd.sock", "whoever reaches this socket is root on the host"),
        ("/home/app/.ssh", "people keep their keys there"),
        ("/home/app/.docker/contexts", "people keep their keys there"),
    ],
)
def test_sensitive(path: str, why: str) -> None:
    assert why_sensitive(path) == why


@pytest.mark.parametrize(
    "path",
    [
        "/srv/app",
        "/data",
        "/etc/app",
        "/rooted",
        "/usr-data",
        "/var/lib/app",
        "/opt/app/tmp",
        "/home/app/.sshd",
        "/tmpfs",
    ],
)
def test_not_sensitive(path: str) -> None:
    assert why_sensitive(path) == ""
