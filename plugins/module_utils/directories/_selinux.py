# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SELinux type of an open file: the third part of its context, which the kernel keeps as an extended attribute."""

from __future__ import annotations

import errno
import os

from ..runner._problem import Problem

_ATTRIBUTE = "security.selinux"
_STATUS = "/sys/fs/selinux/enforce"
"""There only while the kernel runs SELinux."""


def is_enabled() -> bool:
    return os.path.exists(_STATUS)


def require() -> None:
    """Problem unless SELinux runs, without the object in front."""
    if not is_enabled():
        raise Problem(
            "selinux_type: SELinux does not run on this host. Leave the option out for this host, or enable SELinux."
        )


def type_of(descriptor: int) -> str | None:
    """None where the host or the file system knows none."""
    if not is_enabled():
        return None
    try:
        context = os.getxattr(descriptor, _ATTRIBUTE)
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return None
        raise
    return _parts(context)[2]


def set_type(descriptor: int, name: str) -> None:
    """Change the type and leave user, role and level. Raises Problem when the policy does not know the type."""
    parts = _parts(os.getxattr(descriptor, _ATTRIBUTE))
    parts[2] = name
    try:
        os.setxattr(descriptor, _ATTRIBUTE, ":".join(parts).encode() + b"\0")
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        raise Problem(
            f"selinux_type: the policy of this host has no type '{name}'. See seinfo -t for those that it has."
        ) from error


def _parts(context: bytes) -> list[str]:
    """User, role, type and level, the last of which may hold colons of its own."""
    return context.rstrip(b"\0").decode().split(":", 3)
