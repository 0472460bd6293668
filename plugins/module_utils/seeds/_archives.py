# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read archives to their very end: tar in all its compressions, and zip. What is truncated or damaged is refused."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import stat
import struct
import subprocess
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, BinaryIO, cast

from ..runner._problem import Problem
from ..trees._writer import TreeWriter
from ._archive_members import DIRECTORY, FILE, HARD_LINK, PIPE, SYMLINK, Member, check_symlink, placed, refused

_GZIP, _BZIP2, _XZ, _ZSTANDARD = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06")
_BLOCK = 512
_CHUNK = 1 << 18
_TAR_KINDS = {
    tarfile.DIRTYPE: DIRECTORY,
    tarfile.SYMTYPE: SYMLINK,
    tarfile.LNKTYPE: HARD_LINK,
    tarfile.FIFOTYPE: PIPE,
    **dict.fromkeys(tarfile.REGULAR_TYPES, FILE),
}
_TAR_DEVICES = {tarfile.CHRTYPE: "character device", tarfile.BLKTYPE: "block device"}
_ATTRIBUTE = "SCHILY.xattr."
"""How GNU tar, star and libarchive write the name of an extended attribute."""
_KEPT_ATTRIBUTES = ("user.", "security.capability")
_ZIP_KINDS = {0: FILE, stat.S_IFREG: FILE, stat.S_IFDIR: DIRECTORY, stat.S_IFLNK: SYMLINK}
_UNIX = 3
"""The system that a zip's member came from, of those that keep permissions."""
_ENCRYPTED = 1
_LONGEST_LINK = 4096

Read = Callable[[int], bytes]
Members = Iterator["tuple[Member, Read | None]"]


def unpack(
    archive: Path,
    target: Path,
    strip: int = 0,
    owner: tuple[int, int] | None = None,
    first_id: int = 0,
    links_may_leave: bool = False,
) -> None:
    """Put what the archive holds into an existing directory, with owners as numbers, permissions and times.

    ``strip``: leading components taken off every path. ``owner``: of everything, instead of the archive's owners, which
    are counted from ``first_id``. Raises Problem for an archive that leads out of the target by paths or links (links
    by themselves ``links_may_leave``), holds devices, or is not whole; then some of it may be in the target.
    """
    with _complaining(), archive.open("rb") as file:
        start = file.read(len(_XZ))
        file.seek(0)
        if start.startswith(_ZIP):
            _write(_zip_members(file, strip, links_may_leave), target, owner, first_id)
            return
        with _decompressed(archive, file, start) as stream:
            _write(tar_members(stream, strip, links_may_leave), target, owner, first_id)


def unpack_stream(stream: BinaryIO, target: Path, strip: int) -> None:
    """The same for a tar as it comes from Docker, whose links are those of the container's own root directory."""
    with _complaining():
        _write(tar_members(stream, strip, links_may_leave=True), target, None, 0)


def tar_members(stream: BinaryIO, strip: int, links_may_leave: bool) -> Members:
    """Every member with what reads its content, which has to happen before the next one is asked for."""
    watched = _Watched(stream)
    # The stream mode never goes back, so memory does not grow, save for the list that is emptied below.
    with tarfile.open(fileobj=cast(Any, watched), mode="r|", bufsize=_CHUNK) as tar:
        while (info := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]
            member = _tar_member(info, strip, links_may_leave)
            if member is not None:
                content = tar.extractfile(info) if member.kind == FILE else None
                yield member, content.read if content else None
        _require_end(watched, tar.offset)
    while stream.read(_CHUNK):
        pass  # only at its end does a compressed stream tell by its checksum whether it is whole


def _tar_member(info: tarfile.TarInfo, strip: int, links_may_leave: bool) -> Member | None:
    if info.type in _TAR_DEVICES:
        raise refused(info.name, _TAR_DEVICES[info.type])
    kind = _TAR_KINDS.get(info.type)
    if kind is None:
        raise refused(info.name, f"member of the unknown type {info.type!r}")
    parts = placed(info.name, strip, kind == DIRECTORY)
    if parts is None:
        return None
    if kind == SYMLINK and not links_may_leave:
        check_symlink(info.name, parts, info.linkname)
    return Member(
        parts,
        kind,
        mode=info.mode & 0o7777,
        uid=info.uid,
        gid=info.gid,
        modified=float(info.mtime),
        target=info.linkname,
        original=(placed(info.linkname, strip) or ()) if kind == HARD_LINK else (),
        size=info.size,
        is_sparse=info.issparse(),
        attributes={
            name[len(_ATTRIBUTE) :]: value.encode("utf-8", "surrogateescape")
            for name, value in info.pax_headers.items()
            if name.startswith(tuple(_ATTRIBUTE + kept for kept in _KEPT_ATTRIBUTES))
        },
    )


