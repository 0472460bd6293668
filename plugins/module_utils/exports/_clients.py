# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may mount an export: the words of exports(5) for hosts, checked, and told apart by meaning."""

from __future__ import annotations

import ipaddress
import re

from ..runner._problem import Problem

_NETGROUP = re.compile(r"@[A-Za-z0-9_.-]+")
_NAME = re.compile(r"(?!-)[A-Za-z0-9_.-]{1,253}")
_PATTERN = re.compile(r"[A-Za-z0-9_.*?\[\]-]{1,253}")
_NUMBERS = re.compile(r"[0-9.]+")
_OLD_KERBEROS = re.compile(r"gss/krb5[ip]?")


def checked(host: str) -> str:
    """The host as it is written into the file. Raises :class:`Problem` for what exportfs would not take, or takes for
    something else."""
    if not host:
        raise Problem("host: is empty, which exportfs takes for every host. Name a host, a network or a netgroup.")
    if re.search(r"[\s(),\"#\\]", host):
        raise Problem(
            f"host: {host!r} holds more than a host. Write the options into options: a blank between a host and its "
            "options would export the directory to every host with them."
        )
    if _OLD_KERBEROS.fullmatch(host):
        raise Problem(f"host: {host} is the old word for Kerberos. Name the hosts, and give the option sec={host[4:]}.")
    if host.startswith("@"):
        return _matched(_NETGROUP, host)
    if "/" in host:
        return _network(host)
    if ":" in host or _NUMBERS.fullmatch(host):
        return _address(host)
    if any(sign in host for sign in "*?["):
        return _matched(_PATTERN, host.lower())
    return _matched(_NAME, host.lower())


def is_everybody(host: str) -> bool:
    """Whether it stands for every host there is. ``host`` is a checked one."""
    return host.endswith("/0") or not host.strip("*.")


def _network(host: str) -> str:
    try:
        return str(ipaddress.ip_network(host))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(host, strict=False)
    except ValueError:
        raise Problem(
            f"host: '{host}' is no network. Write one such as 192.0.2.0/24, 192.0.2.0/255.255.255.0 or 2001:db8::/64."
        ) from None
    raise Problem(f"host: {host} is a host in the network {meant}. Write {meant}, or {host.partition('/')[0]} alone.")


def _address(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        raise Problem(f"host: '{host}' is no address. Write one such as 192.0.2.7 or 2001:db8::7.") from None


def _matched(pattern: re.Pattern[str], host: str) -> str:
    if not pattern.fullmatch(host):
        raise Problem(
            f"host: '{host}' is no host. Write a name, an address, a network such as 192.0.2.0/24, a pattern such as "
            "*.example.com, or a netgroup such as @web."
        )
    return host
