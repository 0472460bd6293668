# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done about a backup job, as tables."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Plan
from ansible_collections.holdfast.persistence.plugins.module_utils._systemd import Unit
from ansible_collections.holdfast.persistence.plugins.module_utils.backups import _units
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._timer import (
    OPTIONS,
    Desired,
    Observed,
    Program,
    desired,
    plan,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job, Retention
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

JOB = Job(name="app", repository="main", paths=("/srv/app",), host="h", retention=Retention(keep_daily=7))
WANTED = Desired("app", JOB)
REPOSITORY = Path("/srv/backup/main")
TIMER, BACKUP, RETENTION = _units.names("app")
NOTHING = Observed(units={name: Unit() for name in _units.names("app")}, repository=REPOSITORY)


def there(**units: Unit) -> Observed:
    """A host on which everything is as wanted, but for these units."""
    usual = {
        "timer": Unit("active", "enabled", next_elapse="2026-11-21T02:41:11Z"),
        "backup": Unit(),
        "retention": Unit(),
    }
    states = {**usual, **units}
    texts = {"job": json.dumps(JOB.to_json(), indent=2) + "\n", **_units.units(JOB, REPOSITORY)}
    return Observed(
        job=JOB.to_json(),
        texts=texts,
        units={TIMER: states["timer"], BACKUP: states["backup"], RETENTION: states["retention"]},
        repository=REPOSITORY,
    )


def without(observed: Observed, *names: str) -> Observed:
    return replace(observed, texts={name: text for name, text in observed.texts.items() if name not in names})


def edited(observed: Observed, name: str) -> Observed:
    return replace(observed, texts={**observed.texts, name: "[Unit]\n"})


def item(**changes: Any) -> dict[str, Any]:
    unset = {name: option.get("default") for name, option in OPTIONS.items()}
    return {**unset, "name": "app", "repository": "main", "paths": ["/srv/app"], "schedule": "daily", **changes}


def sentences(made: Plan) -> list[str]:
    return [action.sentence for action in made.actions]


def test_options_become_a_job() -> None:
    options = item(timeout="90", rpo="26h", randomized_delay="30min", retention={"keep_last": 3, "keep_daily": None})
    job = desired(options).job
    assert job is not None
    assert (job.timeout, job.rpo, job.randomized_delay, job.rto) == (90, 93600, 1800, None)
    assert (job.manifest, job.manifest_max_age) == ("sha256", 30 * 86400)
    assert job.retention == Retention(keep_last=3)
    assert (job.paths, job.volumes) == (("/srv/app",), ())
    assert job.host == os.uname().nodename
    named = desired(item(host="web1-blue", exclude=["/srv/app/cache", "*.tmp"])).job
    assert named
    assert named.host == "web1-blue"


def test_an_absent_job_needs_its_name_only() -> None:
    options = item(state="absent", repository=None, schedule=None, paths=None)
    assert desired(options) == Desired("app", None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "Bad Name"}, r"job 'Bad Name': not a name"),
        ({"repository": None}, r"job app: repository is missing"),
        ({"schedule": ""}, r"job app: schedule is missing"),
        ({"schedule": "daily\nOnBootSec=1"}, r"job app: schedule .* must be a calendar expression"),
        ({"paths": None}, r"job app: nothing to back up"),
        ({"paths": ["srv"]}, r"job app: paths 'srv': must be an absolute path"),
        ({"paths": ["/srv/../etc"]}, r"job app: paths '/srv/../etc': must be an absolute path without \.\."),
        ({"paths": ["/srv", "/srv"]}, r"job app: paths '/srv': must be named once"),
        ({"volumes": ["a b"]}, r"job app: volumes 'a b': must be the name of a Docker volume"),
        ({"exclude": ["*"]}, r"job app: paths /srv/app: exclude '\*' leaves it out whole"),
        ({"exclude": ["/srv"]}, r"exclude '/srv' leaves it out whole \(/srv/app\).* such as /srv/app/cache"),
        ({"host": "two words"}, r"job app: host 'two words': must be a host name without spaces"),
        ({"timeout": "999999d"}, r"job app: timeout: duration '999999d': longer than ten years"),
        ({"rpo": "9" * 5000}, r"job app: rpo: duration '9+': not understood"),
        ({"timeout": "soon"}, r"job app: timeout: duration 'soon': not understood.*such as 26h"),
        ({"rpo": "1month"}, r"job app: rpo: duration '1month': not understood"),
        ({"retention": {"keep_daily": 0}}, r"job app: keep_daily 0: must be a number, 1 or more"),
        (
            {"retention": {"keep_within": "1 week"}},
            r"job app: keep_within '1 week': must be a duration such as 1y2m3d4h",
        ),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Problem, match=message):
        desired(item(**changes))


def test_a_job_as_wanted_is_left_alone() -> None:
    made = plan(WANTED, there())
    assert made.actions == ()
    assert made.before == made.after


