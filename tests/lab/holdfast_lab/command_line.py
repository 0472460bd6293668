# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of ``tests/lab/lab``."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import NoReturn, Sequence

from holdfast_lab import faults, lifecycle, services, ssh
from holdfast_lab.places import lab_directory
from holdfast_lab.progress import LabError, say
from holdfast_lab.state import DISTRIBUTIONS, KINDS, existing


def main(arguments: Sequence[str]) -> int:
    """Run one command; return the exit status: 0 done, 1 failed, 130 interrupted."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupted)  # so that these clean up as Ctrl-C does
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted", file=sys.stderr)
        return 130
    return 0


def _interrupted(_number: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tests/lab/lab",
        description="Real hosts from Debian's packages, reached over ssh. The lab lies in $HOLDFAST_LAB, else in .lab "
        "at the root of the checkout; Ansible finds its hosts in inventory.yml there, ssh in ssh_config.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    up = commands.add_parser("up", help="make hosts run; those that do are left alone")
    up.add_argument("--kind", choices=KINDS, default="vm", help="virtual machine or container (default: %(default)s)")
    up.add_argument("--hosts", default="app1", help="names, separated by spaces (default: %(default)s)")
    up.add_argument("--distro", choices=DISTRIBUTIONS, default="bookworm", help="default: %(default)s")
    up.add_argument("--memory", type=int, default=1536, metavar="MIB", help="of a new vm (default: %(default)s)")
    up.set_defaults(run=_up)

    commands.add_parser("down", help="remove the lab with all its hosts").set_defaults(run=_down)
    commands.add_parser("status", help="list the hosts").set_defaults(run=_status)

    into = commands.add_parser("ssh", help="open a session on a host, or run a command there")
    into.add_argument("host")
    into.add_argument("arguments", nargs=argparse.REMAINDER, metavar="COMMAND")
    into.set_defaults(run=_ssh)

    for name, (function, text) in faults.FAULTS.items():
        fault = commands.add_parser(name, help=text)
        fault.add_argument("host")
        if name in faults.WITH_PATH:
            fault.add_argument("path", help="a directory on the file system that is meant")
        fault.set_defaults(run=_fault, function=function)

    shared = commands.add_parser("services", help="hold the servers that labs share over many short labs")
    shared.add_argument("action", choices=["start", "stop"])
    shared.set_defaults(run=_services)
    return parser


def _up(options: argparse.Namespace) -> None:
    names = list(dict.fromkeys(options.hosts.replace(",", " ").split()))
    lifecycle.up(options.kind, names, options.distro, options.memory)


def _down(_options: argparse.Namespace) -> None:
    lifecycle.down()


def _status(_options: argparse.Namespace) -> None:
    lab = existing()
    kind = lifecycle.machinery(lab)
    for host in lab.hosts.values():
        state = "on" if kind.runs(lab, host) else "off"
        print(f"{host.name:16} {lab.kind:10} {host.distro:10} {state:4} 127.0.0.1:{host.ssh_port}")


def _ssh(options: argparse.Namespace) -> None:
    lab = existing()
    ssh.open_session(lab, lab.host(options.host), options.arguments)


def _fault(options: argparse.Namespace) -> None:
    lab = existing()
    host = lab.host(options.host)
    extra = [options.path] if "path" in options else []
    with lifecycle.lock(lab.directory):
        options.function(lab, host, *extra)


def _services(options: argparse.Namespace) -> None:
    if options.action == "stop":
        services.release(services.HELD)
        return
    with services.lock():
        services.use(services.HELD, lab_directory())
    say("the servers that labs share stay until `tests/lab/lab services stop`")
