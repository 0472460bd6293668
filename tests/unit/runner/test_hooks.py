# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of a job's owner: when they run, and what their failure changes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _backup, _release, _state
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job_steps import Hook, Hooks
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

DONE = (
    '{"message_type":"summary","data_added":703,"total_files_processed":3,"total_bytes_processed":6,'
    '"snapshot_id":"ff19bcf0"}\n'
)
NOTE = (
    "import os, sys; open(sys.argv[1], 'a').write(' '.join([sys.argv[2], *map(os.environ.get, sys.argv[3:])]) + '\\n')"
)


class Unit:
    """Goes through the commands of the unit as systemd does."""

    def __init__(self, host: Path, monkeypatch: pytest.MonkeyPatch, configure: Callable[..., Job]) -> None:
        self.ran = host / "ran"
        self.host = host
        self._monkeypatch = monkeypatch
        self._configure = configure

    def hook(self, word: str, *variables: str) -> Hook:
        return Hook((sys.executable, "-c", NOTE, str(self.ran), word, *variables))

    def run(self, hooks: Hooks, **options: Any) -> list[str]:
        """What the hooks have noted; a problem of the first two commands is kept from nobody but the caller."""
        self._configure("s3:http://minio/bucket", hooks=hooks, **options)
        self._monkeypatch.setenv("INVOCATION_ID", "run1")
        result = "success"
        try:
            _backup.prepare("app")
            _backup.backup("app")
        except Problem:
            result = "exit-code"
        self._monkeypatch.setenv("SERVICE_RESULT", result)
        self._monkeypatch.setenv("EXIT_STATUS", "0" if result == "success" else "1")
        _release.release("app")
        return self.ran.read_text().splitlines() if self.ran.exists() else []


@pytest.fixture
def unit(host: Path, monkeypatch: pytest.MonkeyPatch, configure: Callable[..., Job], restic: Any) -> Unit:
    restic.answer("backup", out=DONE)
    return Unit(host, monkeypatch, configure)


def all_of(unit: Unit, **others: Any) -> Hooks:
    hooks = {when: (unit.hook(when, "HOLDFAST_JOB"),) for when in ("before", "after")}
    hooks["on_success"] = (unit.hook("good", "HOLDFAST_RESULT", "HOLDFAST_SNAPSHOT"),)
    hooks["on_failure"] = (unit.hook("bad", "HOLDFAST_RESULT"),)
    return Hooks(**{**hooks, **others})


def test_a_good_run(unit: Unit) -> None:
    assert unit.run(all_of(unit)) == ["before app", "after app", "good success ff19bcf0"]


def test_a_bad_run(unit: Unit, restic: Any) -> None:
    restic.answer("backup", code=1, err="Fatal: no space left\n")
    assert unit.run(all_of(unit)) == ["before app", "after app", "bad failed"]


def test_a_run_that_may_not_begin(unit: Unit) -> None:
    gone = (str(unit.host / "gone"),)
    assert unit.run(all_of(unit), paths=gone) == ["before app", "after app", "bad precondition"]


def test_before_may_bring_what_is_to_be_saved(unit: Unit) -> None:
    mount = Hook((sys.executable, "-c", f"import os; os.makedirs({str(unit.host / 'late' / 'sub')!r})"))
    found = unit.run(Hooks(before=(mount,), on_success=(unit.hook("good"),)), paths=(str(unit.host / "late"),))
    assert found == ["good"]


def test_before_that_fails_fails_the_job(unit: Unit, restic: Any) -> None:
    failing = Hook((sys.executable, "-c", "raise SystemExit(7)"))
    assert unit.run(all_of(unit, before=(failing, unit.hook("never")))) == ["after app", "bad failed"]
    assert restic.calls("backup") == []
    run = _state.load("app").last_run
    assert run
    assert "hook before" in run.message
    assert "ended with 7" in run.message


def test_a_hook_that_hangs_is_killed_and_told(unit: Unit) -> None:
    hanging = Hook((sys.executable, "-c", "import time; time.sleep(60)"), timeout=1)
    unit.run(all_of(unit, before=(hanging,)))
    run = _state.load("app").last_run
    assert run
    assert "had not ended after 1 s and was killed with all that it had started" in run.message


def test_after_that_fails_is_a_problem_and_the_next_ones_run(unit: Unit) -> None:
    failing = Hook(("/bin/false",))
    with pytest.raises(Problem, match=r"hook after: /bin/false: ended with 1"):
        unit.run(all_of(unit, after=(failing, unit.hook("second"))))
    assert unit.ran.read_text().splitlines() == ["before app", "second", "good success ff19bcf0"]


def test_one_that_only_tells_changes_nothing(unit: Unit, capsys: pytest.CaptureFixture[str]) -> None:
    assert unit.run(Hooks(on_success=(Hook(("/bin/false",)), unit.hook("good")))) == ["good"]
    assert "hook on_success: /bin/false: ended with 1" in capsys.readouterr().err
    run = _state.load("app").last_run
    assert run
    assert run.result == "success"


def test_who_brings_containers_back_by_hand_ends_no_run(unit: Unit, configure: Callable[..., Job]) -> None:
    configure("s3:http://minio/bucket", hooks=all_of(unit))
    _release.release("app")
    assert not unit.ran.exists()


def test_a_good_snapshot_of_a_unit_that_failed_is_no_success(
    unit: Unit, configure: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("s3:http://minio/bucket", hooks=all_of(unit))
    for name, value in (("INVOCATION_ID", "run1"), ("SERVICE_RESULT", "timeout")):
        monkeypatch.setenv(name, value)
    _backup.prepare("app")
    _backup.backup("app")
    _release.release("app")
    assert unit.ran.read_text().splitlines() == ["before app", "after app", "bad failed"]


def test_a_killed_run_has_its_last_hooks(
    unit: Unit, configure: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("s3:http://minio/bucket", hooks=all_of(unit))
    for name, value in (("INVOCATION_ID", "run1"), ("SERVICE_RESULT", "signal"), ("EXIT_STATUS", "KILL")):
        monkeypatch.setenv(name, value)
    _release.release("app")
    assert unit.ran.read_text().splitlines() == ["after app", "bad failed"]