def test_a_new_job_is_written_enabled_reloaded_and_started_in_this_order() -> None:
    made = plan(WANTED, NOTHING)
    assert sentences(made) == [
        "create job app: /srv/app into repository main, daily",
        f"write {BACKUP}, {TIMER}, {RETENTION}",
        f"enable {TIMER}",
        f"start {TIMER}",
    ]
    assert [action.settled for action in made.actions] == [False, False, False, True]
    assert made.before is None
    assert made.after is not None
    assert made.after["next_elapse"] is None


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (there(timer=Unit("inactive", "enabled")), [f"start {TIMER}"]),
        (there(timer=Unit("failed", "enabled")), [f"start {TIMER}"]),
        (there(timer=Unit("active", "disabled")), [f"enable {TIMER}"]),
        (there(backup=Unit(stale=True)), [f"make known to systemd how {BACKUP} changed"]),
        (edited(there(backup=Unit(stale=True)), BACKUP), [f"write {BACKUP}"]),
        (without(there(), RETENTION), [f"write {RETENTION}"]),
        (without(there(), "job"), ["create job app: /srv/app into repository main, daily"]),
        (replace(edited(there(), "job"), job=None), ["write job app anew, whose file cannot be read"]),
        (edited(there(), "job"), ["change job app: the form of its file"]),
    ],
)
def test_each_drift_is_repaired_and_nothing_else_is_touched(observed: Observed, expected: list[str]) -> None:
    assert sentences(plan(WANTED, observed)) == expected


def test_a_change_is_told_by_option() -> None:
    job = replace(JOB, schedule="weekly", retention=Retention(keep_daily=14))
    assert sentences(plan(Desired("app", job), there())) == [
        'change job app: schedule "daily" → "weekly"; retention {"keep_daily": 7} → {"keep_daily": 14}',
        f"write {TIMER}",
    ]


def test_a_job_without_retention_loses_the_unit_for_it() -> None:
    made = plan(Desired("app", replace(JOB, retention=Retention())), there())
    assert f"remove {RETENTION}, which job app no longer needs" in sentences(made)


def test_a_repository_that_moved_reaches_the_units() -> None:
    made = plan(WANTED, replace(there(), repository=Path("/mnt/other")))
    assert sentences(made) == [f"write {BACKUP}, {RETENTION}"]


def test_a_disabled_job_stops_and_stays_stopped() -> None:
    made = plan(Desired("app", JOB, enabled=False), there())
    assert sentences(made) == [f"stop {TIMER}", f"disable {TIMER}"]
    resting = there(timer=Unit("inactive", "disabled"))
    assert plan(Desired("app", JOB, enabled=False), resting).actions == ()


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (Program((), exists=True, release_enabled=True), []),
        (Program((Path("/p"),), exists=True, release_enabled=True), ["update the program: /p"]),
        (
            Program((Path("/p"),), exists=False, release_enabled=False),
            ["install the program: /p", "enable holdfast-release.service"],
        ),
    ],
)
def test_the_program_is_brought_up_to_date_before_the_job(program: Program, expected: list[str]) -> None:
    made = plan(WANTED, replace(there(), program=program))
    assert sentences(made) == expected
    assert made.before == made.after


def test_a_job_that_is_gone_is_left_alone() -> None:
    assert plan(Desired("app", None), NOTHING) == Plan(None, None)


def test_removing_stops_the_timer_first_and_remembers_what_to_clean() -> None:
    made = plan(Desired("app", None), there(backup=Unit("failed")))
    assert sentences(made) == [
        f"stop {TIMER}",
        f"disable {TIMER}",
        "remove job app with its units; its snapshots and its state stay",
    ]
    assert made.actions[-1].details == {"units": [TIMER, BACKUP, RETENTION], "stamp": True, "failed": [BACKUP]}
    assert made.after is None


def test_a_removal_that_systemd_does_not_know_of_is_made_known() -> None:
    made = plan(Desired("app", None), replace(NOTHING, units={**NOTHING.units, TIMER: Unit(stale=True)}))
    assert sentences(made) == [f"make known to systemd how {TIMER} changed"]


def test_a_removal_that_was_interrupted_is_finished() -> None:
    left = without(there(timer=Unit()), TIMER, BACKUP, RETENTION)
    made = plan(Desired("app", None), left)
    assert [action.verb for action in made.actions] == ["remove"]
    assert made.actions[0].details == {"units": [], "stamp": False, "failed": []}


@pytest.mark.parametrize("busy", ["backup", "retention"])
def test_a_running_job_is_not_removed(busy: str) -> None:
    with pytest.raises(
        Problem, match=f"^job app: refused to remove it while holdfast-{busy}-app.service runs.*systemctl stop"
    ):
        plan(Desired("app", None), there(**{busy: Unit("activating")}))
