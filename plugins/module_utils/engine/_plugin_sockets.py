# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the plugins on this host keeps Docker waiting: each is asked for its handshake, which changes nothing.

Where they are and how they are asked: Docker's plugin API, docs.docker.com/engine/extend/plugin_api.
"""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Union
from urllib.parse import urlsplit

SOCKETS = Path("/run/docker/plugins")
SPECIFICATIONS = (Path("/etc/docker/plugins"), Path("/usr/lib/docker/plugins"))

_PATIENCE = 5.0
"""Seconds for a handshake, for which a plugin has nothing to do."""
_HANDSHAKE = b"POST /Plugin.Activate HTTP/1.1\r\nHost: plugin\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_MANAGED = re.compile(r"[0-9a-f]{64}")
"""A plugin that Docker itself runs has a folder named by its id."""

Address = Union[str, "tuple[str, int]"]
"""A socket's path, or host and port."""


def silent() -> Mapping[str, str]:
    """Plugin → why it does not answer. Those that do are not in it."""
    try:
        found = addresses()
    except PermissionError:
        return {}
    if not found:
        return {}
    with ThreadPoolExecutor(len(found)) as pool:
        answers = dict(zip(found, pool.map(_why_silent, found.values())))
    return {name: why for name, why in answers.items() if why}


def addresses() -> dict[str, Address]:
    """Plugin → where it listens, as Docker looks for it. Raises PermissionError for a user who may not look."""
    found: dict[str, Address] = {}
    for folder in SPECIFICATIONS:
        for file in sorted(folder.glob("*.spec")):
            address = _address(file)
            if address:
                found[file.stem] = address
    try:
        os.listdir(SOCKETS)  # glob finds nothing where it may not look, in some versions of Python
    except FileNotFoundError:
        return found
    for path in sorted([*SOCKETS.glob("*.sock"), *SOCKETS.glob("*/*.sock")]):
        if path.is_socket():
            found[_name(path)] = str(path)
    return found


def _name(path: Path) -> str:
    return f"{path.stem} ({path.parent.name[:12]})" if _MANAGED.fullmatch(path.parent.name) else path.stem


def _address(file: Path) -> Address | None:
    """What a specification says: ``unix:///path`` or ``tcp://host:port``. None for what cannot be read."""
    try:
        parts = urlsplit(file.read_text(encoding="utf-8").strip())
        if parts.scheme == "unix":
            return parts.path
        return (parts.hostname, parts.port or 80) if parts.hostname else None
    except (OSError, ValueError):
        return None


def _why_silent(address: Address) -> str:
    """Empty when it answers anything at all."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as connection:
            connection.settimeout(_PATIENCE)
            connection.connect(address)
            connection.sendall(_HANDSHAKE)
            return "" if connection.recv(1) else "closes the connection without an answer"
    except socket.timeout:
        return f"no answer to the handshake within {_PATIENCE:g} s"
    except OSError as error:
        return str(error.strerror or error).lower()
