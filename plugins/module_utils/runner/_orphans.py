# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The restic that a killed restore left behind: with nobody to end it, it goes on filling the staging directory."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

_PROC = Path("/proc")
_ENDINGS = ((signal.SIGINT, 10.0), (signal.SIGKILL, 5.0))
"""Interrupted, it lets go of its lock. Each with the seconds to wait for the end before the next."""


def end_writers(staging: str) -> None:
    """End every restic that restores into the staging directory."""
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and _writes_into(staging, entry):
            _end_writer(staging, entry)


def _writes_into(staging: str, entry: Path) -> bool:
    """Whether it is a restic that was told to; a process that has ended is not."""
    try:
        return f"--target={staging}".encode() in (entry / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def _end_writer(staging: str, entry: Path) -> None:
    try:
        process = os.pidfd_open(int(entry.name))
    except ProcessLookupError:
        return
    try:
        # Its number may have gone to another process meanwhile. From here on the descriptor stays with this one.
        if _writes_into(staging, entry):
            _end(process)
    finally:
        os.close(process)


def _end(process: int) -> None:
    """Return once it has ended: its descriptor becomes readable then, see pidfd_open(2)."""
    for number, patience in _ENDINGS:
        try:
            signal.pidfd_send_signal(process, number)
        except ProcessLookupError:
            return
        if select.select([process], [], [], patience)[0]:
            return
