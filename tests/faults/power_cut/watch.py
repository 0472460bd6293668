# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what a run is at, a line whenever that changes: watch.py JOURNAL ACKNOWLEDGED.

A line is the phase, or ``none``, and the last number that the container acknowledged, or 0. It ends with its input.
"""

from __future__ import annotations

import json
import select
import sys
from pathlib import Path

PAUSE = 0.01
"""Seconds between two looks."""


def phase(journal: Path) -> str:
    try:
        known = json.loads(journal.read_bytes())
    except FileNotFoundError:
        return "none"
    if known["phase"] == "begun" and known["target"]:
        return "copying"
    return "stopping" if known.get("stopping") else str(known["phase"])


def acknowledged(path: Path) -> str:
    try:
        return path.read_text().strip() or "0"
    except FileNotFoundError:
        return "0"


told = ""
while not select.select([sys.stdin], [], [], PAUSE)[0]:
    line = f"{phase(Path(sys.argv[1]))} {acknowledged(Path(sys.argv[2]))}"
    if line != told:
        print(line, flush=True)
    told = line
