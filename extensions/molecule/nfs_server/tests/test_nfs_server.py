# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host itself says about its NFS server and what it gives away."""

from __future__ import annotations

from typing import Any

import pytest


def test_the_server_runs_now_and_after_a_boot(host: Any) -> None:
    server = host.service("nfs-server.service")
    assert server.is_running
    assert server.is_enabled


def test_only_nfs_4_is_spoken(host: Any) -> None:
    said = host.file("/proc/fs/nfsd/versions").content_string.split()
    assert "-3" in said
    assert "+4.2" in said


@pytest.mark.parametrize(("file", "number"), [("threads", "4"), ("nfsv4gracetime", "10"), ("nfsv4leasetime", "10")])
def test_settings_are_the_kernels(host: Any, file: str, number: str) -> None:
    assert host.file(f"/proc/fs/nfsd/{file}").content_string.strip() == number


def test_no_other_port_is_open(host: Any) -> None:
    listening = {line.split()[3].rpartition(":")[2] for line in host.check_output("ss -Hltn").splitlines()}
    assert "2049" in listening
    assert "111" not in listening
    assert "rpc" not in host.check_output("ss -Hltnp")


def test_exports(host: Any) -> None:
    table = host.file("/var/lib/nfs/etab").content_string
    exported = {tuple(line.split("(")[0].split("\t")) for line in table.splitlines()}
    assert exported == {
        ("/srv/shared", "10.213.0.0/24"),
        ("/srv/shared", "localhost"),
        ("/srv/media\\040library", "10.213.0.0/24"),
    }


def test_the_mount_is_there(host: Any) -> None:
    assert host.check_output("findmnt --noheadings --output SOURCE /mnt/shared") == "localhost:/srv/shared"
    host.check_output("touch /mnt/shared/by-root")
    assert host.file("/srv/shared/by-root").uid == 0


def test_the_domain_of_names(host: Any) -> None:
    assert "\nDomain = example.com\n" in host.file("/etc/idmapd.conf").content_string
