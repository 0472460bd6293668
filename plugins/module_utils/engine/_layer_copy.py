# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Carry what a container wrote to its own layer over to the one that takes its place.

It waits in a file in between, since the old container has to go before the new one comes.
"""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..runner import _files
from ._containers import DockerContainers

_CHUNK = 1 << 20


def save(containers: DockerContainers, container: str, paths: Sequence[str], archive: Path) -> None:
    """Keep these absolute paths of the container in a tar archive, durably. Raises Problem, OSError.

    Docker's own archive of the whole file system is read through: it alone has owners, modes and attributes of all.
    """
    wanted = {path.strip("/") for path in paths}
    stream = _Stream(containers.export(container))
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with (
            tarfile.open(fileobj=stream, mode="r|") as whole,
            tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as kept,
        ):
            for member in whole:
                if member.name.strip("/") in wanted:
                    kept.addfile(member, whole.extractfile(member) if member.isreg() else None)
        file.flush()
        os.fsync(file.fileno())
    _files.synchronise(archive.parent)


def restore(containers: DockerContainers, container: str, archive: Path) -> None:
    """Put what was kept into the container. Raises Problem, OSError."""
    containers.unpack(container, _chunks(archive))


def _chunks(archive: Path) -> Iterator[bytes]:
    with archive.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


class _Stream(io.RawIOBase):
    """Chunks as a file that is read once."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes; fewer are no end."""
        if not self._rest:
            self._rest = next(self._chunks, b"")
        part, self._rest = (self._rest, b"") if size < 0 else (self._rest[:size], self._rest[size:])
        return part
