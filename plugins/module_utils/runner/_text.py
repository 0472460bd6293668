# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How times and tables look to a person, and how a line reaches one."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from datetime import datetime


def say(text: str) -> None:
    """A line on the standard output, at once: what follows may take long."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def complain(text: str) -> None:
    """A line on the standard error output, with the name of the program."""
    sys.stderr.write(f"holdfast: {text}\n")


def local_time(time: datetime | None) -> str:
    """In the zone of the host, with its name."""
    return "-" if time is None else time.astimezone().strftime("%Y-%m-%d %H:%M %Z")


def duration(seconds: float) -> str:
    """In the two largest units: ``1d 2h``, ``5min 3s``, ``12s``."""
    rest = int(seconds)
    parts: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        if rest >= size or (unit == "s" and not parts):
            parts.append(f"{rest // size}{unit}")
            rest %= size
    return " ".join(parts[:2])


def table(head: Sequence[str], rows: Sequence[Sequence[str]], right: Collection[str] = ()) -> str:
    """Columns of one width each; those whose heading is in ``right`` keep to the right."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = [
            cell.rjust(width) if heading in right else cell.ljust(width)
            for cell, width, heading in zip(row, widths, head)
        ]
        return "  ".join(cells).rstrip()

    return "\n".join(line(row) for row in [head, *rows])
