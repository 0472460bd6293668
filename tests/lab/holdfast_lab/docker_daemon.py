# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker daemon that container hosts run on: the one that answers, else one that the lab starts."""

from __future__ import annotations

import json
import os
from typing import Sequence

from holdfast_lab import services
from holdfast_lab.places import cache_directory
from holdfast_lab.processes import run, start, succeeds, wait_for
from holdfast_lab.progress import LabError, step
from holdfast_lab.requirements import program, require

_NAME = "dockerd"


def docker(arguments: Sequence[str], *, stdin: bytes = b"", timeout: float = 120.0, check: bool = True) -> str:
    """Run the docker command line against the lab's daemon and return its standard output."""
    return run([*_command(), *arguments], stdin=stdin, timeout=timeout, check=check)


def _command() -> list[str]:
    """Our own daemon when it runs, else whatever the environment points to."""
    own = ["--host", f"unix://{_socket()}"] if services.running(_NAME) else []
    return [program("docker"), *own]


def _socket() -> str:
    return str(cache_directory("docker") / "docker.sock")


def answers() -> bool:
    """Whether a Docker daemon answers, ours or another."""
    return succeeds([*_command(), "version"], timeout=10)


def ensure() -> None:
    """Make a Docker daemon answer; call with the services' lock held.

    :raises LabError: when none answers and this user cannot start one
    """
    require(["docker", "ip"])
    if answers():
        return
    if os.geteuid() != 0:
        raise LabError(
            "no Docker daemon answers, and only root can start one: start Docker, or use virtual machines (--kind vm)."
        )
    require(["dockerd", "iptables"])
    if answers():  # where systemd runs, installing the package starts it
        return
    with step("starting a Docker daemon, as none answers"):
        _start()


def _start() -> None:
    directory = cache_directory("docker")
    log = cache_directory("logs") / "dockerd.log"
    command = [
        program(_NAME),
        f"--host=unix://{_socket()}",
        f"--data-root={directory / 'data'}",
        f"--exec-root={directory / 'run'}",
        f"--pidfile={directory / 'dockerd.pid'}",
    ]
    process = start(command, log, directory)
    services.remember(_NAME, process)
    if not wait_for(lambda: answers() or not process.runs(), 60) or not process.runs():
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-5:])
        services.stop(_NAME)
        raise LabError(f"the Docker daemon does not start. The end of {log}:\n{tail}")


def gateway() -> str:
    """The address of this machine on Docker's default bridge: what containers reach it by.

    :raises LabError: when the daemon runs on another machine
    """
    template = '{{index .Options "com.docker.network.bridge.name"}}'
    bridge = docker(["network", "inspect", "bridge", "--format", template]).strip()
    cards = json.loads(run([program("ip"), "-json", "-4", "address", "show", "dev", bridge], check=False) or "[]")
    for card in cards:
        for assigned in card.get("addr_info", []):
            return str(assigned["local"])
    raise LabError(f"this machine has no card {bridge}: the Docker daemon must be its own, not one elsewhere.")
