# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores on their way through the pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.backups import _restoration, _stored
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._restoration import OPTIONS, Restores
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore import Restoration
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_terms import Outlook, Request, Step

STEPS = (Step("keep", "keep it"), Step("restore", "restore it"), Step("drop", "remove it", destroys="12 files"))


MADE: list[Scripted] = []


class Scripted:
    """A restoration that looks, and writes down what it is told to do."""

    def __init__(self, request: Request, check: bool) -> None:
        self.request, self.check = request, check
        self.carried_out: list[str] = []
        MADE.append(self)

    def observe(self) -> str:
        if self.request.job == "gone":
            raise Problem("job gone: not on this host.")
        return "observed"

    def carry_out(self, step: Step) -> None:
        self.carried_out.append(step.verb)


@pytest.fixture(autouse=True)
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    MADE.clear()
    monkeypatch.setattr(_restoration, "Restoration", Scripted)
    outlook = Outlook({"left": []}, {"restored": []}, STEPS, ("mind it",))
    monkeypatch.setattr(_restoration._restore_plan, "plan", lambda _request, _observed: outlook)


def item(**changes: Any) -> dict[str, Any]:
    return {**{name: option.get("default") for name, option in OPTIONS.items()}, "job": "nightly", **changes}


@pytest.mark.parametrize(("data_loss", "drops"), [("refuse", False), ("allow", True)])
def test_only_allow_drops_the_previous_content(data_loss: str, drops: bool) -> None:
    assert Restores(data_loss, check=False).desire(item()) == Request("nightly", drop_previous=drops)


def test_bad_input_is_refused_before_anything_is_looked_at() -> None:
    with pytest.raises(Problem, match="serves only mode new"):
        Restores("refuse", check=False).desire(item(target="x"))
    assert not MADE


def test_one_that_cannot_be_observed_does_not_keep_the_others_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_restoration, "_missing", lambda _job: "")
    first, second = Restores("refuse", check=True).observe([Request("gone"), Request("nightly")])
    assert isinstance(first, Problem)
    assert second == "observed"
    assert all(restoration.check for restoration in MADE)


def test_the_actions_are_the_steps_of_the_program_and_its_own_restoration_takes_them() -> None:
    resource, request = Restores("allow", check=False), Request("nightly")
    resource.observe([request])
    plan = resource.plan(request, resource.observe([request])[0])
    assert [action.sentence for action in plan.actions] == ["keep it", "restore it", "remove it"]
    assert [action.destroys for action in plan.actions] == ["", "", "12 files"]
    assert plan.warnings == ("mind it",)
    for action in plan.actions:
        resource.apply(request, action)
    assert [restoration.carried_out for restoration in MADE] == [["keep", "restore", "drop"]]


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host on which nothing has been made yet, looked at by the real program."""
    monkeypatch.setattr(_restoration, "Restoration", Restoration)
    for name in ("JOBS", "REPOSITORIES"):
        monkeypatch.setattr(_paths, name, tmp_path / name)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("os.geteuid", lambda: 0)


def make(*things: str) -> None:
    _paths.JOBS.mkdir()
    text = json.dumps(Job("nightly", "main", paths=("/srv",)).to_json())
    (_paths.JOBS / "nightly.json").write_text(text if "broken" not in things else "{")
    if "repository" in things:
        _stored.replace("main", _stored.Credentials("/nope/backup", "secret"), "")


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("things", "missing", "told"),
    [
        ((), "the job", "job nightly: not on this host"),
        (("job",), "repository main", "repository main: "),
        (("job", "repository"), "restic", "restic: not installed on this host"),
    ],
)
def test_what_is_not_there_yet_is_an_error_and_in_check_mode_a_prediction(
    things: tuple[str, ...], missing: str, told: str
) -> None:
    if things:
        make(*things)
    request = Request("nightly")
    (real,) = Restores("refuse", check=False).observe([request])
    assert isinstance(real, Problem)
    assert str(real).startswith(told)
    predicted = Restores("refuse", check=True)
    (seen,) = predicted.observe([request])
    assert not isinstance(seen, Problem)
    plan = predicted.plan(request, seen)
    assert [action.sentence for action in plan.actions] == [f"restore what job nightly saved, once {missing} is there"]
    assert plan.warnings == (f"{real} Check mode takes it for granted.",)
    assert plan.after == {"job": "nightly", "snapshot": None, "time": None, "restored": [], "left": []}


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(("user", "told"), [(0, "is not JSON"), (1000, "Become root")])
def test_what_no_earlier_task_could_bring_is_an_error_in_check_mode_too(
    user: int, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: user)
    if user == 0:
        make("broken")
    (seen,) = Restores("refuse", check=True).observe([Request("nightly")])
    assert isinstance(seen, Problem)
    assert told in str(seen)
