# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a bare image one certain host: the few files that are its own."""

from __future__ import annotations

from holdfast_lab import ssh
from holdfast_lab.apt_sources import archive, settings_for_hosts
from holdfast_lab.archives import archive_of
from holdfast_lab.network import lab_address, mac_address
from holdfast_lab.state import Host, Lab

_HOST_KEY = "etc/ssh/ssh_host_ed25519_key"
_AUTHORIZED_KEYS = "root/.ssh/authorized_keys"


def seed(lab: Lab, host: Host, mirror: str) -> bytes:
    """A tar archive with the files of one host.

    :param mirror: URL of the package mirror as this host reaches it
    """
    private = ssh.host_key_file(lab, host)
    files = {
        "etc/apt/sources.list": "\n".join(archive().lines(host.distro)) + "\n",
        "etc/apt/apt.conf.d/80holdfast-lab": "\n".join(settings_for_hosts(mirror)) + "\n",
        _HOST_KEY: private.read_text(),
        f"{_HOST_KEY}.pub": ssh.public(private),
        _AUTHORIZED_KEYS: ssh.public(ssh.key_file(lab)),
    }
    if lab.kind == "vm":  # Docker gives a container its name and its addresses
        files.update(_network_files(lab, host))
    return archive_of(files, private=frozenset([_HOST_KEY, _AUTHORIZED_KEYS]))


def _network_files(lab: Lab, host: Host) -> dict[str, str]:
    outside = f"""[Match]
MACAddress={mac_address(lab.identity, host.number, 0)}
[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
"""
    inside = f"""[Match]
MACAddress={mac_address(lab.identity, host.number, 1)}
[Network]
Address={lab_address(host.number)}/24
"""
    names = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback", *host_lines(lab)]
    return {
        "etc/hostname": f"{host.name}\n",
        "etc/hosts": "\n".join(names) + "\n",
        "etc/resolv.conf": "nameserver 10.0.2.3\n",
        "etc/systemd/network/outside.network": outside,
        "etc/systemd/network/lab.network": inside,
    }


def host_lines(lab: Lab) -> list[str]:
    """Lines of hosts(5) for all virtual machines of the lab."""
    return [f"{lab_address(host.number)} {host.name}" for host in lab.hosts.values()]
