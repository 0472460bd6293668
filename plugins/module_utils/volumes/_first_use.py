# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a volume on an NFS server can be used: it is mounted once, before any container relies on it.

Docker creates such a volume without asking the server, and the first container to start would be the first to know.
"""

from __future__ import annotations

import errno
import os
import socket
import uuid
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ..engine._docker import Consumer, Docker
from ..engine._holder import Holder
from ..mounts import _apart
from ..runner._problem import Problem
from . import _host_mounts
from ._live_mount import live_differences
from ._mount_options import value_of, words
from ._volume import Definition, Volume

_PATIENCE = 10.0
"""Seconds that the server has for a connection, and for a file."""
_PORT = 2049
_UNTOLD = (errno.EACCES, errno.EPERM)
"""Root is nobody to many servers: that it may not write says nothing of others."""


def reach(volume: str, wanted: Definition) -> None:
    """Problem unless the server takes a connection: Docker itself would wait for it, and all of Docker with it."""
    options = wanted.driver_options.get("o", "")
    host, declared = value_of("addr", options), value_of("port", options)
    port = int(declared) if declared.isdecimal() else _PORT
    try:
        socket.create_connection((host, port), _PATIENCE).close()
    except socket.gaierror as error:
        raise Problem(
            f"volume {volume}: its server {host} has no address here: {error.strerror}. Correct the name, or the "
            "host's resolver."
        ) from error
    except OSError as error:
        why = "no answer" if isinstance(error, socket.timeout) else error.strerror or str(error)
        raise Problem(
            f"volume {volume}: its server {host} cannot be reached at port {port} within {_PATIENCE:g} s: {why}. Start "
            "the server, or open the port, and run again."
        ) from error


def prove(docker: Docker, volume: Volume) -> None:
    """Problem unless it is mounted as it is declared, and can be written to where it is not declared read-only."""
    try:
        with Holder(docker, f"prove {volume.name}", {volume.name: "/data"}) as paths:
            holder = Consumer("", "the holder", "running")
            mounts = _host_mounts.look([replace(volume, consumers=(holder,))], docker)
            told = live_differences(replace(volume, consumers=(holder,)), mounts)
            if told:
                raise Problem(f"{told[0]}.")
            if "ro" not in words(volume.driver_options.get("o", "")):
                _write(paths[volume.name])
    except Problem as problem:
        raise Problem(
            f"volume {volume.name}: a first look at it, before any container uses it, failed: {problem}"
        ) from problem


def _write(root: Path) -> None:
    answer = _apart.answers({"write": lambda: _make_and_remove(root / f".holdfast-{uuid.uuid4()}")}, _PATIENCE)["write"]
    number = _apart.error_of(answer)
    if _apart.is_late(answer):
        raise Problem(f"its server did not take a file within {_PATIENCE:g} s. Look at the server.")
    if number == errno.EROFS:
        raise Problem(
            "its server gives it read-only, and it is not declared so. Export it read-write, or add ro to its options."
        )
    if number and number not in _UNTOLD:
        raise Problem(f"could not write to its server: {answer['message']}. Look at the server.")


def _make_and_remove(path: Path) -> bool:
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with suppress(FileNotFoundError):
        os.unlink(path)
    return True
