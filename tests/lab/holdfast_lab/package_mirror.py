# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The package mirror of the lab: an apt-cacher-ng of its own between the hosts and this machine's package archive."""

from __future__ import annotations

import os

from holdfast_lab import services
from holdfast_lab.apt_sources import setting
from holdfast_lab.network import answers, free_port
from holdfast_lab.places import cache_directory
from holdfast_lab.processes import start, wait_for
from holdfast_lab.progress import LabError, step
from holdfast_lab.requirements import program, require

_NAME = "apt-cacher-ng"
_SUPPORT = "/usr/lib/apt-cacher-ng"
LOOPBACK = "127.0.0.1"


def ensure(address: str = LOOPBACK) -> int:
    """Make the mirror answer on loopback and on this address, and on nothing else; return its port.

    The port stays the same over restarts, as running hosts have it in their configuration. Call with the services' lock
    held.
    """
    known = services.running(_NAME)
    if known and address in known["addresses"]:
        return int(known["port"])
    require([_NAME])
    last = services.remembered(_NAME)
    addresses = sorted({LOOPBACK, address, *(known["addresses"] if known else [])})
    services.stop(_NAME)
    port = int(last.get("port") or free_port())
    if answers(LOOPBACK, port):
        port = free_port()
    with step(f"starting the package mirror on port {port} of {' and '.join(addresses)}"):
        _start(addresses, port)
    return port


def _start(addresses: list[str], port: int) -> None:
    configuration = cache_directory("packages", "configuration")
    (configuration / "acng.conf").write_text(_configuration(addresses, port))
    log = cache_directory("logs") / "apt-cacher-ng.log"
    process = start([program(_NAME), "-c", str(configuration), "ForeGround=1"], log, configuration)
    services.remember(_NAME, process, addresses=addresses, port=port)
    if not wait_for(lambda: all(answers(address, port) for address in addresses) or not process.runs(), 15):
        raise LabError(f"the package mirror does not answer on port {port}: see {log}.")
    if not process.runs():
        raise LabError(f"the package mirror ended at once: see {log}.")


def _configuration(addresses: list[str], port: int) -> str:
    upstream = setting("Acquire::http::Proxy") or os.environ.get("http_proxy", "")
    lines = [
        f"CacheDir: {cache_directory('packages', 'cache')}",
        f"LogDir: {cache_directory('packages', 'log')}",
        f"SupportDir: {_SUPPORT}",
        f"BindAddress: {' '.join(addresses)}",
        f"Port: {port}",
        "AllowUserPorts: 0",  # 0 = any: this machine's archive may be on another port than 80
        "ExThreshold: 30",
        "VerboseLog: 0",
    ]
    if upstream.startswith("http"):
        lines.append(f"Proxy: {upstream}")
    return "\n".join(lines) + "\n"
