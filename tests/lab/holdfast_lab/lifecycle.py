# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a lab up and taking it down."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import Iterable, Sequence

from holdfast_lab import containers, inventory, services, ssh, virtual_machines
from holdfast_lab.network import free_port
from holdfast_lab.places import lab_directory
from holdfast_lab.processes import ignore_interruption, locked
from holdfast_lab.progress import LabError, say, step
from holdfast_lab.requirements import require
from holdfast_lab.state import Host, Lab, check_host_name, load

_FILES = ("state.json", "inventory.yml", "ssh_config", "known_hosts", "id_ed25519", "id_ed25519.pub")
"""What `down` removes of a lab's directory: others, such as Molecule's scenarios, may have labs below it."""


def machinery(lab: Lab) -> ModuleType:
    """The module that makes this lab's kind of host; both have the same functions."""
    return containers if lab.kind == "container" else virtual_machines


def lock(directory: Path) -> AbstractContextManager[None]:
    """Whoever changes a lab holds this."""
    directory.mkdir(parents=True, exist_ok=True)
    return locked(directory / "lock", f"the lab {directory}")


def up(kind: str, names: Sequence[str], distro: str, memory: int) -> Lab:
    """Make the named hosts run; those that do are left alone. What fails or is interrupted leaves nothing behind.

    :param memory: MiB of a virtual machine that is made now
    """
    for name in names:
        check_host_name(name)
    require(["ssh", "ssh-keygen"])
    with lock(lab_directory()):
        lab = _lab_of_kind(kind)
        new = _planned(lab, names, distro, memory)
        lab.save()
        try:
            _bring_up(lab, [lab.hosts[name] for name in names])
        except BaseException:
            ignore_interruption()
            say("taking back what this command began")
            _remove(lab, new)
            raise
    return lab


def _lab_of_kind(kind: str) -> Lab:
    lab = load() or Lab(lab_directory(), kind)
    if lab.kind != kind and lab.hosts:
        raise LabError(
            f"the lab {lab.directory} has hosts of kind {lab.kind}, asked for is {kind}: "
            "`tests/lab/lab down` first, or set HOLDFAST_LAB to another directory."
        )
    lab.kind = kind
    return lab


def _planned(lab: Lab, names: Sequence[str], distro: str, memory: int) -> list[Host]:
    """Enter the hosts that are missing into the lab; return them."""
    new = []
    for name in names:
        known = lab.hosts.get(name)
        if known is None:
            number = 1 + max((host.number for host in lab.hosts.values()), default=0)
            lab.hosts[name] = Host(name, distro, number, free_port(), memory)
            new.append(lab.hosts[name])
        elif known.distro != distro:
            raise LabError(f"host {name} runs {known.distro}, asked for is {distro}: `tests/lab/lab down` first.")
    return new


def _bring_up(lab: Lab, hosts: Sequence[Host]) -> None:
    kind = machinery(lab)
    mirror = kind.supply(lab)
    missing = [host for host in hosts if not kind.exists(lab, host)]
    for distro in sorted({host.distro for host in missing}):
        image = kind.image(distro, mirror)
        for host in missing:
            if host.distro == distro:
                host.image = image
    for host in missing:
        lab.host_directory(host).mkdir(parents=True, exist_ok=True)
        ssh.host_key_file(lab, host)
    ssh.write_configuration(lab)
    inventory.write(lab)
    starting = [host for host in hosts if not kind.runs(lab, host)]
    if starting:
        with step(f"starting {', '.join(host.name for host in starting)} ({lab.kind}, {starting[0].distro})"):
            for host in starting:
                if host in missing:
                    kind.create(lab, host, mirror)
                kind.start(lab, host)
                lab.save()
            wait_for_all(lab, starting)
    say(f"{len(hosts)} of {len(hosts)} hosts run; inventory: {lab.directory / 'inventory.yml'}")


def wait_for_all(lab: Lab, hosts: Sequence[Host]) -> None:
    """Wait until all these hosts answer, then let every host know every other's name.

    :raises LabError: as soon as one of them will not come up
    """
    given_up = Event()
    with ThreadPoolExecutor(max_workers=max(len(hosts), 1)) as pool:
        try:
            for waiting in as_completed([pool.submit(_wait, lab, host, given_up) for host in hosts]):
                waiting.result()
        finally:
            given_up.set()  # else the others would be waited for to the end
    machinery(lab).introduce(lab)


def _wait(lab: Lab, host: Host, given_up: Event) -> None:
    kind = machinery(lab)
    try:
        ssh.wait_until_answering(
            lab, host, kind.BOOT_SECONDS, lambda: "given up" if given_up.is_set() else kind.trouble(lab, host)
        )
    except LabError as error:
        raise LabError(f"{error}\n{kind.last_words(lab, host)}") from error


def down() -> None:
    """Remove everything of the lab; the shared servers too when no other lab needs them."""
    directory = lab_directory()
    if not directory.exists():
        say(f"there is no lab at {directory}")
        return
    with lock(directory):
        lab = load(directory)
        if lab is None:
            say(f"there is no lab at {directory}")
            return
        machinery(lab).reach()
        ignore_interruption()
        with step(f"removing {', '.join(lab.hosts) or 'the empty lab'}"):
            _remove(lab, list(lab.hosts.values()))


def _remove(lab: Lab, hosts: Iterable[Host]) -> None:
    kind = machinery(lab)
    for host in hosts:
        ssh.forget_connection(lab, host)
        kind.destroy(lab, host)
        shutil.rmtree(lab.host_directory(host), ignore_errors=True)
        del lab.hosts[host.name]
        lab.save()
    if lab.hosts:
        ssh.write_configuration(lab)
        inventory.write(lab)
        return
    kind.destroy_shared(lab)
    for name in _FILES:
        (lab.directory / name).unlink(missing_ok=True)
    shutil.rmtree(lab.directory / "hosts", ignore_errors=True)
    services.release(lab.identity)
