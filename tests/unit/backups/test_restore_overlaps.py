# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores of one call that have targets in common, on a host that is a dictionary."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Plan
from ansible_collections.holdfast.persistence.plugins.module_utils.backups import _restoration
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._restoration import Restores
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._choice import Origin
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restic import Snapshot
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_journal import (
    STAGED,
    Journal,
    Placement,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_terms import (
    Chosen,
    Observed,
    Place,
    Request,
    Step,
    Tree,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._tree import MISSING, OCCUPIED, Content, Root

ROOT = Root(True, 0, 0, 0o755)
HOURS = {"daily": 2, "hourly": 1, "app": 1, "all": 1}


class Host:
    """Its directories, and what the snapshots of each job hold."""

    def __init__(self, snapshots: dict[str, dict[str, list[str]]]) -> None:
        self.snapshots = snapshots
        """By job: source → what below it is in the snapshot."""
        self.filled: dict[str, str] = {}
        """Directory → whose restore filled it, or ``old``."""
        self.interrupted: dict[str, Journal] = {}

    def state(self, path: str) -> str:
        below = [each for each in self.filled if each == path or each.startswith(f"{path}/")]
        return OCCUPIED if below else MISSING


class Scripted:
    """A restoration on that host."""

    host: Host

    def __init__(self, request: Request, check: bool) -> None:
        self.request = request
        self.brought: dict[str, str] = {}
        """Target → where the previous content is kept."""

    def observe(self) -> Observed:
        job, sources = self.request.job, self.host.snapshots[self.request.job]
        moment = datetime(2026, 1, 1, HOURS[job], tzinfo=timezone.utc)
        chosen = Chosen(
            Snapshot(job.ljust(64, "0"), moment, "app1", (), (), None, None),
            tuple(Tree(Origin("path", path, path), ROOT, Content(1, 5), 1) for path in sources),
        )
        places = tuple(self._place(path, chosen) for path in sources)
        return Observed(chosen, places, self.host.interrupted.get(job), (), "20260102T030405Z")

    def holds(self, _snapshot: str, path: str) -> bool:
        return any(path in below for below in self.host.snapshots[self.request.job].values())

    def carry_out(self, step: Step) -> None:
        filled = self.host.filled
        if step.verb == "finish":
            journal = self.host.interrupted.pop(self.request.job)
            filled.update({one.target: f"{self.request.job}, finished" for one in journal.placements})
            return
        target = step.placements[step.index].target
        if step.verb == "keep":
            for path in [path for path in filled if f"{path}/".startswith(f"{target}/")]:
                filled[path.replace(target, f"{target}.before", 1)] = filled.pop(path)
        if step.verb == "restore":
            assert self.host.state(target) == MISSING
            self.brought[target] = step.placements[step.index].kept
            below = self.host.snapshots[self.request.job][target]
            filled.update(dict.fromkeys([target, *below], self.request.job))

    def _place(self, path: str, chosen: Chosen) -> Place:
        snapshot = chosen.snapshot.id if path in self.brought else ""
        return Place(
            path,
            self.host.state(path),
            "/",
            1,
            10**9,
            ROOT,
            Content(1, 5),
            snapshot=snapshot,
            kept=self.brought.get(path, ""),
        )


def run(host: Host, monkeypatch: pytest.MonkeyPatch, *jobs: str, mode: str = "if_empty") -> dict[str, Plan | Problem]:
    """What the pipeline does; at the end there is nothing left to do."""
    monkeypatch.setattr(_restoration, "Restoration", type("Here", (Scripted,), {"host": host}))
    resource = Restores("refuse", check=False)
    requests = [Request(job, mode=mode) for job in jobs]
    done: dict[str, Any] = {}
    for request, seen in zip(requests, resource.observe(requests)):
        assert isinstance(seen, Observed)
        try:
            done[request.job] = resource.plan(request, seen)
        except Problem as problem:
            done[request.job] = problem
    sound = [request for request in requests if isinstance(done[request.job], Plan)]
    for request in sound:
        for action in done[request.job].actions:
            resource.apply(request, action)
    changed = [request for request in sound if done[request.job].actions]
    for request, seen in zip(changed, resource.observe(changed)):
        assert isinstance(seen, Observed)
        again = resource.plan(request, seen)
        assert again.actions == ()
        assert again.before == done[request.job].after
    return done


@pytest.mark.parametrize("mode", ["if_empty", "replace"])
@pytest.mark.parametrize("there", [False, True])
def test_the_first_fills_what_two_share_and_the_second_leaves_it(
    mode: str, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host({"hourly": {"/data": []}, "daily": {"/data": [], "/own": []}})
    host.filled = {"/data": "old"} if there and mode == "replace" else {}
    done = run(host, monkeypatch, "hourly", "daily", mode=mode)
    assert (host.filled["/data"], host.filled["/own"]) == ("hourly", "daily")
    (left,) = done["daily"].after["left"]
    assert left["reason"] == "is filled by the restore of job hourly in the same call (/data)"
    (warning,) = done["daily"].warnings
    assert "is newer: to have it, name job daily before job hourly" in warning


@pytest.mark.parametrize(("saved", "owner"), [([], "app"), (["/data/app"], "all")])
@pytest.mark.parametrize("mode", ["if_empty", "replace"])
def test_what_lies_inside_is_filled_unless_it_comes_with_what_lies_around(
    saved: list[str], owner: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Host({"all": {"/data": saved}, "app": {"/data/app": []}})
    host.filled = {"/data/app": "old"} if mode == "replace" else {}
    run(host, monkeypatch, "all", "app", mode=mode)
    assert host.filled["/data/app"] == owner
    assert host.filled.get("/data.before/app") == ("old" if mode == "replace" else None)


def test_what_lies_around_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host({"all": {"/data": []}, "app": {"/data/app": []}})
    done = run(host, monkeypatch, "app", "all")
    assert "Name job all before job app: what lies around comes first" in str(done["app"])
    assert host.filled == {"/data": "all"}, "which would be left as it is with something in it already"
    run(host, monkeypatch, "all", "app")
    assert host.filled == {"/data": "all", "/data/app": "app"}


def test_what_an_interrupted_restore_is_to_fill_is_filled_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host({"hourly": {"/data": []}, "daily": {"/data": []}})
    one = Placement("path /data", "/data", "/data", "/.holdfast-restore-x", "", False, ROOT, Content(1, 5), "", STAGED)
    host.interrupted = {"hourly": Journal("hourly", "5e6f7a8b", "2026-01-01 00:00 UTC", [one])}
    monkeypatch.setattr(Host, "state", lambda self, path: OCCUPIED if path in self.filled else MISSING)
    host.snapshots["hourly"] = {}
    run(host, monkeypatch, "hourly", "daily")
    assert host.filled == {"/data": "hourly, finished"}


def test_a_host_that_changes_in_between_is_no_ground_to_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host({"hourly": {"/data": []}, "daily": {"/own": []}})
    real = Scripted.carry_out

    def carry_out(self: Scripted, step: Step) -> None:
        real(self, step)
        host.filled["/own"] = "somebody"

    monkeypatch.setattr(Scripted, "carry_out", carry_out)
    with pytest.raises(
        Problem, match=r"restore daily: the host has changed .* To do by now: nothing. Nothing of it was"
    ):
        run(host, monkeypatch, "hourly", "daily")
    assert host.filled == {"/data": "hourly", "/own": "somebody"}
