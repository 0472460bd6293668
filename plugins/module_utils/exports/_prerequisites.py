# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Kerberos and TLS need on a server before an export that asks for them is more than an export for nobody."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import _options

KEYTAB = Path("/etc/krb5.keytab")
TLS_SETTINGS = Path("/etc/tlshd.conf")
_OLDEST_KERNEL = (6, 5)
"""The first whose server does TLS as a program of the host (tlshd) negotiates it."""
_CERTIFICATE = re.compile(r"^\s*x509\.certificate\s*=\s*\S", re.MULTILINE)


@dataclass(frozen=True)
class Host:
    """What of it is there."""

    keytab: bool
    kernel: str
    """Its release, such as ``6.12.1-cloud-amd64``."""
    certificate: bool
    """Whether the settings of tlshd name one for servers."""
    programs: frozenset[str]
    """The names of what runs."""


def look() -> Host:
    """Of this host. Raises OSError."""
    return Host(
        KEYTAB.exists() and KEYTAB.stat().st_size > 0,
        os.uname().release,
        TLS_SETTINGS.exists() and bool(_CERTIFICATE.search(_server_section(TLS_SETTINGS.read_text(encoding="utf-8")))),
        frozenset(_programs()),
    )


def missing(options: Iterable[str]) -> list[str]:
    """What the options need and this host has not. Raises OSError. Looks only when there is something to look for."""
    given = list(options)
    asks = any(flavour.startswith("krb5") for flavour in _options.flavours(given)) or _options.transports(given)
    return missing_on(look(), given) if asks else []


def missing_on(host: Host, given: Sequence[str]) -> list[str]:
    """The same of any host, each as a sentence with the way out."""
    flavours = sorted(flavour for flavour in _options.flavours(given) if flavour.startswith("krb5"))
    transports = sorted(_options.transports(given) - {"none"})
    told = _of_kerberos(host, f"sec={':'.join(flavours)}") if flavours else []
    return told + (_of_tls(host, f"xprtsec={':'.join(transports)}") if transports else [])


def _of_kerberos(host: Host, option: str) -> list[str]:
    told = []
    if not host.keytab:
        told.append(
            f"{option} needs the server's key (nfs/NAME@REALM) in {KEYTAB}, and there is none. Have one made in the "
            "realm and brought there."
        )
    if not host.programs & {"rpc.svcgssd", "gssproxy"}:
        told.append(
            f"{option} needs rpc.svcgssd or gssproxy, and neither runs. With the key in place, start "
            "rpc-svcgssd.service."
        )
    return told


def _of_tls(host: Host, option: str) -> list[str]:
    told = []
    found = re.match(r"(\d+)\.(\d+)", host.kernel)
    if not found or (int(found[1]), int(found[2])) < _OLDEST_KERNEL:
        told.append(f"{option} needs Linux 6.5 or newer, and this host runs {host.kernel}. Debian 13 has one.")
    if "tlshd" not in host.programs:
        told.append(f"{option} needs tlshd, which does not run. Install ktls-utils and start tlshd.service.")
    if not host.certificate:
        told.append(
            f"{option} needs a certificate of this server, and {TLS_SETTINGS} names none. Set x509.certificate and "
            "x509.private_key in its section authenticate.server."
        )
    return told


def _server_section(text: str) -> str:
    """Of settings in sections, that of the server."""
    after = text.partition("[authenticate.server]")[2]
    return re.split(r"^\s*\[", after, maxsplit=1, flags=re.MULTILINE)[0]


def _programs() -> Iterable[str]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                yield Path("/proc", entry, "comm").read_text(encoding="utf-8", errors="replace").strip()
            except OSError:  # it ended in between
                continue
