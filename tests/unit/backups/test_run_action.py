# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of backup_run: one run, many short calls of the module."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.action import backup_run
from ansible_collections.holdfast.persistence.plugins.action.backup_run import ActionModule

PROGRESS = {
    "percent": 0.5,
    "bytes_done": 1024,
    "total_bytes": 2048,
    "files_done": 1,
    "total_files": 2,
    "seconds_remaining": None,
}
STARTED = {"running": True, "invocation_id": "mine", "timeout": 100, "actions": ["start it"], "progress": None}
GOING_ON = {**STARTED, "actions": [], "progress": PROGRESS, "timeout": 7}
ENDED = {"running": False, "actions": [], "timeout": 3, "changed": True, "run": {"snapshot": "1a2b3c4d"}}


class Followed(ActionModule):
    """The action with the module's answers written down beforehand."""

    def __init__(self, *answers: dict[str, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def _execute_module(self, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        assert task_vars["inventory_hostname"] == "app1"
        self.asked.append(module_args)
        return self.answers.pop(0)

    def follow(self, **arguments: Any) -> dict[str, Any]:
        return self._follow({"name": "nightly", **arguments}, {"inventory_hostname": "app1"})


@pytest.fixture(autouse=True)
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(backup_run.Display, "display", lambda _self, line: said.append(line))
    return said


def test_follows_one_run_to_its_end_and_shows_how_far_it_is(lines: list[str]) -> None:
    action = Followed(STARTED, GOING_ON, ENDED)
    assert action.follow() == {**ENDED, "actions": ["start it"], "timeout": 100}
    assert [asked.get("invocation_id") for asked in action.asked] == [None, "mine", "mine"]
    assert lines == ["app1 nightly: 50 % · 1.0 of 2.0 KiB · 1 of 2 files"]


def test_the_time_that_has_passed_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter([0.0, 30.0, 99.5])
    monkeypatch.setattr(backup_run.time, "monotonic", lambda: next(now))
    action = Followed(STARTED, GOING_ON, ENDED)
    action.follow(timeout="100s")
    assert [asked["timeout"] for asked in action.asked] == ["100s", "70s", "1s"]


def test_a_failure_ends_it_also_while_the_run_goes_on() -> None:
    failed = {**GOING_ON, "failed": True, "msg": "the time to wait is over"}
    answer = Followed(STARTED, failed).follow()
    assert answer["failed"]
    assert answer["actions"] == ["start it"]


def test_a_problem_before_the_start_has_no_timeout() -> None:
    assert Followed({"failed": True, "msg": "no such job"}).follow() == {
        "failed": True,
        "msg": "no such job",
        "actions": [],
    }
