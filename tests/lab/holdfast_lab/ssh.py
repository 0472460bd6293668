# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way into every host: root by key over 127.0.0.1, with one shared connection a host."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Callable, Sequence

from holdfast_lab.places import cache_directory
from holdfast_lab.processes import HEARTBEAT, run, succeeds, wait_for
from holdfast_lab.progress import LabError, say
from holdfast_lab.requirements import program
from holdfast_lab.state import Host, Lab

DIRECT = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ControlPath=none")
"""Options for a connection of its own, as long as the host may come or go."""


def key_file(lab: Lab) -> Path:
    """The private key that opens every host of the lab; made when missing."""
    return _key(lab.directory / "id_ed25519", "holdfast-lab")


def host_key_file(lab: Lab, host: Host) -> Path:
    """The key by which a host proves itself; made here, as emulated hosts take long to make their own."""
    return _key(lab.host_directory(host) / "ssh_host_ed25519_key", host.name)


def _key(path: Path, comment: str) -> Path:
    if not path.exists():
        run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(path)])
    return path


def public(path: Path) -> str:
    """The public half of a key file."""
    return path.with_name(path.name + ".pub").read_text()


def host_options(lab: Lab, host: Host) -> dict[str, str]:
    """Options of ssh_config(5) for one host, without how the connection is shared."""
    return {
        "HostKeyAlias": host.name,
        "UserKnownHostsFile": _quoted(lab.directory / "known_hosts"),
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "LogLevel": "ERROR",
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "8",  # an emulated host that installs packages may be silent for long
    }


def sharing_options() -> dict[str, str]:
    """Options of ssh_config(5) that let commands share one connection for five minutes.

    The socket lies in the cache, not in the lab, whose path may be too long for a socket.
    """
    return {
        "ControlMaster": "auto",
        "ControlPersist": "300",
        "ControlPath": _quoted(cache_directory("ssh") / "%C"),
    }


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)


def write_configuration(lab: Lab) -> None:
    """Write ``ssh_config`` and ``known_hosts`` for the hosts that the lab has."""
    known = [f"{host.name} {public(host_key_file(lab, host))}" for host in lab.hosts.values()]
    (lab.directory / "known_hosts").write_text("".join(known))
    blocks = [_block(lab, host) for host in lab.hosts.values()]
    (lab.directory / "ssh_config").write_text("\n".join(blocks))


def _block(lab: Lab, host: Host) -> str:
    options = {
        "HostName": "127.0.0.1",
        "Port": str(host.ssh_port),
        "User": "root",
        "IdentityFile": _quoted(key_file(lab)),
        **host_options(lab, host),
        **sharing_options(),
    }
    return "\n".join([f"Host {host.name}", *(f"    {key} {value}" for key, value in options.items())]) + "\n"


def command(lab: Lab, host: Host, arguments: Sequence[str], *options: str) -> list[str]:
    """The command line that runs ``arguments`` on a host."""
    configuration = str(lab.directory / "ssh_config")
    return [program("ssh"), "-F", configuration, *options, host.name, *arguments]


def on(lab: Lab, host: Host, script: str, timeout: float = 120.0, options: Sequence[str] = ()) -> str:
    """Run a shell script on a host and return its standard output.

    :raises LabError: when it fails or takes longer than ``timeout`` seconds
    """
    return run(command(lab, host, ["sh", "-s"], *options), stdin=script.encode(), timeout=timeout)


def forget_connection(lab: Lab, host: Host) -> None:
    """Close the shared connection, which would otherwise hang on when the host goes away."""
    if (lab.directory / "ssh_config").exists():
        succeeds(command(lab, host, [], "-O", "exit"))


def wait_until_answering(lab: Lab, host: Host, seconds: float, trouble: Callable[[], str | None]) -> None:
    """Wait until a host runs commands over ssh and its boot is complete.

    :param trouble: why there is nothing to wait for any more, None as long as there is
    :raises LabError: when there is trouble, or the time is over
    """
    began = time.monotonic()
    _wait(lambda: succeeds(command(lab, host, ["true"], *DIRECT), timeout=15), host, "answer ssh", seconds, trouble)
    say(f"  {host.name} answers ssh after {time.monotonic() - began:.1f} s")
    left = seconds - (time.monotonic() - began)
    _wait(lambda: _booted(lab, host), host, "complete its boot", max(left, 10), trouble)


def _booted(lab: Lab, host: Host) -> bool:
    state = run(command(lab, host, ["systemctl", "is-system-running"]), check=False)
    return state.strip() in ("running", "degraded")  # a unit that failed is the business of whoever needs it


def _wait(
    reached: Callable[[], bool], host: Host, what: str, seconds: float, trouble: Callable[[], str | None]
) -> None:
    found: str | None = None
    began = said = time.monotonic()

    def decided() -> bool:
        nonlocal found, said
        now = time.monotonic()
        if now - said > HEARTBEAT:
            said = now
            say(f"  waiting for {host.name} to {what}, {now - began:.0f} s so far")
        found = trouble()
        return found is not None or reached()

    if not wait_for(decided, seconds, pause=0.3):
        raise LabError(f"host {host.name} does not {what} within {seconds:.0f} s.")
    if found:
        raise LabError(f"host {host.name}: {found}")


def open_session(lab: Lab, host: Host, arguments: Sequence[str]) -> None:
    """Become an ssh session on the host (or run a command there); does not return."""
    line = command(lab, host, arguments)
    os.execv(line[0], line)
