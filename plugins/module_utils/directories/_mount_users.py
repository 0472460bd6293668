# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who has a directory of this host mounted somewhere else, as containers have what they bind."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..runner import _mountinfo

_PROC = Path("/proc")


def users_of(path: str, table: Sequence[_mountinfo.Mount]) -> tuple[str, ...]:
    """Who sees the directory, or one in it, by a mount of its own: "process 4711 (postgres)".

    ``table`` is the host's own. A container that does not run has nothing mounted, and is not among them.
    """
    around = _mountinfo.around(path, table)
    if around is None:
        return ()
    bound = os.path.normpath(f"{around.root}/{path[len(around.path) :]}").replace("//", "/")
    return tuple(
        f"process {process.name} ({_command(process)})"
        for process, mounts in _namespaces()
        if any(_is_of(mount, around.number, bound) for mount in mounts)
    )


def _is_of(mount: _mountinfo.Mount, number: str, bound: str) -> bool:
    return mount.number == number and (mount.root == bound or mount.root.startswith(f"{bound}/"))


def _namespaces() -> Iterator[tuple[Path, tuple[_mountinfo.Mount, ...]]]:
    """Each table of mounts that there is, with the first process that has it; what ends meanwhile is left out."""
    known = set()
    for process in sorted((path for path in _PROC.iterdir() if path.name.isdecimal()), key=lambda path: int(path.name)):
        try:
            namespace = os.readlink(process / "ns" / "mnt")
            if namespace not in known:
                known.add(namespace)
                yield process, _mountinfo.mounts(process / "mountinfo")
        except OSError:
            continue


def _command(process: Path) -> str:
    try:
        return (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "gone by now"
