# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The units of a job, compared with those that systemd was seen to accept (units/), and what must hold for any job."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.backups import _units
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job, Retention

GOLDEN = Path(__file__).with_name("units")
FULL = Job(
    name="database",
    repository="main",
    volumes=("pgdata",),
    paths=("/srv/app",),
    host="app1",
    schedule="*-*-* 02:30:00",
    randomized_delay=1800,
    retention=Retention(keep_daily=14),
)
PLAIN = Job(name="plain", repository="main", paths=("/var/tmp/spool",), host="app1", timeout=60)


def texts() -> dict[str, str]:
    return {
        **_units.units(FULL, Path("/srv/backup/100% main")),
        **_units.units(PLAIN, None),
        "holdfast-release.service": _units.release_service(),
    }


@pytest.mark.parametrize("name", sorted(texts()))
def test_units_are_the_ones_that_were_tried(name: str) -> None:
    assert texts()[name] == (GOLDEN / name).read_text(encoding="utf-8")


def test_there_is_a_tried_unit_for_each() -> None:
    assert sorted(texts()) == sorted(path.name for path in GOLDEN.iterdir())


@pytest.mark.parametrize("text", texts().values(), ids=texts().keys())
def test_no_unit_names_a_setting_twice_or_carries_a_secret(text: str) -> None:
    repeatable = ("ExecStart", "LoadCredential", "SystemCallFilter", "ConditionDirectoryNotEmpty")
    settings = [line.partition("=")[0] for line in text.splitlines() if "=" in line and line[0] != "#"]
    once = [name for name in settings if not name.startswith(repeatable)]
    assert sorted(once) == sorted(set(once))
    assert "RESTIC_" not in text


def test_retention_has_a_unit_only_with_a_rule() -> None:
    assert "holdfast-retention-database.service" in _units.units(FULL, None)
    assert "holdfast-retention-plain.service" not in _units.units(PLAIN, None)
    assert "OnSuccess=" not in _units.units(PLAIN, None)["holdfast-backup-plain.service"]


def test_a_release_that_fails_is_tried_again_but_not_for_ever() -> None:
    lines = _units.release_service().splitlines()
    assert {"Restart=on-failure", "RestartSec=15", "StartLimitBurst=40"} <= set(lines)


def test_the_time_of_a_short_backup_does_not_end_the_prune() -> None:
    service = _units.units(replace(FULL, timeout=60), None)["holdfast-retention-database.service"]
    assert "TimeoutStartSec=86400" in service.splitlines()


@pytest.mark.parametrize(
    ("path", "private"),
    [("/srv/app", True), ("/tmpfoo", True), ("/tmp", False), ("/tmp/a", False), ("/var/tmp/a", False), ("/var", False)],
)
def test_a_private_tmp_never_hides_a_source(path: str, private: bool) -> None:
    service = _units.units(Job(name="j", repository="r", paths=(path,)), None)["holdfast-backup-j.service"]
    assert ("PrivateTmp=yes" in service) is private
    assert ("Environment=TMPDIR=/var/cache/holdfast" in service) is not private


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/srv/plain", '"/srv/plain"'),
        ("/srv/with space", '"/srv/with space"'),
        ("/srv/100%", '"/srv/100%%"'),
        ('/srv/"x"', r'"/srv/\"x\""'),
        ("/srv/back\\slash", r'"/srv/back\\slash"'),
    ],
)
def test_words_of_a_list_are_quoted_as_systemd_reads_them(text: str, expected: str) -> None:
    assert _units.quoted(text) == expected
