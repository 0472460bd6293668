# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as containers that run systemd and may run a Docker of their own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from holdfast_lab import docker_daemon, images, package_mirror, services
from holdfast_lab.docker_daemon import docker
from holdfast_lab.progress import LabError
from holdfast_lab.seed import seed
from holdfast_lab.state import Host, Lab

BOOT_SECONDS = 90.0
"""How long a container host may take until its boot is complete."""

_LABEL = "holdfast.lab"


def _name(lab: Lab, host: Host) -> str:
    return f"holdfast-{lab.identity}-{host.name}"


def _network(lab: Lab) -> str:
    return f"holdfast-{lab.identity}"


def supply(lab: Lab) -> str:
    """Bring up the servers that hosts need; return the URL of the package mirror as hosts reach it."""
    with services.lock():
        services.use(lab.identity, lab.directory)
        docker_daemon.ensure()
        gateway = docker_daemon.gateway()
        return f"http://{gateway}:{package_mirror.ensure(gateway)}"


def reach() -> None:
    """Make sure that hosts can be removed: a daemon of the lab's own is not there after this machine was rebooted."""
    with services.lock():
        docker_daemon.ensure()


def image(distro: str, mirror: str) -> str:
    """The name of the image that hosts of this distribution run; built when it is not there."""
    return images.container_image(distro, mirror)


def create(lab: Lab, host: Host, mirror: str) -> None:
    """Make a host, but do not start it."""
    if not docker(["network", "ls", "--quiet", "--filter", f"name=^{_network(lab)}$"]).strip():
        # Internal: what the hosts say to each other by this network never leaves this machine.
        docker(["network", "create", "--internal", "--label", f"{_LABEL}={lab.identity}", _network(lab)])
    name = _name(lab, host)
    docker(["create", "--name", name, *_options(lab, host), host.image, "/sbin/init"])
    docker(["network", "connect", "--alias", host.name, _network(lab), name])
    docker(["cp", "-", f"{name}:/"], stdin=seed(lab, host, mirror))


def _options(lab: Lab, host: Host) -> list[str]:
    options = [
        f"--hostname={host.name}",
        f"--label={_LABEL}={lab.identity}",
        f"--publish=127.0.0.1:{host.ssh_port}:22",
        # --privileged fails on a machine that itself lacks SYS_RESOURCE.
        "--cap-add=ALL",
        "--cap-drop=SYS_RESOURCE",
        "--security-opt=seccomp=unconfined",
        "--security-opt=apparmor=unconfined",
        "--cgroupns=host",
        "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
        "--volume=/var/lib/docker",  # overlay on overlay fails
        "--tmpfs=/run",
        "--tmpfs=/run/lock",
        "--stop-signal=SIGRTMIN+3",  # systemd's "halt"
    ]
    if host.distro not in ("bullseye", "bookworm") and not Path("/sys/fs/cgroup/cgroup.controllers").exists():
        # From version 256 on systemd refuses control groups of version 1 unless it is told twice.
        switches = "systemd.unified_cgroup_hierarchy=0 SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1"
        options += ["--env=container=docker", f"--env=SYSTEMD_PROC_CMDLINE={switches}"]
    return options


def start(lab: Lab, host: Host) -> None:
    """Switch a host on."""
    docker(["start", _name(lab, host)])


def trouble(lab: Lab, host: Host) -> str | None:
    """Why the host will not come up any more, None as long as it may."""
    state = _state(lab, host)
    if state.get("Running"):
        return None
    return f"its container does not run (exit code {state.get('ExitCode', 'unknown')}). {state.get('Error', '')}"


def last_words(lab: Lab, host: Host) -> str:
    """What the host itself said last."""
    return docker(["exec", _name(lab, host), "journalctl", "--boot", "--no-pager", "--lines=15"], check=False)


def _state(lab: Lab, host: Host) -> dict[str, Any]:
    text = docker(["inspect", "--type", "container", "--format", "{{json .State}}", _name(lab, host)], check=False)
    return json.loads(text) if text.strip() else {}


def exists(lab: Lab, host: Host) -> bool:
    """Whether the host has been made, on or off."""
    return bool(_state(lab, host))


def runs(lab: Lab, host: Host) -> bool:
    """Whether the host is on."""
    return bool(_state(lab, host).get("Running"))


def power_cut(lab: Lab, host: Host) -> None:
    """Kill everything that runs on the host at once. What was written is not lost: that takes a virtual machine."""
    docker(["kill", "--signal=KILL", _name(lab, host)])


def restart(lab: Lab, host: Host) -> None:
    """Shut the host down in order and start it again."""
    docker(["restart", "--time=60", _name(lab, host)])


def connect(lab: Lab, host: Host, connected: bool) -> None:
    """Plug the host into the network of the lab, or unplug it; ssh and packages have a network of their own."""
    template = f'{{{{(index .NetworkSettings.Networks "{_network(lab)}").IPAddress}}}}'
    address = docker(["inspect", "--format", template, _name(lab, host)]).strip()
    cards = json.loads(docker(["exec", _name(lab, host), "ip", "-json", "-4", "address"]))
    for card in cards:
        if any(assigned["local"] == address for assigned in card["addr_info"]):
            state = "up" if connected else "down"
            docker(["exec", _name(lab, host), "ip", "link", "set", card["ifname"], state])
            return
    raise LabError(f"host {host.name} has no card with the address {address}; `tests/lab/lab reboot` makes it anew.")


def destroy(lab: Lab, host: Host) -> None:
    """Remove a host with all that it holds."""
    if exists(lab, host):
        docker(["rm", "--force", "--volumes", _name(lab, host)])


def destroy_shared(lab: Lab) -> None:
    """Remove what the hosts shared, and containers of this lab that its state does not know of."""
    if not docker_daemon.answers():
        return  # `up` got no daemon, so it made nothing; `down` has reached one before
    mine = ["--quiet", "--filter", f"label={_LABEL}={lab.identity}"]
    for identifier in docker(["ps", "--all", *mine]).split():
        docker(["rm", "--force", "--volumes", identifier])
    for identifier in docker(["network", "ls", *mine]).split():
        docker(["network", "rm", identifier])


def introduce(_lab: Lab) -> None:
    """Docker tells every host the others' names; nothing to do here."""