class _Watched:
    """A stream that remembers the last of what was read, to tell the end mark of a tar from a missing rest."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._position = 0
        self._last = b""

    def read(self, size: int) -> bytes:
        chunk = self._stream.read(size)
        self._position += len(chunk)
        self._last = (self._last + chunk)[-2 * _CHUNK :]
        return chunk

    def block_at(self, offset: int) -> bytes:
        place = offset - (self._position - len(self._last))
        return self._last[place : place + _BLOCK] if place >= 0 else b""


def _require_end(watched: _Watched, offset: int) -> None:
    """tarfile takes a missing or damaged header for the end; the end is a block of zeros (POSIX, pax, "ustar")."""
    block = watched.block_at(offset)
    if len(block) < _BLOCK:
        raise Problem("it ends without its end mark: it is truncated. Fetch or make it again.")
    if any(block):
        raise Problem(f"it is damaged at byte {offset:,}. Fetch or make it again.")


def _decompressed(archive: Path, file: BinaryIO, start: bytes) -> AbstractContextManager[BinaryIO]:
    if start.startswith(_ZSTANDARD):
        return _through_zstd(archive)
    for mark, opened in ((_GZIP, gzip.open), (_BZIP2, bz2.open), (_XZ, lzma.open)):
        if start.startswith(mark):
            return cast(Callable[[BinaryIO], BinaryIO], opened)(file)
    return nullcontext(file)


@contextmanager
def _through_zstd(archive: Path) -> Iterator[BinaryIO]:
    """By the program: Python has no zstd of its own before 3.14."""
    program = shutil.which("zstd")
    if program is None:
        raise Problem("it is compressed by zstd, and this host has no program zstd. Install the package zstd.")
    command = [program, "-dcq", "--", str(archive)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            yield cast(BinaryIO, process.stdout)
        except BaseException:
            process.kill()
            raise
        said = cast(BinaryIO, process.stderr).read().decode(errors="replace").strip()
    if process.returncode != 0:
        raise Problem(f"it is truncated or damaged (zstd: {said}). Fetch or make it again.")


def _zip_members(file: BinaryIO, strip: int, links_may_leave: bool) -> Members:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            member = _zip_member(archive, info, strip, links_may_leave)
            if member is None:
                continue
            if member.kind != FILE:
                yield member, None
                continue
            with archive.open(info) as content:
                yield member, content.read


def _zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, strip: int, links_may_leave: bool) -> Member | None:
    name = info.orig_filename
    mode = info.external_attr >> 16 if info.create_system == _UNIX else 0
    kind = DIRECTORY if info.is_dir() else _ZIP_KINDS.get(stat.S_IFMT(mode), "")
    if not kind:
        raise refused(name, "device or another special file")
    parts = placed(name, strip, kind == DIRECTORY)
    if parts is None:
        return None
    if info.flag_bits & _ENCRYPTED:
        raise Problem("it is protected by a password. Pack it without one.")
    target = ""
    if kind == SYMLINK:
        with archive.open(info) as content:
            target = content.read(_LONGEST_LINK).decode("utf-8", "surrogateescape")
        if not links_may_leave:
            check_symlink(name, parts, target)
    uid, gid = _zip_owner(info.extra)
    usual = 0o755 if kind == DIRECTORY else 0o644
    return Member(
        parts,
        kind,
        mode=stat.S_IMODE(mode) or usual,
        uid=uid,
        gid=gid,
        modified=time.mktime((*info.date_time, 0, 0, -1)),
        target=target,
        size=info.file_size,
    )


def _zip_owner(extra: bytes) -> tuple[int, int]:
    """User and group from Info-ZIP's field "ux" (its proginfo/extrafld.txt); root's when there is none."""
    while len(extra) >= 4:
        mark, length = struct.unpack_from("<HH", extra)
        data, extra = extra[4 : 4 + length], extra[4 + length :]
        if mark == 0x7875 and len(data) >= 3 and data[0] == 1:
            width = data[1]
            uid, rest = data[2 : 2 + width], data[2 + width :]
            gid = rest[1 : 1 + rest[0]] if rest else b""
            return int.from_bytes(uid, "little"), int.from_bytes(gid, "little")
    return 0, 0


def _write(members: Members, target: Path, owner: tuple[int, int] | None, first_id: int) -> None:
    with TreeWriter(target, owner, first_id) as tree:
        for member, read in members:
            tree.add(member, read)


@contextmanager
def _complaining() -> Iterator[None]:
    """Turn what the libraries raise for a bad archive into a Problem."""
    try:
        yield
    except (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile) as error:
        raise Problem(f"it is truncated or damaged ({error}). Fetch or make it again.") from error
    except tarfile.TarError as error:
        raise Problem(
            f"it is truncated, damaged, or no tar or zip archive ({error}). Fetch or make it again."
        ) from error
    except NotImplementedError as error:
        raise Problem(f"it is packed in a way that this host cannot unpack ({error}). Pack it as tar.") from error
