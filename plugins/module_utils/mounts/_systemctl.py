# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd's view of mounts, asked for once for all of them, and the few things that it is told to do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..runner._problem import Problem
from . import _commands

_SECONDS = 60.0
"""How long systemd may take for an answer that needs no server."""
_AT_LEAST = 4.0
"""Seconds, also for a call that begins late: what was begun is to be left in order."""
_PROPERTIES = ("Id", "LoadState", "ActiveState", "FragmentPath", "NeedDaemonReload")


@dataclass(frozen=True)
class View:
    """What systemd holds of one unit."""

    load_state: str = "not-found"
    active_state: str = "inactive"
    fragment: str = ""
    """The file that it was read from; one below /run/systemd/generator stands for a line of fstab."""
    stale: bool = False
    """Its file, or fstab, changed after systemd read it."""

    @property
    def is_loaded(self) -> bool:
        return self.load_state == "loaded"

    @property
    def is_active(self) -> bool:
        return self.active_state == "active"


@dataclass
class Systemd:
    """Calls that end by a moment of the monotonic clock. Each raises Problem with what systemd said."""

    deadline: float

    def views(self, units: Sequence[str]) -> dict[str, View]:
        """Every unit by name, whether it exists or not."""
        if not units:
            return {}
        command = ["systemctl", "show", f"--property={','.join(_PROPERTIES)}", "--", *units]
        output = self._run(command, "read the units")
        return parse(output, units)

    def reload(self) -> None:
        self._run(["systemctl", "daemon-reload"], "have systemd read its units again")

    def start(self, unit: str) -> None:
        self._run(["systemctl", "start", "--", unit], f"start {unit}", unit)

    def stop(self, unit: str) -> None:
        self._run(["systemctl", "stop", "--", unit], f"stop {unit}", unit)

    def enable(self, unit: str) -> None:
        """From the next boot on; whoever calls reloads systemd once for all units."""
        self._run(["systemctl", "reenable", "--no-reload", "--", unit], f"enable {unit}")

    def disable(self, unit: str) -> None:
        self._run(["systemctl", "disable", "--no-reload", "--", unit], f"disable {unit}")

    def _run(self, command: Sequence[str], purpose: str, unit: str = "") -> str:
        left = self.deadline - time.monotonic()
        try:
            outcome = _commands.run(command, max(_AT_LEAST, left if unit else min(_SECONDS, left)))
        except FileNotFoundError:
            raise Problem(
                f"systemd: could not {purpose}: this host has no systemctl. Network mounts are kept by systemd here; "
                "without it there is ansible.posix.mount."
            ) from None
        if outcome.is_done:
            return outcome.output
        if outcome.is_late and unit:
            self._give_up(unit)
        why = "it did not answer in time" if outcome.is_late else outcome.words
        raise Problem(
            f"systemd: could not {purpose}: {why}. Look at it with systemctl status {unit}".rstrip()
            + ", and run again."
        )

    def _give_up(self, unit: str) -> None:
        """Let the unit not go on by itself after this call has said that it failed."""
        _commands.run(["systemctl", "stop", "--no-block", "--", unit], 2.0)
        _commands.run(["systemctl", "reset-failed", "--", unit], 2.0)


def parse(output: str, units: Sequence[str]) -> dict[str, View]:
    """The blocks of ``systemctl show``, which come in the order of the units."""
    blocks = [dict(_pair(line) for line in block.splitlines()) for block in output.split("\n\n") if block.strip()]
    return {unit: _view(block) for unit, block in zip(units, blocks)}


def _pair(line: str) -> tuple[str, str]:
    name, _equals, text = line.partition("=")
    return name, text


def _view(block: dict[str, str]) -> View:
    return View(
        block.get("LoadState", "not-found"),
        block.get("ActiveState", "inactive"),
        block.get("FragmentPath", ""),
        block.get("NeedDaemonReload") == "yes",
    )
