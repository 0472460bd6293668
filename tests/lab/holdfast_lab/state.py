# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a lab remembers about itself: ``state.json`` in its directory."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from holdfast_lab.places import lab_directory, lab_identity
from holdfast_lab.processes import Process
from holdfast_lab.progress import LabError

KINDS = ("vm", "container")
DISTRIBUTIONS = ("bookworm", "trixie", "bullseye")
_HOST_NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass
class Host:
    """One host of the lab."""

    name: str
    distro: str
    number: int
    """Counts from 1 and is never used twice in a lab: addresses are made from it."""
    ssh_port: int
    """On 127.0.0.1 of this machine, forwarded to the host's port 22."""
    memory: int = 0
    """MiB, of a virtual machine."""
    image: str = ""
    """What it was made from: a directory of the cache (vm) or an image's name (container)."""
    process: Process | None = None
    """The virtual machine's process; None while it is off."""


@dataclass
class Lab:
    """A lab: its hosts and what they share."""

    directory: Path
    kind: str
    network_port: int = 0
    """UDP port of the network between virtual machines."""
    hosts: dict[str, Host] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """What the names of this lab's containers, networks and processes carry."""
        return lab_identity(self.directory)

    def host(self, name: str) -> Host:
        """The host of this name.

        :raises LabError: when the lab has none
        """
        if name not in self.hosts:
            raise LabError(f"host {name}: this lab ({self.directory}) has {', '.join(self.hosts) or 'no hosts'}.")
        return self.hosts[name]

    def host_directory(self, host: Host) -> Path:
        """Where a host's disk, keys and console log lie."""
        return self.directory / "hosts" / host.name

    def save(self) -> None:
        """Write the state; what was there stays readable until the new one is complete."""
        content = asdict(self)
        del content["directory"]  # it is where the file lies
        temporary = self.directory / "state.json.new"
        temporary.write_text(json.dumps(content, indent=2) + "\n")
        os.replace(temporary, self.directory / "state.json")


def load(directory: Path | None = None) -> Lab | None:
    """The lab in this directory (the lab of the environment when none is given), or None."""
    directory = directory or lab_directory()
    try:
        content = json.loads((directory / "state.json").read_text())
    except FileNotFoundError:
        return None
    hosts = content.pop("hosts")
    lab = Lab(directory=directory, **content)
    for name, fields in hosts.items():
        process = fields.pop("process")
        lab.hosts[name] = Host(**fields, process=Process(**process) if process else None)
    return lab


def existing() -> Lab:
    """The lab of the environment.

    :raises LabError: when it has not been started
    """
    lab = load()
    if lab is None:
        raise LabError(f"there is no lab at {lab_directory()}: start one with `tests/lab/lab up`.")
    return lab


def check_host_name(name: str) -> str:
    """Return the name when it may be a host's.

    :raises LabError: when it may not
    """
    if not _HOST_NAME.fullmatch(name) or name in ("localhost", "lab", "all"):
        raise LabError(f"host name {name!r}: use small letters, digits and hyphens, a letter first, at most 31.")
    return name
