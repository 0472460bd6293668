# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where exports are written down, and what exportfs and the kernel make of them (exports(5), exportfs(8), nfsd(7))."""

from __future__ import annotations

import re
from pathlib import Path

from ..runner._problem import Problem

EXPORTS = Path("/etc/exports")
DIRECTORY = Path("/etc/exports.d")
SUFFIX = ".exports"
"""exportfs passes over files of other names, and over those that begin with a dot."""
STATE = Path("/var/lib/nfs")
TABLE = STATE / "etab"
"""What exportfs writes and mountd answers the kernel from."""
KERNEL_TABLE = Path("/proc/fs/nfsd/exports")
"""What the kernel has asked mountd for so far; it forgets all of it with each exportfs."""
THREADS = Path("/proc/fs/nfsd/threads")
"""How many threads of the server run; 0 when it is stopped, and missing when it never ran."""
SETTINGS = Path("/etc/nfs.conf")
SETTINGS_DIRECTORY = Path("/etc/nfs.conf.d")

_LONGEST = 200
"""Bytes of a name; the kernel takes 255, and the temporary file needs some."""


def file_of(path: str) -> Path:
    """The module's own file for an export. Raises :class:`Problem` when the path is too long for that.

    Escaped as systemd does it with the names of mount units, so that two paths never meet in one file.
    """
    name = re.sub(r"[^A-Za-z0-9_./]", _escaped, path.strip("/")).replace("/", "-")
    if len(name) > _LONGEST:
        raise Problem("path: is too long to name a file after it. Export a directory above it.")
    return DIRECTORY / f"holdfast-{name}{SUFFIX}"


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"\\x{byte:02x}" for byte in match[0].encode("utf-8", "surrogateescape"))
