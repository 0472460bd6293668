# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the lab keeps things: one directory for a lab, one cache shared by every lab of the user."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def lab_directory() -> Path:
    """The directory of this lab: ``$HOLDFAST_LAB``, else ``.lab`` at the root of the checkout."""
    return Path(os.environ.get("HOLDFAST_LAB") or REPOSITORY / ".lab").resolve()


def lab_identity(directory: Path) -> str:
    """Eight hexadecimal digits that tell this lab's containers, networks and processes from another lab's."""
    return hashlib.sha256(str(directory).encode()).hexdigest()[:8]


def cache_directory(*parts: str) -> Path:
    """A directory below the user's cache, made when missing; readable by nobody else, as it holds sockets and logs."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holdfast"
    directory = root.joinpath(*parts)
    directory.mkdir(parents=True, exist_ok=True)
    root.chmod(0o700)
    return directory
