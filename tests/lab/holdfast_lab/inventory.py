# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab as an Ansible inventory."""

from __future__ import annotations

import json
import shlex

from holdfast_lab import ssh
from holdfast_lab.state import Host, Lab


def write(lab: Lab) -> None:
    """Write ``inventory.yml``, usable with any ``ansible -i`` from any directory."""
    lines = ["# Written by tests/lab/lab; the next `up` or `down` writes it anew.", "all:", "  children:", "    lab:"]
    lines.append("      hosts:" if lab.hosts else "      hosts: {}")
    for host in lab.hosts.values():
        lines.append(f"        {host.name}:")
        lines += [f"          {name}: {json.dumps(value)}" for name, value in _variables(lab, host).items()]
    (lab.directory / "inventory.yml").write_text("\n".join(lines) + "\n")


def _variables(lab: Lab, host: Host) -> dict[str, object]:
    return {
        "ansible_host": "127.0.0.1",
        "ansible_port": host.ssh_port,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(ssh.key_file(lab)),
        "ansible_ssh_common_args": _arguments({**ssh.host_options(lab, host), **ssh.sharing_options()}),
        "ansible_ssh_args": "",  # Ansible's own compress, which an emulated host pays for
        "ansible_pipelining": True,
        "ansible_python_interpreter": "/usr/bin/python3",
    }


def _arguments(options: dict[str, str]) -> str:
    return " ".join(f"-o {shlex.quote(f'{key}={value}')}" for key, value in options.items())
