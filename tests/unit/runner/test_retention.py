# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Retention removes what it is told, after a rehearsal, and never everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import (
    _files,
    _paths,
    _restic,
    _retention,
    _state,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job, Retention
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Locked, Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._retention import retention

S3 = "s3:http://minio/bucket"


def groups(keep: int, remove: int) -> str:
    return json.dumps(
        [
            {
                "keep": [{"id": f"k{number}"} for number in range(keep)],
                "remove": [{"id": f"r{number}"} for number in range(remove)],
            }
        ]
    )


@pytest.fixture
def app(configure: Callable[..., Job], restic: Any) -> Job:
    del restic
    return configure(S3, retention=Retention(keep_last=2))


def test_rehearsed_then_done_and_recorded(app: Job, restic: Any) -> None:
    restic.answer("forget", out=groups(2, 3))
    assert retention(app.name) == "job app: snapshots kept: 2, removed: 3"
    rehearsal, real = (call["argv"] for call in restic.calls("forget"))
    assert "--dry-run" in rehearsal
    assert "--dry-run" not in real
    assert "--prune" in real
    run = _state.load(app.name).last_retention
    assert run
    assert (run.result, run.kept, run.removed) == ("success", 2, 3)


def test_what_would_leave_nothing_is_refused(app: Job, restic: Any) -> None:
    restic.answer("forget", out=groups(0, 3))
    with pytest.raises(
        Problem, match=r"refused to remove all its 3 snapshots, .* \(keep_last: 2\). Nothing was removed"
    ):
        retention(app.name)
    assert len(restic.calls("forget")) == 1
    run = _state.load(app.name).last_retention
    assert run
    assert (run.result, run.exit_code, run.removed) == ("failed", 1, None)


def test_partial_snapshots_do_not_count_as_kept(app: Job, restic: Any) -> None:
    partial = {"keep": [{"id": "p0", "tags": ["holdfast", "job=app", "partial"]}], "remove": []}
    restic.answer("forget", out=json.dumps([*json.loads(groups(0, 3)), partial]))
    with pytest.raises(Problem, match=r"refused to remove all its 3 whole snapshots"):
        retention(app.name)
    partial["remove"] = [{"id": "p1", "tags": ["partial"]}]
    restic.answer("forget", out=json.dumps([partial]))
    assert retention(app.name) == "job app: snapshots kept: 1, removed: 1"


@pytest.mark.parametrize("keep", [0, 2])
def test_nothing_to_remove_is_nothing_to_do(keep: int, app: Job, restic: Any) -> None:
    restic.answer("forget", out=groups(keep, 0))
    assert retention(app.name) == f"job app: snapshots kept: {keep}, removed: 0"
    assert len(restic.calls("forget")) == 1


def test_without_rules_every_snapshot_stays(configure: Callable[..., Job], restic: Any) -> None:
    configure(S3)
    assert retention("app") == "job app: no retention is set; every snapshot stays"
    assert restic.calls("forget") == []


def test_it_does_not_run_beside_a_backup(app: Job, restic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_retention, "WAIT", 0.1)
    with _files.lock(_paths.lock_file("store"), 0, shared=True):
        code = _locked_elsewhere(app.name)
    assert code == 11
    assert restic.calls("forget") == []


def _locked_elsewhere(name: str) -> int:
    with pytest.raises(Locked) as caught:
        retention(name)
    run = _state.load(name).last_retention
    assert run
    assert run.result == "locked"
    return caught.value.exit_code


def test_an_interrupted_retention_claims_nothing(app: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_arguments: object, **_options: object) -> None:
        raise _restic.Interrupted("restic: stopped by SIGTERM.")

    monkeypatch.setattr(_restic.Restic, "forget", interrupt)
    with pytest.raises(_restic.Interrupted):
        retention(app.name)
    assert _state.load(app.name).last_retention is None
