# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers wrote into their own layers, which goes with them. No input, no output."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ._mounted import Container

MOST_FOLDERS = 20
MOST_PATHS = 100

_DELETED = 2
"""The kind that Docker gives to a path of the image that is gone; 0 is changed, 1 added."""
_NO_DATA = ("/dev", "/proc", "/run", "/sys", "/tmp", "/var/run", "/var/tmp")
"""Where nothing lies that anybody wants to keep."""


def written(changes: Iterable[Mapping[str, Any]], targets: Sequence[str]) -> list[str]:
    """The paths that were added or changed, without folders that hold one of them, and without mounts.

    ``targets`` are the container's mounts: the folders in which they stand show as changes too. A folder that is empty
    cannot be told from a file.
    """
    paths = {change["Path"] for change in changes if change["Kind"] != _DELETED}
    touched = {change["Path"] for change in changes}
    folders = {above for path in (*touched, *targets) for above in _above(path)}
    apart = (*_NO_DATA, *targets)
    return sorted(path for path in paths - folders if not _is_within(path, apart))


def layer_row(one: Container, paths: Sequence[str]) -> dict[str, Any]:
    """What one container wrote: how much, in which folders most, and the first of the paths."""
    count = Counter(posixpath.dirname(path) for path in paths)
    folders = sorted(count.items(), key=lambda folder: (-folder[1], folder[0]))[:MOST_FOLDERS]
    return {
        **_head(one),
        "files": len(paths),
        "folders": [{"path": path, "files": files} for path, files in folders],
        "paths": list(paths[:MOST_PATHS]),
        "unknown": None,
    }


def unknown_row(one: Container, why: str) -> dict[str, Any]:
    """A container whose layer could not be looked at."""
    return {**_head(one), "files": None, "folders": [], "paths": [], "unknown": why}


def _head(one: Container) -> dict[str, Any]:
    return {"container": one.name, "id": one.id, "state": one.state}


def _above(path: str) -> Iterable[str]:
    """The folders in which the path lies."""
    while path not in ("/", ""):
        path = posixpath.dirname(path)
        yield path


def _is_within(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)
