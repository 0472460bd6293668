# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One migration at a time on a host: those of two volumes may have to take the same containers away."""

from __future__ import annotations

from contextlib import ExitStack

from ..runner import _files, _paths
from ..runner._problem import Locked, Problem
from ._journal import lock_file

_PATIENCE = 5
"""Seconds to wait for another run that migrates a volume of this host."""


class HostLock:
    """Held by one process, which may migrate several volumes, until it lets go or ends."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._is_held = False

    def hold(self, volume: str) -> None:
        """Write down for whom the others wait. Problem when another run keeps it longer than is bearable."""
        path = lock_file()
        if not self._is_held:
            _files.private_directory(_paths.STATE)
            try:
                self._stack.enter_context(_files.lock(path, _PATIENCE))
            except Locked as locked:
                other = path.read_text(encoding="utf-8")
                raise Problem(
                    f"volume {volume}: cannot be migrated now: another run on this host migrates volume {other}, and "
                    f"one goes after the other, since they may share containers. See who with fuser {path}, and run "
                    "again once it has finished."
                ) from locked
            self._is_held = True
        path.write_text(volume, encoding="utf-8")

    def let_go(self) -> None:
        self._stack.close()
        self._is_held = False
