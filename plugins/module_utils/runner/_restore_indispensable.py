# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore must never move away or remove: the repositories of this host, and the program's own folders."""

from __future__ import annotations

import os
from collections.abc import Iterator

from . import _paths, _repository
from ._problem import Problem
from ._restore_nesting import inside


def touched_by(target: str) -> tuple[str, ...]:
    """What of it lies in the target, or around it, in words."""
    found = {words: path for words, path in _all() if _is_touched(path, target)}
    return tuple(f"{words} ({path})" for words, path in sorted(found.items()))


def _all() -> Iterator[tuple[str, str]]:
    yield "the backup jobs", str(_paths.JOBS)
    yield "the credentials of the repositories", str(_paths.REPOSITORIES)
    yield "what holdfast remembers", str(_paths.STATE)
    for directory in sorted(_paths.REPOSITORIES.glob("[!.]*")):
        try:
            local = _repository.read(directory.name, directory).local_path
        except Problem:  # nothing can be restored from it either
            continue
        if local:
            yield f"the repository {directory.name}", os.path.normpath(local)


def _is_touched(path: str, target: str) -> bool:
    """``target`` is without symbolic links; ``path`` may lead over some, and one that lies in the target counts."""
    real = os.path.realpath(path)
    if inside(real, target) or inside(target, real):
        return True
    above = ""
    for name in path.split("/")[1:]:
        above = f"{above}/{name}"
        link = os.path.join(os.path.realpath(os.path.dirname(above)), name)
        if os.path.islink(above) and inside(link, target):
            return True
    return False
