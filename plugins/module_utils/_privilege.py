# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that own parts of the host need root."""

from __future__ import annotations

import os

from .runner._problem import Problem


def require_root(module: str, owned: str) -> None:
    """Problem unless this runs as root. ``owned``: what the module keeps on the host, for the message."""
    if os.geteuid() != 0:
        raise Problem(
            f"{module}: runs as user id {os.geteuid()}, and needs root, also in check mode, for {owned}. "
            "Set become: true on the task."
        )
