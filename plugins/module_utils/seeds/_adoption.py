# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The data that a container keeps outside of named volumes: found, and copied with proof."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..engine._containers import DockerContainers
from ..engine._docker import Docker
from ..engine._mounted import RUNNING
from ..runner._problem import Problem
from ._archive_members import DIRECTORY, FILE, HARD_LINK, PIPE, SYMLINK, Member
from ._archives import Read, tar_members, unpack_stream
from ._seed import Seed

_KINDS = {DIRECTORY: stat.S_ISDIR, FILE: stat.S_ISREG, SYMLINK: stat.S_ISLNK, PIPE: stat.S_ISFIFO}
_IS_DIRECTORY = 1 << 31
"""In a mode as Go has it (os.ModeDir), which is what Docker answers."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Keeping:
    """Where a container has what is at a path in it."""

    container: str
    """Its id."""
    runs: bool
    volume: str = ""
    """The volume that is mounted there or above; empty for a bind mount and for the container's own layer."""
    directory: str = ""
    """On this host, for a volume or a bind mount of which it is this directory or lies in it."""
    below: str = ""
    """The rest of the path, below the volume's or the bind mount's own directory."""


def find(containers: DockerContainers, seed: Seed) -> Keeping | Problem:
    """Where the data is that the seed adopts; a Problem that says why there is none."""
    found = containers.find(seed.source)
    if found is None:
        return Problem(
            f"there is no container {seed.source}. Check its name; where there is nothing to adopt (any more), leave "
            "adopt out."
        )
    runs = found["State"]["Status"] in RUNNING
    mount = _mount_of(found.get("Mounts") or (), seed.path)
    if mount is None:
        return Keeping(found["Id"], runs)
    if mount["Type"] not in ("volume", "bind"):
        return Problem(f"{seed.path} of container {seed.source} is a {mount['Type']}, which keeps no data.")
    below = os.path.relpath(seed.path, mount["Destination"])
    name = str(mount.get("Name") or "") if mount["Type"] == "volume" else ""
    return Keeping(found["Id"], runs, name, str(mount.get("Source") or ""), "" if below == "." else below)


def _mount_of(mounts: Iterable[dict[str, Any]], path: str) -> dict[str, Any] | None:
    """The mount at the path, or the nearest above it."""
    above = [mount for mount in mounts if os.path.commonpath([path, mount["Destination"]]) == mount["Destination"]]
    return max(above, key=lambda mount: len(mount["Destination"]), default=None)


def below(root: Path, path: str) -> Path:
    """The directory below ``root``, without following a link that a container may have laid."""
    place = root
    for name in filter(None, path.split("/")):
        place /= name
        if not place.is_dir() or place.is_symlink():
            raise Problem(f"'{path}' is not a directory there, or a link is on the way to it. Check the path.")
    return place


def check_layer(docker: Docker, seed: Seed, container: str) -> None:
    """Problem when the container's own layer has no such directory."""
    with _reading(docker, seed, container):
        return


def copy_layer(docker: Docker, seed: Seed, container: str, target: Path) -> None:
    """Copy a directory of a container's own layer as Docker hands it out, and compare it with a second reading."""
    with _reading(docker, seed, container) as stream:
        unpack_stream(stream, target, strip=1)
    with _reading(docker, seed, container) as stream:
        told = list(_differences(tar_members(stream, strip=1, links_may_leave=True), target))
    if told:
        raise Problem(f"the copy of {seed.words} differs from it: {'; '.join(told[:5])}. Stop what writes there.")


@contextmanager
def _reading(docker: Docker, seed: Seed, container: str) -> Iterator[BinaryIO]:
    with docker.request(f"reading {seed.path} of container {seed.source}") as client:
        try:
            chunks, status = client.get_archive(container, seed.path, chunk_size=_CHUNK)
        except docker.not_found:
            raise Problem(f"container {seed.source} has no {seed.path}. Check adopt.path.") from None
        if status.get("linkTarget"):
            raise Problem(f"{seed.path} of container {seed.source} is a link to {status['linkTarget']}. Name that.")
        if not int(status["mode"]) & _IS_DIRECTORY:
            raise Problem(f"{seed.path} of container {seed.source} is no directory. Check adopt.path.")
        yield cast(BinaryIO, _Stream(chunks))


class _Stream:
    """Chunks as something to read from."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._rest = b""

    def read(self, size: int) -> bytes:
        if not self._rest:
            self._rest = next(self._chunks, b"")
        chunk, self._rest = self._rest[:size], self._rest[size:]
        return chunk


def _differences(members: Iterator[tuple[Member, Read | None]], root: Path) -> Iterator[str]:
    names = 0
    for member, read in members:
        names += bool(member.parts)
        path = root.joinpath(*member.parts)
        try:
            why = _difference(member, read, path, root)
        except FileNotFoundError:
            why = "is missing"
        if why:
            yield f"{'/'.join(member.parts) or '.'} {why}"
    present = sum(len(folders) + len(files) for _folder, folders, files in os.walk(root))
    if present != names:
        yield f"{present} entries instead of {names}"


def _difference(member: Member, read: Read | None, path: Path, root: Path) -> str:
    found = os.lstat(path)
    if member.kind == HARD_LINK:
        return "" if os.path.samestat(found, os.lstat(root.joinpath(*member.original))) else "is no hard link"
    if not _KINDS[member.kind](found.st_mode):
        return f"is no {member.kind}"
    if (found.st_uid, found.st_gid) != (member.uid, member.gid):
        return f"belongs to {found.st_uid}:{found.st_gid}"
    if member.kind == SYMLINK:
        return "" if os.readlink(path) == member.target else "points elsewhere"
    if stat.S_IMODE(found.st_mode) != member.mode:
        return f"has mode {stat.S_IMODE(found.st_mode):04o}"
    if read is None:
        return ""
    with path.open("rb") as copied:
        return "" if _sum(read) == _sum(copied.read) else "has another content"


def _sum(read: Read) -> str:
    summed = hashlib.sha256()
    while chunk := read(_CHUNK):
        summed.update(chunk)
    return summed.hexdigest()
