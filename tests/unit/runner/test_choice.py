# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which snapshot is meant, and what is in it, as tables."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._choice import (
    NoSnapshot,
    Origin,
    check_wanted,
    choose,
    excluded,
    excluded_at,
    moment,
    origins,
    select,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restic import Snapshot
from hypothesis import given, strategies as some

MIDNIGHT = datetime(2026, 1, 1, tzinfo=timezone.utc)


def snapshot(identity: str, hours: float = 0, *tags: str) -> Snapshot:
    return Snapshot(identity.ljust(64, "0"), MIDNIGHT + timedelta(hours=hours), "app1", (), tags, None, None)


SNAPSHOTS = [snapshot("aaaa1", 0), snapshot("aaaa2", 24), snapshot("2026", 48)]


def chosen(wanted: str) -> str:
    found, warning = choose(SNAPSHOTS, wanted, "nightly", "app1", "main")
    assert not warning
    return found.id.rstrip("0")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("latest", "2026"),
        ("aaaa1", "aaaa1"),
        ("2026", "2026"),
        ("2026-01-01T00:00Z", "aaaa1"),
        ("2026-01-01 23:59", "aaaa1"),
        ("2026-01-02T00:00:00", "aaaa2"),
        ("2026-01-02T01:00:00+02:00", "aaaa1"),
        ("2027-01-01T00:00Z", "2026"),
    ],
)
def test_choose(wanted: str, expected: str) -> None:
    assert chosen(wanted) == expected


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("aaaa", "2 begin with it. It has 3, from 2026-01-01 00:00 UTC to 2026-01-03 00:00 UTC"),
        ("bbbb", "none begins with it"),
        ("2025-12-31T23:59Z", "no snapshot of this job by host app1 at or before 2025-12-31T23:59Z"),
    ],
)
def test_what_is_not_there_is_said_with_what_there_is(wanted: str, words: str) -> None:
    with pytest.raises(Problem, match=words):
        chosen(wanted)


def test_a_single_snapshot_has_no_span() -> None:
    with pytest.raises(Problem, match=r"It has one, of 2026-01-01 00:00 UTC: list"):
        choose(SNAPSHOTS[:1], "bbbb", "nightly", "app1", "main")


def test_no_snapshot_at_all_is_an_answer_of_its_own() -> None:
    with pytest.raises(NoSnapshot, match=r"holds no snapshot of this job by host app1.*--from-host .* from_host in"):
        choose([], "latest", "nightly", "app1", "main")


@pytest.mark.parametrize(
    "wanted", ["", "abc", "LATEST", "yesterday", "2026-01-01", "2026-13-01T00:00", "2026-01-01T25:00"]
)
def test_what_is_not_understood_is_refused(wanted: str) -> None:
    with pytest.raises(Problem, match=r"not understood\. Give latest"):
        check_wanted(wanted)


@given(some.integers(0, 10**10))
def test_a_time_without_a_zone_is_utc(seconds: int) -> None:
    time = datetime.fromtimestamp(seconds, timezone.utc)
    assert moment(f"{time:%Y-%m-%dT%H:%M:%S}") == time


@given(some.lists(some.integers(0, 99), min_size=1, unique=True).map(sorted), some.integers(0, 99))
def test_a_time_never_chooses_a_later_snapshot_and_skips_none(hours: list[int], at: int) -> None:
    there = [snapshot(f"{hour:04x}", hour) for hour in hours]
    before = [hour for hour in hours if hour <= at]
    wanted = (MIDNIGHT + timedelta(hours=at)).isoformat()
    if not before:
        with pytest.raises(Problem):
            choose(there, wanted, "nightly", "app1", "main")
    else:
        assert choose(there, wanted, "nightly", "app1", "main") == (there[len(before) - 1], "")


