# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a tree below one directory without ever following a symbolic link, whoever chose the names."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from ..runner._problem import Problem
from ..seeds._archive_members import DIRECTORY, FILE, HARD_LINK, PIPE, SYMLINK, Member, shown

_BUFFER = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class TreeWriter:
    """Puts members below an existing directory, for the time of a context; at its end directories get their traits.

    Every step of a path is opened by itself with O_NOFOLLOW. Raises Problem for a member that cannot be where it says,
    OSError for what the system refuses.
    """

    def __init__(self, root: Path, owner: tuple[int, int] | None = None, first_id: int = 0) -> None:
        """``owner``: user and group of everything; None: those of the members, counted from ``first_id``."""
        self._root = os.open(root, _DIRECTORY)
        self._owner = owner
        self._first_id = first_id
        self._folders: dict[tuple[str, ...], Member] = {}
        """What gets owner, mode and times at the end, since writing into it changes its times."""
        self._parent: tuple[tuple[str, ...], int] | None = None
        """The directory of the last member: the next one's too, mostly."""

    def __enter__(self) -> TreeWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._finish()
        finally:
            self._let_go()
            os.close(self._root)

    def add(self, member: Member, read: Callable[[int], bytes] | None = None) -> None:
        """Write one member; of a file the content comes from ``read``."""
        if member.kind == DIRECTORY:
            self._add_directory(member)
            return
        folder, name = self._open_parent(member.parts), member.parts[-1]
        self._clear(folder, member)
        if member.kind == FILE and read is not None:
            self._add_file(folder, member, read)
        elif member.kind == SYMLINK:
            os.symlink(member.target, name, dir_fd=folder)
            os.chown(name, *self._ids(member), dir_fd=folder, follow_symlinks=False)
            self._set_times(folder, member)
        elif member.kind == HARD_LINK:
            self._add_hard_link(folder, member)
        elif member.kind == PIPE:
            os.mkfifo(name, 0o600, dir_fd=folder)
            os.chown(name, *self._ids(member), dir_fd=folder, follow_symlinks=False)
            os.chmod(name, member.mode, dir_fd=folder)
            self._set_times(folder, member)

    def _add_directory(self, member: Member) -> None:
        if member.parts:
            folder = self._open_parent(member.parts)
            try:
                os.mkdir(member.parts[-1], 0o700, dir_fd=folder)
            except FileExistsError:
                os.close(self._open_below(folder, member.parts[-1], member.parts))
        self._folders[member.parts] = member

    def _add_file(self, folder: int, member: Member, read: Callable[[int], bytes]) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(member.parts[-1], flags, 0o600, dir_fd=folder)
        try:
            length = self._write(descriptor, read, member.is_sparse)
            if length != member.size:
                raise Problem(
                    f"its member {shown('/'.join(member.parts))} ends after {length} of {member.size} bytes: it is "
                    "truncated or damaged. Fetch or make it again."
                )
            os.fchown(descriptor, *self._ids(member))
            os.fchmod(descriptor, member.mode)
            for name, value in member.attributes.items():
                os.setxattr(descriptor, name, value)
            os.utime(descriptor, (member.modified, member.modified))
        finally:
            os.close(descriptor)

    @staticmethod
    def _write(descriptor: int, read: Callable[[int], bytes], is_sparse: bool) -> int:
        """Bytes written; of a sparse file the zeros stay holes."""
        length = 0
        while chunk := read(_BUFFER):
            if is_sparse and chunk.count(0) == len(chunk):
                os.lseek(descriptor, len(chunk), os.SEEK_CUR)
            else:
                rest = memoryview(chunk)
                while rest:
                    rest = rest[os.write(descriptor, rest) :]
            length += len(chunk)
        os.ftruncate(descriptor, length)
        return length

    def _add_hard_link(self, folder: int, member: Member) -> None:
        original = shown("/".join(member.original))
        if not member.original:
            raise Problem(f"its hard link {shown('/'.join(member.parts))} is to nothing that is unpacked.")
        source = self._walk(member.original[:-1], create=False)
        try:
            os.link(member.original[-1], member.parts[-1], src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)
        except (FileNotFoundError, PermissionError) as error:
            raise Problem(
                f"its hard link {shown('/'.join(member.parts))} is to {original}, which is no file that came before it."
            ) from error
        finally:
            os.close(source)

    def _clear(self, folder: int, member: Member) -> None:
        """A later member of one name takes the place of the earlier one, but never that of a directory."""
        try:
            os.unlink(member.parts[-1], dir_fd=folder)
        except FileNotFoundError:
            return
        except (IsADirectoryError, PermissionError) as error:
            raise Problem(f"its member {shown('/'.join(member.parts))} is in it as a directory too.") from error

    def _open_parent(self, parts: tuple[str, ...]) -> int:
        above = parts[:-1]
        if self._parent is None or self._parent[0] != above:
            self._let_go()
            self._parent = (above, self._walk(above, create=True))
        return self._parent[1]

    def _let_go(self) -> None:
        if self._parent is not None:
            os.close(self._parent[1])
            self._parent = None

    def _walk(self, parts: tuple[str, ...], create: bool) -> int:
        """A descriptor of the directory; the caller closes it."""
        folder = os.dup(self._root)
        try:
            for depth, name in enumerate(parts, start=1):
                if create and parts[:depth] not in self._folders:
                    self._make(folder, name, parts[:depth])
                below = self._open_below(folder, name, parts[:depth])
                os.close(folder)
                folder = below
        except BaseException:
            os.close(folder)
            raise
        return folder

    def _make(self, folder: int, name: str, parts: tuple[str, ...]) -> None:
        """A directory that the archive does not name itself, as tar makes it."""
        try:
            os.mkdir(name, 0o755, dir_fd=folder)
        except FileExistsError:
            return
        os.chown(name, *(self._owner or (self._first_id, self._first_id)), dir_fd=folder, follow_symlinks=False)

    @staticmethod
    def _open_below(folder: int, name: str, parts: tuple[str, ...]) -> int:
        try:
            return os.open(name, _DIRECTORY, dir_fd=folder)
        except OSError as error:
            path = shown("/".join(parts))
            try:
                is_directory = stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
            except FileNotFoundError:
                raise Problem(f"it refers to {path}, which did not come before.") from error
            if is_directory:
                raise
            raise Problem(
                f"it has members below {path}, which is a link or a file in it: they would land elsewhere. "
                "Nothing of it was put in place. Pack it anew without that."
            ) from error

    def _ids(self, member: Member) -> tuple[int, int]:
        return self._owner or (self._first_id + member.uid, self._first_id + member.gid)

    @staticmethod
    def _set_times(folder: int, member: Member) -> None:
        times = (member.modified, member.modified)
        os.utime(member.parts[-1], times, dir_fd=folder, follow_symlinks=False)

    def _finish(self) -> None:
        """Owner, mode and times of the directories, the deepest first."""
        self._let_go()
        for parts in sorted(self._folders, key=len, reverse=True):
            member = self._folders[parts]
            descriptor = self._walk(parts, create=False)
            try:
                os.fchown(descriptor, *self._ids(member))
                os.fchmod(descriptor, member.mode)
                for name, value in member.attributes.items():
                    os.setxattr(descriptor, name, value)
                os.utime(descriptor, (member.modified, member.modified))
            finally:
                os.close(descriptor)
