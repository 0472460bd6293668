# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``holdfast restore`` makes of its arguments, and what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _restore_command
from ansible_collections.holdfast.persistence.plugins.module_utils.runner.__main__ import main
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_plan import Outlook, Request, Step

SNAPSHOT = {"job": "app", "snapshot": "1a2b3c4d"}
LEFT = {"kind": "path", "name": "/srv/app", "target": "/srv/app", "reason": "holds data"}
TO_DO = Outlook({**SNAPSHOT, "left": [LEFT]}, {**SNAPSHOT, "left": []}, (Step("finish", "finish it"),))
SETTLED = Outlook({**SNAPSHOT, "left": [LEFT]}, {**SNAPSHOT, "left": [LEFT]}, ())


class Scripted:
    """A host on which the outlooks come true one after the other."""

    def __init__(self, *outlooks: Outlook) -> None:
        self.outlooks = list(outlooks)
        self.requests: list[tuple[Request, bool]] = []
        self.carried_out: list[str] = []
        self.proven = {"path /srv/app": "2 entries compared with the manifest of the snapshot"}

    def __call__(self, request: Request, check: bool) -> Scripted:
        self.requests.append((request, check))
        return self

    def observe(self) -> None:
        """What there is to see is in the outlooks."""

    def carry_out(self, step: Step) -> None:
        self.carried_out.append(step.verb)

    def plan(self, _request: Request, _observed: None) -> Outlook:
        return self.outlooks.pop(0)


def restore(monkeypatch: pytest.MonkeyPatch, scripted: Scripted, *options: str) -> int:
    monkeypatch.setattr(_restore_command, "Restoration", scripted)
    monkeypatch.setattr(_restore_command, "plan", scripted.plan)
    return main(["restore", "app", *options])


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ([], {}),
        (["--snapshot", "1a2b", "--from-host", "web2"], {"snapshot": "1a2b", "from_host": "web2"}),
        (["--mode", "replace", "--data-loss", "allow"], {"mode": "replace", "drop_previous": True}),
        (["--volume", "pgdata", "--no-verify"], {"volume": "pgdata", "verify": False}),
        (
            ["--mode", "new", "--path", "/srv/app", "--target", "/srv/copy"],
            {"mode": "new", "path": "/srv/app", "target": "/srv/copy"},
        ),
    ],
)
@pytest.mark.parametrize("check", [False, True])
def test_its_arguments_are_what_is_wanted(
    monkeypatch: pytest.MonkeyPatch, options: list[str], wanted: dict[str, Any], check: bool
) -> None:
    scripted = Scripted(SETTLED)
    assert restore(monkeypatch, scripted, *options, *(["--check"] if check else [])) == 0
    assert scripted.requests == [(Request("app", **wanted), check)]


def test_it_says_each_step_and_what_it_leaves(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted = Scripted(TO_DO, SETTLED)
    assert restore(monkeypatch, scripted) == 0
    assert scripted.carried_out == ["finish"]
    assert capsys.readouterr().out.splitlines() == [
        "finish it",
        "left as it is: path /srv/app: /srv/app holds data",
        "path /srv/app: 2 entries compared with the manifest of the snapshot",
        "restore app: done: what an interrupted restore left is settled.",
    ]


def test_a_check_says_what_would_be_done_and_does_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted = Scripted(TO_DO)
    assert restore(monkeypatch, scripted, "--check") == 0
    assert scripted.carried_out == []
    assert capsys.readouterr().out == "would finish it\n"


def test_as_json_it_says_nothing_else(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert restore(monkeypatch, Scripted(TO_DO, SETTLED), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {**SETTLED.before, "actions": ["finish it"]}


def test_what_the_host_does_not_confirm_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(monkeypatch, Scripted(TO_DO, TO_DO)) == 1
    assert "restore app: did not hold, still to do: finish it." in capsys.readouterr().err