@pytest.mark.parametrize(
    ("wanted", "expected", "words"),
    [
        (
            "latest",
            "bbbb2",
            "snapshot cccc3000 (2026-01-03 00:00 UTC) is partial and was skipped for the older bbbb2000",
        ),
        ("2026-01-09T00:00Z", "bbbb2", "snapshot cccc3000 (2026-01-03 00:00 UTC) is partial and was skipped"),
        ("2026-01-02T00:00Z", "bbbb2", ""),
        ("cccc3", "cccc3", "snapshot cccc3000 (2026-01-03 00:00 UTC) is partial: something could not be read"),
        ("bbbb2", "bbbb2", ""),
    ],
)
def test_a_partial_snapshot_is_chosen_by_its_id_only(wanted: str, expected: str, words: str) -> None:
    there = [snapshot("aaaa1", 0, "partial"), snapshot("bbbb2", 24, "whole"), snapshot("cccc3", 48, "partial")]
    found, warning = choose(there, wanted, "nightly", "app1", "main")
    assert found.id.rstrip("0") == expected
    assert words in warning
    assert bool(words) == bool(warning)


@pytest.mark.parametrize("wanted", ["latest", "2026-01-01T00:00Z"])
def test_where_all_are_partial_one_has_to_be_named(wanted: str) -> None:
    there = [snapshot("aaaa1", 0, "partial")]
    with pytest.raises(Problem, match=r"are partial: .* name it by its id, aaaa1000 \(2026-01-01 00:00 UTC\)"):
        choose(there, wanted, "nightly", "app1", "main")
    assert choose(there, "aaaa1", "nightly", "app1", "main")[0] is there[0]


def manifest(**changes: object) -> bytes:
    whole = {"schema": 1, "job": "nightly", "volumes": {"pgdata": "/v/pgdata/_data"}, "paths": ["/srv/app"], **changes}
    return json.dumps(whole).encode()


def test_origins() -> None:
    found = origins(manifest(paths=["/srv/app", "/srv/app/sub", "/srv/app2"]), SNAPSHOTS[0], "nightly")
    assert [origin.label for origin in found] == ["volume pgdata", "path /srv/app", "path /srv/app2"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "its manifest is not understood"),
        (b"[]", "its manifest is not understood"),
        (b'{"schema": 1}', "its manifest is not understood"),
        (manifest(schema=2), "its manifest has schema 2, this program knows 1"),
    ],
)
def test_a_manifest_that_is_not_understood(content: bytes, words: str) -> None:
    with pytest.raises(Problem, match=words):
        origins(content, SNAPSHOTS[0], "nightly")


def test_select() -> None:
    found = [Origin("volume", "pgdata", "/v"), Origin("path", "/srv/app", "/srv/app")]
    assert select(found, None, None, "nightly", SNAPSHOTS[0]) == found
    assert select(found, "pgdata", None, "nightly", SNAPSHOTS[0]) == found[:1]
    assert select(found, None, "/srv/app", "nightly", SNAPSHOTS[0]) == found[1:]
    with pytest.raises(Problem, match=r"volume app is not in it\. It holds volume pgdata, path /srv/app"):
        select(found, "app", None, "nightly", SNAPSHOTS[0])


@pytest.mark.parametrize(
    ("pattern", "source", "concerns"),
    [
        ("*.log", "/srv/app", True),
        ("/srv/app/repo", "/srv/app", True),
        ("/srv/app*", "/srv/app", True),
        ("/srv/*/cache", "/srv/app", True),
        ("/srv/application", "/srv/app", False),
        ("/var/*", "/srv/app", False),
        ("!/srv/app/keep", "/srv/app", False),
    ],
)
def test_only_what_may_have_been_kept_out_of_a_source_is_told(pattern: str, source: str, concerns: bool) -> None:
    (told,) = excluded(manifest(exclude=[pattern]))
    assert excluded_at([told], source) == [pattern] * concerns


def test_a_manifest_without_patterns() -> None:
    assert excluded(manifest()) == ()
