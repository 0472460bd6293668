# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Pythons of this machine on which the collection's own code has to run."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Iterator

from console import quietly

OLDEST = (3, 9)
"""What hosts must have; design.md, section 6."""
NEWEST = (3, 13)
"""The newest that the pinned ansible-core knows."""
_WHO = "import ensurepip, os, sys, venv; print(*sys.version_info[:2], os.path.realpath(sys._base_executable))"


def installed() -> dict[tuple[int, int], Path]:
    """The interpreters that can make environments, by version, oldest first.

    Looked for on the PATH and where pyenv keeps them. A launcher is told from an interpreter by asking it who it is.
    """
    found: dict[tuple[int, int], Path] = {}
    for candidate in _candidates():
        who = quietly([str(candidate), "-c", _WHO]).split(maxsplit=2)
        if len(who) == 3:
            found.setdefault((int(who[0]), int(who[1])), Path(who[2].strip()))
    return {version: found[version] for version in sorted(found) if OLDEST <= version <= NEWEST}


def oldest_and_newest() -> dict[tuple[int, int], Path]:
    """The two that matter most, or the only one."""
    there = installed()
    return {version: path for version, path in there.items() if version in (min(there), max(there))}


def _candidates() -> Iterator[Path]:
    yield Path(sys.executable)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for minor in range(OLDEST[1], NEWEST[1] + 1):
        yield from sorted(pyenv.glob(f"3.{minor}.*/bin/python3.{minor}"))
        on_path = shutil.which(f"python3.{minor}")
        if on_path:
            yield Path(on_path)
