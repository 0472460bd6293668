# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the paths of restores lie to each other. All absolute and normalised."""

from __future__ import annotations

import os


def inside(path: str, folder: str) -> bool:
    """Whether the path lies in the folder, or is it."""
    return os.path.commonpath([path, folder]) == folder


def overlap(one: str, other: str) -> bool:
    """Whether they are the same, or one lies in the other."""
    return inside(one, other) or inside(other, one)
