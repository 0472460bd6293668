# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where this host is to have something mounted, as it was told in /etc/fstab and in systemd's mount units."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from . import _mountinfo, _paths

_WHERE = re.compile(r"^Where\s*=\s*(/.*?)\s*$", re.MULTILINE)


def unmounted_above(path: Path) -> str:
    """The mount point, this path or above it, at which nothing is mounted now; empty when there is none.

    What lies there is then hidden, or will be: it is not what the path means. Raises OSError.
    """
    real = os.path.realpath(path)
    here = [place for place in map(os.path.realpath, _declared()) if place != "/" and _is_at_or_above(place, real)]
    if not here:
        return ""
    table = _mountinfo.mounts()
    return next((place for place in sorted(here) if _mountinfo.at(place, table) is None), "")


def _declared() -> Iterator[str]:
    try:
        lines = _paths.FSTAB.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except FileNotFoundError:
        lines = []
    for line in lines:
        fields = line.split()
        if len(fields) > 1 and not line.lstrip().startswith("#") and fields[1].startswith("/"):
            yield _unescape(fields[1])
    # Those of the distribution are not looked at: some of them only may be mounted.
    for unit in sorted(_paths.UNITS.glob("*.mount")):
        try:
            yield from _WHERE.findall(unit.read_text(encoding="utf-8", errors="surrogateescape"))
        except FileNotFoundError:  # a link to a unit that went
            continue


def _is_at_or_above(place: str, path: str) -> bool:
    return f"{path}/".startswith(f"{place}/")


def _unescape(field: str) -> str:
    """A field of fstab(5), where blanks stand as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
