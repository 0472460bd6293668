# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd, as far as the program asks it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from datetime import datetime, timezone

from ._problem import Problem

_TIMEOUT = 30


def show(units: Sequence[str], properties: Sequence[str]) -> dict[str, dict[str, str]]:
    """The properties of the units, by unit: one call for all."""
    command = ["systemctl", "show", f"--property=Id,{','.join(properties)}", "--", *units]
    try:
        # Times come in the zone of the caller; UTC can be read back without knowing any other.
        outcome = subprocess.run(
            command, env={**os.environ, "TZ": "UTC"}, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise Problem(f"systemd: {' '.join(units)} could not be looked at: {error}.") from None
    if outcome.returncode != 0:
        raise Problem(f"systemd: {' '.join(units)} could not be looked at: {outcome.stderr.strip()}.")
    blocks = [_properties(block) for block in outcome.stdout.split("\n\n")]
    return {block["Id"]: block for block in blocks if "Id" in block}


def moment(value: str) -> datetime | None:
    """A time that ``show`` gave, such as "Sat 2026-11-21 02:30:00 UTC"; None for "n/a" and nothing."""
    parts = value.split()
    if len(parts) != 4:
        return None
    return datetime.strptime(f"{parts[1]} {parts[2]}", "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)


def _properties(block: str) -> dict[str, str]:
    pairs = [line.partition("=") for line in block.splitlines()]
    return {name: value for name, _equals, value in pairs}
