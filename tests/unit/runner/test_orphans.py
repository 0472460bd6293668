# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restic that outlived the restore that started it is ended, and nobody else."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _orphans

STAGING = "/srv/.holdfast-restore-app-1a2b3c4d-0"
STUBBORN = "signal.signal(signal.SIGINT, signal.SIG_IGN)"
WILLING = "signal.signal(signal.SIGINT, signal.SIG_DFL)"
Start = Callable[[str, str], "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process that waits to be ended, with this as its last argument."""
    with ExitStack() as ends:

        def started(how: str, argument: str) -> subprocess.Popen[str]:
            script = f"import signal; {how}; print('ready', flush=True); signal.pause()"
            process = subprocess.Popen([sys.executable, "-Ic", script, argument], stdout=subprocess.PIPE, text=True)
            ends.enter_context(process)
            ends.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            return process

        yield started


def test_one_that_restores_into_the_staging_directory_is_interrupted(start: Start) -> None:
    orphan = start(WILLING, f"--target={STAGING}")
    _orphans.end_writers(STAGING)
    assert orphan.wait(0) == -signal.SIGINT


def test_one_that_does_not_end_is_killed(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_orphans, "_ENDINGS", ((signal.SIGINT, 0.1), (signal.SIGKILL, 5.0)))
    orphan = start(STUBBORN, f"--target={STAGING}")
    _orphans.end_writers(STAGING)
    assert orphan.wait(0) == -signal.SIGKILL


def test_one_that_restores_elsewhere_goes_on(start: Start) -> None:
    stranger = start(WILLING, f"--target={STAGING}1")
    _orphans.end_writers(STAGING)
    assert stranger.poll() is None


def test_a_number_that_went_to_another_process_is_no_orphan(start: Start) -> None:
    stranger = start(WILLING, "unconcerned")
    _orphans._end_writer(STAGING, Path("/proc") / str(stranger.pid))
    assert stranger.poll() is None


def test_a_number_that_is_free_again_is_no_orphan(start: Start) -> None:
    gone = start(WILLING, f"--target={STAGING}")
    gone.kill()
    gone.wait()
    _orphans._end_writer(STAGING, Path("/proc") / str(gone.pid))
