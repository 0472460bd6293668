# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restores leave in the root of a file system, since there it has no place beside: never data of the service."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Sequence

from ._mountinfo import at, mounts
from ._tree import STAGING_PREFIX

_KEPT = re.compile(r"\.before-\d{8}T\d{6}Z")
_PATTERNS = (".before-????????T??????Z", f"{STAGING_PREFIX}*")


def kept_in(directory: str) -> tuple[str, ...]:
    """The previous content that earlier restores keep in the directory, as paths."""
    names = os.listdir(directory) if os.path.isdir(directory) else ()
    return tuple(os.path.join(directory, name) for name in sorted(names) if _KEPT.fullmatch(name))


def patterns(sources: Sequence[str]) -> list[str]:
    """restic's patterns that keep out of a backup what restores left in those of its sources that are mount points."""
    table = mounts()
    return [f"{_literal(source)}/{name}" for source in sources if at(source, table) for name in _PATTERNS]


def _literal(path: str) -> str:
    return glob.escape(path.replace("\\", "\\\\"))
