# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run is said to have come to, and how its progress reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.backups import _run
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._run import (
    View,
    meaning,
    progress_words,
    view_of,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _words
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._state import Run, State

IDLE = View(loaded=True, active_state="inactive", result="success", invocation="old", queued=False)
ENDED = replace(IDLE, invocation="mine")
FAILED = replace(ENDED, active_state="failed", result="exit-code")
RUN = Run("2026-01-01T02:00:00Z", "2026-01-01T02:00:09Z", "success", 0, 9.0, "", "mine", "1a2b3c4d")


def test_view_of_what_systemd_prints() -> None:
    values = {"LoadState": "loaded", "ActiveState": "activating", "Result": "success", "InvocationID": "x", "Job": "12"}
    assert view_of(values) == View(True, "activating", "success", "x", True)
    assert view_of({"LoadState": "not-found", "ActiveState": "inactive"}) == View(False, "inactive", "", "", False)


@pytest.mark.parametrize(
    ("view", "run", "words"),
    [
        (ENDED, RUN, ""),
        (None, RUN, ""),
        (ENDED, None, "without a record"),
        (FAILED, replace(RUN, result="partial", exit_code=3), "not whole, and that is no success"),
        (FAILED, replace(RUN, result="locked", exit_code=11), "stayed locked"),
        (FAILED, replace(RUN, result="precondition", exit_code=75), "nothing was saved"),
        (FAILED, replace(RUN, result="failed", exit_code=1), "the backup failed"),
        (FAILED, replace(RUN, result="failed", exit_code=42), "exit status 42"),
        (FAILED, RUN, "bringing the containers back afterwards failed"),
        (replace(FAILED, result="timeout"), RUN, "longer than the job's time-out"),
        (replace(FAILED, result="oom-kill"), None, "lack of memory"),
        (replace(FAILED, result="signal"), None, "killed by a signal"),
    ],
)
def test_meaning(view: View | None, run: Run | None, words: str) -> None:
    assert words in meaning(view, run)
    assert bool(words) == bool(meaning(view, run))


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "42 % · 1.2 of 3.1 GiB · 312 of 1,700 files · 0:42 left"),
        ({"seconds_remaining": None}, "42 % · 1.2 of 3.1 GiB · 312 of 1,700 files"),
        ({"seconds_remaining": 3723}, "42 % · 1.2 of 3.1 GiB · 312 of 1,700 files · 1:02:03 left"),
    ],
)
def test_progress_words(changes: dict[str, Any], expected: str) -> None:
    progress = {
        "percent": 0.42,
        "bytes_done": 1_288_490_188,
        "total_bytes": 3_328_599_654,
        "files_done": 312,
        "total_files": 1700,
        "seconds_remaining": 42,
    }
    assert progress_words({**progress, **changes}) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1024**2 - 1, "1.0 MiB"), (5 * 1024**6, "5,120.0 PiB")],
)
def test_size(number: int, expected: str) -> None:
    assert _words.size(number) == expected


class Machine(_run.Service):
    """A service whose unit goes through these views."""

    def __init__(self, *views: View) -> None:
        self.job, self.unit = "nightly", "holdfast-backup-nightly.service"
        self.views = list(views)
        self.commands: list[list[str]] = []

    def view(self) -> View:
        return self.views.pop(0) if len(self.views) > 1 else self.views[0]

    def _run(self, command: list[str], _what: str) -> str:
        self.commands.append(command)
        return ""


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_run, "_PAUSE", 0)


BUSY = replace(ENDED, active_state="activating")


def test_a_start_returns_the_new_run_and_not_the_one_before() -> None:
    queued = replace(IDLE, active_state="deactivating", queued=True)
    service = Machine(queued, queued, BUSY)
    assert service.start(IDLE, 10).invocation == "mine"
    assert service.commands == [["systemctl", "start", "--no-block", "--", "holdfast-backup-nightly.service"]]


def test_a_start_that_systemd_gave_up_is_no_run() -> None:
    with pytest.raises(Problem, match=r"systemd did not start holdfast-backup-nightly\.service"):
        Machine(replace(IDLE, queued=True), IDLE).start(IDLE, 10)


def test_a_start_that_stays_queued_is_not_waited_for_for_ever() -> None:
    with pytest.raises(Problem, match="its start stays queued"):
        Machine(replace(IDLE, queued=True)).start(IDLE, -1)


def test_wait_ends_with_the_run_with_its_time_and_when_a_later_run_has_begun() -> None:
    assert Machine(BUSY, BUSY, ENDED).wait("mine", 10) == ENDED
    assert Machine(BUSY).wait("mine", 0) == BUSY
    assert Machine(BUSY, replace(BUSY, invocation="next")).wait("mine", 10).invocation == "next"


def test_the_record_of_another_run_is_never_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_run._state, "load", lambda job: State(job, last_run=RUN))
    assert Machine(ENDED).recorded("mine") == RUN
    assert Machine(ENDED).recorded("next") is None
