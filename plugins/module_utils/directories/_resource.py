# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories that containers bind, as a resource of the pipeline; what to do is decided in ``_bind_directory``."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._pipeline import Action, Plan, Resource
from .._privilege import require_root
from ..runner import _mountinfo
from ..runner._problem import Problem
from ..trees import _beneath
from ..trees._content import content_of
from . import _acl, _selinux, _shaping
from ._acl import Acl
from ._bind_directory import Desired, Seen, desire, plan
from ._mount_users import users_of
from ._ownership import Ownership

_ACCESS, _DEFAULT = "system.posix_acl_access", "system.posix_acl_default"
"""The attributes in which the kernel keeps access control lists."""
_ABOVE_MODE = 0o755
"""What directories on the way get, which are root's."""


class BindDirectories(Resource[Desired, Seen]):
    """The directories of one host."""

    noun = "directory"
    plural = "directories"
    key = "path"

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module

    def desire(self, item: Mapping[str, Any]) -> Desired:
        return desire(item)

    def plan(self, desired: Desired, observed: Seen) -> Plan:
        return plan(desired, observed)

    def observe(self, desired: Sequence[Desired]) -> Sequence[Seen | Problem]:
        require_root("bind_directory", "owners and modes of directories")
        table = _mountinfo.mounts()
        made = {wanted.path for wanted in desired if wanted.present}
        seen: list[Seen | Problem] = []
        for wanted in desired:
            try:
                seen.append(self._look(wanted, table, made))
            except Problem as problem:
                seen.append(Problem(f"directory {wanted.path}: {problem}"))
            except OSError as error:
                seen.append(
                    Problem(f"directory {wanted.path}: cannot be looked at: {error}. Mend that, and run again.")
                )
        return seen

    def apply(self, desired: Desired, action: Action) -> None:
        try:
            if action.verb == "remove":
                _remove(desired.path, expects_data=bool(action.destroys))
            else:
                if action.verb == "create":
                    _make(desired)
                with _reached(desired.path) as (directory, missing):
                    if missing:
                        raise Problem("was there and is gone. Find out who removed it, and run again.")
                    _set(directory, action.details["wanted"], action.details["acl"])
        except Problem as problem:
            raise Problem(f"directory {desired.path}: {problem}") from problem

    def _look(self, desired: Desired, table: Sequence[_mountinfo.Mount], made: set[str]) -> Seen:
        if desired.present and desired.ownership.selinux_type:
            _selinux.require()
        place = _place(desired.path, table)
        if self._module.check_mode and desired.file_system and not _mountinfo.at(desired.file_system, table):
            return self._expected(desired, desired.file_system)
        with _reached(desired.path) as (directory, missing):
            status = os.fstat(directory)
            free = os.fstatvfs(directory)
            seen = Seen(
                None if missing else _ownership(directory, status),
                _read_acl(directory, status.st_mode),
                tuple(path for path in missing[:-1] if path not in made),
                place,
                free.f_bavail * free.f_frsize,
            )
        if missing or desired.present:
            return seen
        return replace(
            seen,
            content=content_of(desired.path),
            mounts=_mounts_upon(desired.path, table),
            users=users_of(desired.path, table),
        )

    def _expected(self, desired: Desired, file_system: str) -> Seen:
        """In check mode: an earlier task may have promised the mount, and nobody knows yet what it will show."""
        self._module.warn(
            f"directory {desired.path}: nothing is mounted at {file_system}. In check mode the module goes on as with "
            "an empty file system there; the real run refuses unless it is mounted by then."
        )
        return Seen(acl=Acl(), file_system=file_system)


def _place(path: str, table: Sequence[_mountinfo.Mount]) -> str:
    mount = _mountinfo.around(path, table)
    return mount.path if mount else "/"


def _mounts_upon(path: str, table: Sequence[_mountinfo.Mount]) -> tuple[str, ...]:
    return tuple(mount.path for mount in table if mount.path == path or mount.path.startswith(f"{path}/"))


@contextmanager
def _reached(path: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The directory, or the nearest one above it that exists; and the paths that are missing, from above on."""
    names = [name for name in path.split("/") if name]
    paths = [f"/{'/'.join(names[: depth + 1])}" for depth in range(len(names))]
    with _beneath.opened("/") as root, _beneath.reached(root, names, "/") as (directory, count):
        yield directory, tuple(paths[count:])


def _make(desired: Desired) -> None:
    """Make the directory and those above it, once more after a look at where it will lie."""
    if desired.file_system and _place(desired.path, _mountinfo.mounts()) != desired.file_system:
        raise Problem(f"{desired.file_system} was unmounted in the meantime. Mount it, and run again.")
    last = False
    while not last:
        with _reached(desired.path) as (directory, missing):
            if not missing:
                return
            last = len(missing) == 1
            _beneath.make(directory, os.path.basename(missing[0]), 0, 0, 0o700 if last else _ABOVE_MODE)


def _remove(path: str, expects_data: bool) -> None:
    """Remove the directory; what filled since the plan said that it was empty is not removed."""
    parent, name = os.path.split(path)
    with _reached(parent) as (directory, missing):
        if missing:
            return
        if expects_data:
            with _beneath.reached(directory, [name], f"{parent}/"):
                pass  # refuses a link in words; what comes after that, rmtree refuses too
            shutil.rmtree(f"/proc/self/fd/{directory}/{name}")
            return
        try:
            os.rmdir(name, dir_fd=directory)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            raise Problem(
                "was not removed: it was empty when the plan was made and now holds data. Find out who writes into it, "
                "and run again."
            ) from error


def _set(directory: int, wanted: Ownership, acl: Acl | None) -> None:
    """A list goes before the mode is set and comes after it, since the mode of a directory with a list is its mask."""
    lists = {} if acl is None else {_ACCESS: acl.packed(default=False), _DEFAULT: acl.packed(default=True)}
    for name, packed in lists.items():
        if not packed:
            _remove_list(directory, name)
    _shaping.apply(directory, wanted)
    for name, packed in lists.items():
        if packed:
            os.setxattr(directory, name, packed)


def _remove_list(directory: int, name: str) -> None:
    try:
        os.removexattr(directory, name)
    except OSError as error:
        if error.errno != errno.ENODATA:
            raise


def _ownership(directory: int, status: os.stat_result) -> Ownership:
    return Ownership(status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode), _selinux.type_of(directory))


def _read_acl(directory: int, mode: int) -> Acl | None:
    packed = {_ACCESS: b"", _DEFAULT: b""}
    for name in packed:
        try:
            packed[name] = os.getxattr(directory, name)
        except OSError as error:
            if error.errno == errno.ENOTSUP:
                return None
            if error.errno != errno.ENODATA:
                raise
    return _acl.unpacked(mode, packed[_ACCESS], packed[_DEFAULT])
