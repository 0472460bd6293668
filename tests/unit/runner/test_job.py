# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Job files: what is understood, and what is refused in which words."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _job, _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job, Retention
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from hypothesis import given, strategies as st

NAMES = st.from_regex(r"\A[a-z0-9][a-z0-9_-]{0,62}\Z")
COUNTS = st.one_of(st.none(), st.integers(1, 10000))
PATHS = st.lists(st.from_regex(r"\A(/[a-z0-9][a-z0-9. _-]*[a-z0-9])+\Z"), min_size=1, max_size=4, unique=True)
JOBS = st.builds(
    Job,
    name=NAMES,
    repository=NAMES,
    host=NAMES,
    volumes=st.lists(st.from_regex(r"\A[a-zA-Z0-9][a-zA-Z0-9_.-]{1,20}\Z"), max_size=4, unique=True).map(tuple),
    paths=PATHS.map(tuple),
    exclude=st.lists(st.from_regex(r"\A[!*]?[a-z]+\Z"), max_size=3).map(tuple),
    quiesce=st.sampled_from(_job.QUIESCE),
    randomized_delay=st.integers(0, 10**6),
    timeout=st.integers(1, 10**6),
    rpo=COUNTS,
    rto=COUNTS,
    retention=st.builds(
        Retention, keep_last=COUNTS, keep_daily=COUNTS, keep_within=st.sampled_from([None, "1y2m", "7d"])
    ),
)
GOOD: dict[str, Any] = {"schema": 1, "name": "db", "repository": "store", "volumes": ["pgdata"]}


@given(JOBS)
def test_a_job_survives_its_file(job: Job) -> None:
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda of: st.lists(of) | st.dictionaries(st.text(), of)
    )
)
def test_whatever_a_file_holds_the_answer_is_a_job_or_a_problem(data: Any) -> None:
    for candidate in (data, {**GOOD, "retention": data}, {**GOOD, "paths": data}, {**GOOD, "exclude": data}):
        with suppress(Problem):
            Job.from_json(candidate)


@given(
    st.sampled_from(sorted(Job.__dataclass_fields__)),
    st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers()),
)
def test_a_wrong_type_anywhere_is_a_problem_and_no_crash(option: str, value: Any) -> None:
    with suppress(Problem):
        Job.from_json({**GOOD, option: value})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"shedule": "daily"}, "unknown: shedule"),
        ({"schema": 2}, "its schema is not 1"),
        ({"volumes": []}, "nothing to back up"),
        ({"volumes": "pgdata"}, "volumes 'pgdata': must be a list of texts"),
        ({"volumes": ["../etc"]}, "volumes '../etc': must be the name of a Docker volume"),
        ({"volumes": ["pgdata", "pgdata"]}, "volumes 'pgdata': must be named once"),
        ({"paths": ["srv"]}, "paths 'srv': must be an absolute path"),
        ({"paths": ["/srv/../etc"]}, "must be an absolute path without .."),
        ({"paths": ["/"]}, "paths '/': must be"),
        ({"quiesce": "freeze"}, "quiesce 'freeze': must be none, pause or stop"),
        ({"timeout": 0}, "timeout 0: must be seconds, 1 or more"),
        ({"timeout": True}, "timeout True: must be seconds"),
        ({"timeout": "6h"}, "timeout '6h': must be seconds"),
        ({"rpo": 0}, "rpo 0: must be"),
        ({"retention": {"keep_weakly": 4}}, "retention: unknown: keep_weakly"),
        ({"retention": {"keep_last": 0}}, "keep_last 0: must be a number, 1 or more"),
        ({"retention": {"keep_within": "2w"}}, "keep_within '2w': must be a duration"),
        ({"retention": {"keep_within": ""}}, "keep_within '': must be a duration"),
        ({"name": "Db"}, "job 'Db': not a name"),
        ({"repository": "a/b"}, "repository 'a/b': not a name"),
        ({"schedule": "daily\nUser=root"}, "schedule 'daily\\nUser=root': must be a calendar expression"),
        ({"host": "a b"}, "host 'a b': must be a host name"),
    ],
)
def test_bad_input_is_refused_in_words(change: dict[str, Any], words: str) -> None:
    with pytest.raises(Problem) as caught:
        Job.from_json({**GOOD, **change})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("90", 90), ("90s", 90), ("15min", 900), ("6h", 21600), ("26h", 93600), ("7d", 604800), ("2w", 1209600), ("0", 0)],
)
def test_durations(text: str, value: int) -> None:
    assert _job.seconds(text) == value


@pytest.mark.parametrize("text", ["", "h", "6 hours", "-1", "1.5h", "6H", "5m", "1h30min"])
def test_durations_that_are_not_understood(text: str) -> None:
    with pytest.raises(Problem, match=r"not understood. Write a number and one of s, min, h, d, w"):
        _job.seconds(text)


def test_load_finds_the_job_and_names_lists_it() -> None:
    for name in ("b", "a"):
        _paths.job_file(name).write_text(json.dumps({**GOOD, "name": name}))
    (_paths.JOBS / ".a.json.12").write_text("left by a crash")
    assert _job.names() == ["a", "b"]
    assert _job.load("a").volumes == ("pgdata",)


def test_a_job_that_is_not_there_is_told_with_those_that_are() -> None:
    _paths.job_file("db").write_text(json.dumps(GOOD))
    with pytest.raises(
        Problem, match=r"job dn: not on this host. Jobs here: db. Create .* or run the playbook provision"
    ):
        _job.load("dn")


@pytest.mark.parametrize(
    ("content", "words"), [("{", "is not JSON"), (json.dumps({**GOOD, "name": "other"}), "holds the job other")]
)
def test_a_damaged_job_file(content: str, words: str) -> None:
    _paths.job_file("db").write_text(content)
    with pytest.raises(Problem, match=words):
        _job.load("db")


@pytest.mark.parametrize("name", ["", "-a", "_a", "a" * 64, "../a", "a b", "ä", "A", "a\n"])
def test_names_that_cannot_be_file_and_unit_names(name: str) -> None:
    with pytest.raises(Problem, match=r"not a name"):
        _job.check_name("job", name)
