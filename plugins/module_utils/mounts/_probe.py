# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a mounted file system answers. Asked apart from this process, for a server that is gone answers nobody."""

from __future__ import annotations

import errno
import os
from dataclasses import dataclass
from functools import partial
from typing import Any

from . import _apart

RESPONSIVE = "responsive"
UNRESPONSIVE = "unresponsive"
STALE = "stale"

PATIENCE = 10.0
"""Seconds that a server has for its answer."""


@dataclass(frozen=True)
class Health:
    """How a mounted file system answered."""

    state: str = RESPONSIVE
    size: int | None = None
    """Bytes; None when it does not answer."""
    free: int | None = None
    """Bytes that others than root may fill."""
    error: str = ""
    """What the system said, other than that nothing came."""


def question(path: str) -> _apart.Question:
    """To be put to :func:`._apart.answers`."""
    return partial(_statistics, path)


def health(answer: Any) -> Health:
    """What the answer says. Only a stale handle is called one: the server is there, but what was exported is not."""
    if _apart.is_late(answer):
        return Health(UNRESPONSIVE)
    number = _apart.error_of(answer)
    if number == errno.ESTALE:
        return Health(STALE, error=answer["message"])
    if number:
        return Health(UNRESPONSIVE, error=answer["message"])
    return Health(RESPONSIVE, answer["size"], answer["free"])


def _statistics(path: str) -> dict[str, int]:
    os.stat(path)  # a handle that went stale is seen here, also where statfs is answered for the whole file system
    found = os.statvfs(path)
    return {"size": found.f_blocks * found.f_frsize, "free": found.f_bavail * found.f_frsize}
