# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of runs, and what survives what."""

from __future__ import annotations

import errno
import json
from dataclasses import replace

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _files, _paths, _state
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._state import RetentionRun, Run, State
from hypothesis import given, strategies as st

SUCCESS = Run(
    started="2026-01-31T02:30:00Z",
    finished="2026-01-31T02:31:00Z",
    result="success",
    exit_code=0,
    seconds=60,
    message="",
    invocation="a1",
    snapshot="0123abcd",
    files=3,
    bytes=40,
    bytes_added=5,
    filled=("volume pgdata",),
)
FAILURE = Run(
    started="2026-02-01T02:30:00Z",
    finished="2026-02-01T02:30:01Z",
    result="failed",
    exit_code=1,
    seconds=1,
    message="no way",
)
PARTIAL = replace(SUCCESS, result="partial", exit_code=3, snapshot="99999999", message="one unread")
RETENTION = RetentionRun("2026-01-31T02:31:00Z", "2026-01-31T02:32:00Z", "success", 0, 60, "", 7, 1)


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (0, "success"),
        (1, "failed"),
        (2, "failed"),
        (3, "partial"),
        (11, "locked"),
        (75, "precondition"),
        (143, "failed"),
    ],
)
def test_the_word_for_an_exit_status(code: int, word: str) -> None:
    assert _state.result_of(code) == word


def test_a_job_that_never_ran_has_an_empty_state() -> None:
    assert _state.load("app") == State("app")


@pytest.mark.parametrize("later", [FAILURE, PARTIAL])
def test_the_last_success_survives_what_is_not_one(later: Run) -> None:
    state = State("app").after_run(SUCCESS).after_run(later)
    assert state.last_run == later
    assert state.last_success == SUCCESS


@given(st.lists(st.sampled_from([SUCCESS, FAILURE, PARTIAL, replace(SUCCESS, snapshot="77777777")])))
def test_over_any_sequence_the_last_success_is_the_last_success(runs: list[Run]) -> None:
    state = State("app")
    for run in runs:
        state = state.after_run(run)
    successes = [run for run in runs if run.result == "success"]
    assert state.last_success == (successes[-1] if successes else None)
    assert state.last_run == (runs[-1] if runs else None)
    assert set(state.summaries) == {run.snapshot for run in runs if run.snapshot}


def test_the_file_gives_back_what_was_written() -> None:
    written = _state.update("app", lambda state: state.after_run(SUCCESS).after_run(FAILURE).after_retention(RETENTION))
    assert _state.load("app") == written
    assert written.last_retention == RETENTION
    assert _paths.state_file("app").stat().st_mode & 0o777 == 0o600
    assert _paths.STATE.stat().st_mode & 0o777 == 0o700


def test_the_summaries_do_not_grow_without_end() -> None:
    state = State("app")
    for number in range(600):
        state = state.after_run(replace(SUCCESS, snapshot=f"{number:08x}"))
    assert len(state.summaries) == 500
    assert f"{599:08x}" in state.summaries


@pytest.mark.parametrize("content", ["{", "[]", '{"last_run": {"nonsense": 1}}', '{"last_run": 3}'])
def test_a_damaged_state_is_told_and_not_taken_for_an_empty_one(content: str) -> None:
    _paths.state_file("app").parent.mkdir(parents=True)
    _paths.state_file("app").write_text(content)
    with pytest.raises(Problem, match=r"is not sound"):
        _state.load("app")


def test_what_a_newer_program_of_the_same_schema_has_added_stops_nothing() -> None:
    _state.update("app", lambda state: state.after_run(SUCCESS).after_retention(RETENTION))
    path = _paths.state_file("app")
    data = json.loads(path.read_text())
    data["new"] = data["last_run"]["new"] = data["last_success"]["new"] = data["last_retention"]["new"] = 1
    path.write_text(json.dumps(data))
    assert _state.load("app") == State("app").after_run(SUCCESS).after_retention(RETENTION)


def test_the_state_of_another_schema_is_named_with_the_way_out() -> None:
    _paths.state_file("app").parent.mkdir(parents=True)
    _paths.state_file("app").write_text('{"schema": 2}')
    with pytest.raises(Problem, match=r"app.json has schema 2, .* newer holdfast. Use that one again, or move"):
        _state.load("app")


def test_a_full_disk_is_told_with_the_file_the_job_and_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_files, "write", full)
    words = r"job app: its state \S+/app.json could not be written: No space left on device. Free some space there, and"
    with pytest.raises(Problem, match=words):
        _state.update("app", lambda state: state)


def test_what_a_person_has_accepted_survives_every_run() -> None:
    accepted = replace(State("app"), accepted="2026-01-31T02:30:00Z", begun="2026-01-30T02:30:00Z")
    _state.update("app", lambda _state: accepted.after_run(FAILURE))
    found = _state.load("app")
    assert (found.accepted, found.begun) == (accepted.accepted, accepted.begun)


def test_times_go_through_their_text() -> None:
    assert _state.text(_state.time("2026-01-31T02:30:00Z")) == "2026-01-31T02:30:00Z"
    assert _state.now().tzinfo is not None
