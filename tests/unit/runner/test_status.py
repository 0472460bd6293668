# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How jobs stand, for a person and for a program."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import (
    _paths,
    _run,
    _state,
    _status,
    _systemd,
    _text,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._state import RetentionRun, Run, State
from hypothesis import given, strategies as st

NOW = datetime(2026, 1, 31, 12, 0, 0, tzinfo=timezone.utc)
JOB = Job(name="app", repository="store", paths=("/srv",), rpo=86400)
SUCCESS = Run(
    started="2026-01-31T02:30:00Z",
    finished="2026-01-31T02:31:00Z",
    result="success",
    exit_code=0,
    seconds=60,
    message="",
    snapshot="0123abcd",
    files=1204,
    bytes=3 * 2**30,
    bytes_added=5,
)
FAILED = replace(SUCCESS, result="failed", exit_code=1, message="job app: repository store: gone.")
RETENTION = RetentionRun("2026-01-31T02:31:00Z", "2026-01-31T02:32:00Z", "failed", 1, 60, "locked by another.")


@pytest.fixture
def units(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What systemd says of every unit."""
    properties = {"ActiveState": "inactive", "NextElapseUSecRealtime": "Sun 2026-02-01 02:30:00 UTC"}
    monkeypatch.setattr(_status, "show", lambda names, _properties: dict.fromkeys(names, properties))
    return properties


@pytest.mark.parametrize(
    ("state", "later", "reasons"),
    [
        (State("app"), 0, ["it never ran"]),
        (State("app").after_run(SUCCESS), 0, []),
        (State("app").after_run(FAILED), 0, ["its last run: failed: repository store: gone.", "it never succeeded"]),
        (State("app").after_run(SUCCESS).after_run(FAILED), 0, ["its last run: failed: repository store: gone."]),
        (State("app").after_run(SUCCESS), 24, ["its last success is 1d 9h old, and may be 1d (rpo)"]),
        (
            State("app").after_run(SUCCESS).after_retention(RETENTION),
            0,
            ["its last retention: failed: locked by another."],
        ),
    ],
)
def test_why_a_job_is_not_healthy(state: State, later: int, reasons: list[str]) -> None:
    assert list(_status.reasons(JOB, state, NOW + timedelta(hours=later))) == reasons


@pytest.mark.parametrize(("active", "healthy"), [("inactive", False), ("activating", True)])
def test_containers_that_did_not_come_back(
    active: str, healthy: bool, configure: Callable[..., Job], units: dict[str, str]
) -> None:
    configure(rpo=None)
    _state.update("app", lambda state: state.after_run(SUCCESS))
    note = {"schema": 1, "action": "stop", "begun": "", "containers": [{"id": "1", "name": "db"}]}
    _paths.note_file("app").parent.mkdir(parents=True)
    _paths.note_file("app").write_text(json.dumps(note))
    units["ActiveState"] = active
    text, found = _status.status("app", as_json=False)
    assert found is healthy
    assert ("containers db still wait to be started: start them with holdfast release app" in text) is not healthy


@pytest.mark.parametrize("result", ["success", "exit-code"])
def test_a_run_whose_release_failed_is_no_success(
    result: str, configure: Callable[..., Job], host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    program = host / "systemctl"
    program.write_text(f"#!/bin/sh\ntouch {host}/started\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{host}:{os.environ['PATH']}")

    def ended(units: list[str], _properties: list[str]) -> dict[str, dict[str, str]]:
        if (host / "started").exists():
            _state.update("app", lambda state: state.after_run(SUCCESS))
        return {unit: {"ActiveState": "inactive", "Result": result} for unit in units}

    monkeypatch.setattr(_run, "show", ended)
    if result == "success":
        assert _run.run("app") == 0
        return
    with pytest.raises(Problem, match=r"snapshot 0123abcd was saved, but .* ended with exit-code: .* still be down"):
        _run.run("app")


@pytest.mark.parametrize(
    ("active", "told"), [("activating", "joined the run that began at 2026-01-31 02:30 UTC"), ("deactivating", "")]
)
def test_a_run_that_is_going_on_is_joined_and_one_that_is_ending_is_not(
    active: str,
    told: str,
    configure: Callable[..., Job],
    host: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure()
    program = host / "systemctl"
    program.write_text(f"#!/bin/sh\n[ -e {host}/ending ] || touch {host}/started\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{host}:{os.environ['PATH']}")
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(_run, "_TICK", 0.01)
    states = iter([active])
    if active == "deactivating":
        (host / "ending").touch()

    def look(units: list[str], _properties: list[str]) -> dict[str, dict[str, str]]:
        state = next(states, "inactive")
        started = (host / "started").exists()
        if state == "inactive":
            (host / "ending").unlink(missing_ok=True)
            # The run that was ending has its record now, and the one that was started after it another one.
            run = replace(SUCCESS, invocation="wanted") if started else FAILED
            _state.update("app", lambda before: before.after_run(run))
        found = {"ActiveState": state, "Result": "success", "InactiveExitTimestamp": "Sat 2026-01-31 02:30:00 UTC"}
        return dict.fromkeys(units, found)

    monkeypatch.setattr(_run, "show", look)
    assert _run.run("app") == 0
    last = _state.load("app").last_run
    assert last
    assert last.invocation == "wanted"
    said = capsys.readouterr().err
    assert told in said if told else said == ""


def test_without_an_rpo_no_success_is_too_old() -> None:
    assert _status.reasons(replace(JOB, rpo=None), State("app").after_run(SUCCESS), NOW + timedelta(days=999)) == ()


@pytest.mark.usefixtures("units")
def test_json_of_one_job_and_of_all(configure: Callable[..., Job]) -> None:
    configure(rpo=None)
    _state.update("app", lambda state: state.after_run(SUCCESS))
    text, healthy = _status.status("app", as_json=True)
    one = json.loads(text)
    assert healthy
    assert (one["job"], one["healthy"], one["reasons"], one["running"]) == ("app", True, [], False)
    assert one["next"] == "2026-02-01T02:30:00Z"
    assert one["last_run"] == one["last_success"]
    assert one["last_success"]["snapshot"] == "0123abcd"
    assert json.loads(_status.status(None, as_json=True)[0])[0]["job"] == "app"


def test_a_table_for_a_person(
    configure: Callable[..., Job], units: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    units["ActiveState"] = "activating"
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    try:
        configure(rpo=None)
        configure(name="other", rpo=None)
        _state.update("app", lambda state: state.after_run(replace(SUCCESS, finished=_state.text(_state.now()))))
        text, healthy = _status.status(None, as_json=False)
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert not healthy
    lines = text.splitlines()
    assert lines[0].split() == ["JOB", "HEALTH", "LAST", "SUCCESS", "AGE", "RPO", "FILES", "SIZE", "NEXT", "RUN"]
    assert lines[1].startswith("app    running")
    assert "1,204  3.0 GiB  2026-02-01 03:30 CET" in lines[1]
    assert lines[3] == "job other: it never ran"


@pytest.mark.usefixtures("units")
def test_one_broken_file_hides_no_other_job(configure: Callable[..., Job]) -> None:
    configure(rpo=None)
    configure(name="other", rpo=None)
    _state.update("app", lambda state: state.after_run(SUCCESS))
    _paths.job_file("broken").write_text("{")
    _paths.state_file("other").write_text("[")
    text, healthy = _status.status(None, as_json=False)
    assert not healthy
    lines = text.splitlines()
    assert [line.split()[:2] for line in lines[1:4]] == [["app", "good"], ["broken", "BAD"], ["other", "BAD"]]
    assert re.match(r"job broken: \S+/broken.json is not JSON", lines[4])
    assert "job other: its state" in lines[5]
    rows = json.loads(_status.status(None, as_json=True)[0])
    assert [(row["job"], row["healthy"]) for row in rows] == [("app", True), ("broken", False), ("other", False)]
    with pytest.raises(Problem, match=r"job broken: .* is not JSON"):
        _status.status("broken", as_json=False)


def test_a_host_without_jobs_is_healthy() -> None:
    assert _status.status(None, as_json=False) == ("No backup jobs on this host. Create one with backup_timer.", True)


def test_sizes_that_an_old_restic_does_not_keep_are_added(configure: Callable[..., Job], restic: Any) -> None:
    configure("s3:http://minio/bucket")
    _state.update("app", lambda state: state.after_run(SUCCESS))
    entry = {"time": "2026-01-31T02:30:10.5Z", "hostname": "web1", "paths": ["/srv"], "tags": ["holdfast"]}
    restic.answer(
        "snapshots", out=json.dumps([{**entry, "id": "0123abcd" * 8}, {**entry, "id": "9" * 64, "tags": ["partial"]}])
    )
    head, first, second = _status.snapshots("app", None, as_json=False).splitlines()
    assert head.split() == ["SNAPSHOT", "TIME", "HOST", "FILES", "SIZE", "STATE"]
    assert first.split()[-4:] == ["1,204", "3.0", "GiB", "whole"]
    assert second.split()[-3:] == ["-", "-", "partial"]
    rows = json.loads(_status.snapshots("app", "web2", as_json=True))
    assert rows[0]["time"] == "2026-01-31T02:30:10Z"
    assert (rows[0]["short_id"], rows[0]["files"]) == ("0123abcd", 1204)
    assert [row["partial"] for row in rows] == [False, True]
    assert "--host=web2" in restic.calls("snapshots")[1]["argv"]


def test_no_snapshots_is_said(configure: Callable[..., Job], restic: Any) -> None:
    configure("s3:http://minio/bucket")
    restic.answer("snapshots", out="null")
    none = "job app: no snapshots of host"
    told = _status.snapshots("app", None, as_json=False)
    assert told.startswith(f"{none} web1 in repository store. Make one with holdfast run app")
    told = _status.snapshots("app", "web2", as_json=False)
    assert told == f"{none} web2 in repository store. Leave out --host for those of web1."


def test_the_last_run_in_words() -> None:
    _state.update("app", lambda state: state.after_run(SUCCESS))
    assert _status.last_run("app") == ("job app: success after 1min: snapshot 0123abcd, 1,204 files, 3.0 GiB, 5 B new")
    _state.update("app", lambda state: state.after_run(FAILED))
    assert _status.last_run("app") == "job app: failed after 1min: repository store: gone."


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("Sat 2026-11-21 02:30:00 UTC", datetime(2026, 11, 21, 2, 30, tzinfo=timezone.utc)),
        ("n/a", None),
        ("", None),
        ("infinity", None),
    ],
)
def test_the_times_of_systemd(said: str, wanted: datetime | None) -> None:
    assert _systemd.moment(said) == wanted


def test_the_blocks_of_systemd(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "systemctl"
    program.write_text('#!/bin/sh\necho "Id=a.service\nActiveState=active\n\nId=b.timer\nResult=x=y $TZ"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = _systemd.show(["a.service", "b.timer"], ["ActiveState", "Result"])
    assert found == {
        "a.service": {"Id": "a.service", "ActiveState": "active"},
        "b.timer": {"Id": "b.timer", "Result": "x=y UTC"},
    }


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0s"), (59, "59s"), (60, "1min"), (90061, "1d 1h"), (86400, "1d"), (3599, "59min 59s"), (90000, "1d 1h")],
)
def test_durations(seconds: int, words: str) -> None:
    assert _text.duration(seconds) == words


@given(st.lists(st.tuples(st.text("ab-1", max_size=9), st.text("ab-1", max_size=9)), max_size=5))
def test_columns_stand_beneath_each_other(rows: list[tuple[str, str]]) -> None:
    lines = _text.table(("ONE", "TWO"), rows, ("TWO",)).split("\n")
    width = max(len(row[0]) for row in [("ONE", ""), *rows]) + 2 + max(len(row[1]) for row in [("", "TWO"), *rows])
    assert len(lines) == len(rows) + 1
    assert all(len(line) == width for line, row in zip(lines, [("ONE", "TWO"), *rows]) if row[1])
