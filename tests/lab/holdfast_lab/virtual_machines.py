# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as virtual machines with a kernel of their own: NFS, Docker, reboots and power cuts are real."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

from holdfast_lab import images, package_mirror, services, ssh
from holdfast_lab.acceleration import kvm_works
from holdfast_lab.network import free_port, mac_address
from holdfast_lab.processes import run, start as start_server
from holdfast_lab.progress import LabError
from holdfast_lab.requirements import program, require
from holdfast_lab.seed import host_lines, seed
from holdfast_lab.state import Host, Lab

BOOT_SECONDS = 300.0
"""How long an emulated host may take until its boot is complete."""
GATEWAY = "10.0.2.2"
"""What qemu's user network calls this machine's loopback (qemu(1), -netdev user)."""
_GROUP = "230.0.0.1"
"""A multicast address that, bound to loopback, joins the second cards of one lab's hosts."""


def supply(lab: Lab) -> str:
    """Bring up the servers that hosts need; return the URL of the package mirror as hosts reach it."""
    require(["qemu-system-x86_64", "qemu-img"])
    if not lab.network_port:
        lab.network_port = free_port(socket.SOCK_DGRAM)
    with services.lock():
        services.use(lab.identity, lab.directory)
        return f"http://{GATEWAY}:{package_mirror.ensure()}"


def reach() -> None:
    """Virtual machines need no server to be removed; nothing to do here."""


def image(distro: str, mirror: str) -> str:
    """The directory of the image that hosts of this distribution start from; built when it is not there."""
    return str(images.disk_image(distro, mirror.replace(GATEWAY, package_mirror.LOOPBACK)))


def create(lab: Lab, host: Host, mirror: str) -> None:
    """Make the disks of a host: an overlay over the image, and its identity."""
    directory = lab.host_directory(host)
    (directory / "seed.tar").write_bytes(seed(lab, host, mirror))
    (directory / "names").write_text("\n".join(host_lines(lab)))
    base = str(Path(host.image) / "disk.raw")
    overlay = str(directory / "disk.qcow2")
    run([program("qemu-img"), "create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, overlay])


def start(lab: Lab, host: Host) -> None:
    """Switch a host on."""
    directory = lab.host_directory(host)
    host.process = start_server(_command(lab, host), directory / "qemu.log", directory)


def _command(lab: Lab, host: Host) -> list[str]:
    kernel = Path(host.image)
    # A plain model: each feature more is one that the emulator pays for, and `max` costs a quarter of the speed.
    emulation = ["-accel", "tcg,thread=multi", "-cpu", "Westmere"]
    outside = f"user,id=outside,hostfwd=tcp:127.0.0.1:{host.ssh_port}-:22"
    inside = f"socket,id=inside,mcast={_GROUP}:{lab.network_port},localaddr=127.0.0.1"
    return [
        program("qemu-system-x86_64"),
        *("-name", f"holdfast-{lab.identity}-{host.name}", "-nodefaults", "-no-user-config", "-display", "none"),
        *("-machine", "q35", "-smp", str(min(2, os.cpu_count() or 1)), "-m", str(host.memory)),
        *(["-accel", "kvm", "-cpu", "host"] if kvm_works(kernel) else emulation),
        *("-kernel", str(kernel / "vmlinuz"), "-initrd", str(kernel / "initrd.img")),
        *("-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0 mitigations=off quiet"),
        # Without this machine's page cache in between, a power cut loses what a power cut loses.
        *("-drive", "file=disk.qcow2,format=qcow2,if=virtio,cache=none,discard=unmap"),
        *("-drive", "file=seed.tar,format=raw,if=virtio,readonly=on"),
        *("-netdev", outside, "-device", _card(lab, host, "outside", 0)),
        *("-netdev", inside, "-device", _card(lab, host, "inside", 1)),
        *("-device", "virtio-rng-pci"),
        *("-serial", "file:console.log", "-qmp", "unix:monitor.sock,server=on,wait=off"),
    ]


def _card(lab: Lab, host: Host, network: str, number: int) -> str:
    return f"virtio-net-pci,netdev={network},mac={mac_address(lab.identity, host.number, number)}"


def trouble(lab: Lab, host: Host) -> str | None:
    """Why the host will not come up any more, None as long as it may."""
    if runs(lab, host):
        return None
    log = lab.host_directory(host) / "qemu.log"
    return f"its virtual machine ended: {log.read_text(errors='replace').strip()[-500:] or 'it said nothing'}"


def last_words(lab: Lab, host: Host) -> str:
    """What the host itself said last."""
    console = lab.host_directory(host) / "console.log"
    return "\n".join(console.read_text(errors="replace").splitlines()[-15:]) if console.exists() else ""


def exists(lab: Lab, host: Host) -> bool:
    """Whether the host has been made, on or off."""
    return (lab.host_directory(host) / "disk.qcow2").exists() and (Path(host.image) / "disk.raw").exists()


def runs(_lab: Lab, host: Host) -> bool:
    """Whether the host is on."""
    return host.process is not None and host.process.runs()


def power_cut(_lab: Lab, host: Host) -> None:
    """Kill the virtual machine: what it had not brought to its disk is lost."""
    if host.process:
        host.process.stop(signal.SIGKILL)
    host.process = None


def restart(lab: Lab, host: Host) -> None:
    """Ask the host to shut down in order and boot again; it does so on its own."""
    ssh.on(lab, host, "systemctl reboot --no-block")


def connect(lab: Lab, host: Host, connected: bool) -> None:
    """Plug the host's second card in, or unplug it. A power cut plugs it in again."""
    _ask_monitor(lab, host, "set_link", name="inside", up=connected)


def _ask_monitor(lab: Lab, host: Host, command: str, **arguments: Any) -> None:
    """Give the virtual machine monitor one command (QMP, one JSON object a line)."""
    directory = os.open(lab.host_directory(host), os.O_PATH)
    try:
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(10)
            monitor.connect(f"/proc/self/fd/{directory}/monitor.sock")  # the full path may be too long for a socket
            lines = monitor.makefile("rw")
            lines.readline()  # its greeting
            for request in ({"execute": "qmp_capabilities"}, {"execute": command, "arguments": arguments}):
                lines.write(json.dumps(request) + "\n")
                lines.flush()
                _check_answer(host, command, lines)
    except OSError as error:
        raise LabError(f"host {host.name}: its virtual machine takes no commands ({error}); is it on?") from error
    finally:
        os.close(directory)


def _check_answer(host: Host, command: str, lines: Any) -> None:
    for line in lines:
        answer = json.loads(line)
        if "error" in answer:
            raise LabError(f"host {host.name}: {command} was refused: {answer['error'].get('desc')}")
        if "return" in answer:  # events may come before it
            return


def destroy(lab: Lab, host: Host) -> None:
    """Remove a host; its directory with the disks is the caller's to remove."""
    power_cut(lab, host)


def destroy_shared(_lab: Lab) -> None:
    """The network between virtual machines is theirs and goes with the last; nothing to do here."""


def introduce(lab: Lab) -> None:
    """Tell running hosts the names of hosts that joined the lab after them."""
    lines = host_lines(lab)
    for host in lab.hosts.values():
        told = lab.host_directory(host) / "names"
        unknown = [line for line in lines if line not in told.read_text().split("\n")]
        if unknown and runs(lab, host):
            ssh.on(lab, host, "cat >> /etc/hosts <<'END'\n" + "\n".join(unknown) + "\nEND\n")
            told.write_text("\n".join(lines))
