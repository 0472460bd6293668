# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports and addresses."""

from __future__ import annotations

import hashlib
import random
import socket

PORTS = range(20000, 30000)
"""Below the kernel's range for outgoing connections, so that a port found free stays so until it is used."""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    for port in random.sample(PORTS, len(PORTS)):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port on 127.0.0.1")


def answers(address: str, port: int) -> bool:
    """Whether something accepts TCP connections there."""
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False


def lab_address(number: int) -> str:
    """The address of a virtual machine on the network of its lab (a /24)."""
    return f"10.213.0.{number + 10}"


def mac_address(identity: str, number: int, card: int) -> str:
    """A locally administered hardware address; labs share no network, but a bridge would not forgive twins."""
    digest = hashlib.sha256(f"{identity} {number} {card}".encode()).hexdigest()
    return ":".join(["52", "54", "00", digest[0:2], digest[2:4], digest[4:6]])
