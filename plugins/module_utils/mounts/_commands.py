# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""mount(8), umount(8) and systemctl(1), each with an end: what waits for a server that is gone is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}
_LAST_WORDS = 1.0
"""Seconds that a killed command has to end."""


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    status: int | None
    """None: it did not end in time."""
    output: str = ""
    errors: str = ""

    @property
    def is_late(self) -> bool:
        return self.status is None

    @property
    def is_done(self) -> bool:
        return self.status == 0

    @property
    def words(self) -> str:
        """What it said, on one line."""
        said = (self.errors.strip() or self.output.strip()).splitlines()
        return "; ".join(line.strip() for line in said if line.strip()) or f"exit status {self.status}"


def run(command: Sequence[str], seconds: float) -> Outcome:
    """Run the command for at most so many seconds; then it and its children are killed.

    Raises OSError when there is no such program.
    """
    # Files and no pipes: a daemon that the command leaves behind may keep them open for as long as it lives.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env={**os.environ, **_ENVIRONMENT},
            cwd="/",
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(seconds)
        except subprocess.TimeoutExpired:
            status = None
            _kill(process)
        return Outcome(status, _text(output), _text(errors))


def _kill(process: subprocess.Popen[bytes]) -> None:
    """A process that waits in the kernel is reached by no signal; it is left, and ends when the server answers."""
    with suppress(ProcessLookupError, subprocess.TimeoutExpired):
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(_LAST_WORDS)


def _text(stream: IO[bytes]) -> str:
    stream.seek(0)
    return stream.read().decode("utf-8", "replace")
