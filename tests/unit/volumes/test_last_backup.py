# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which backup of a volume counts, and what is said when none is known."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _files, _paths, _state
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._state import Run
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes import _last_backup
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._last_backup import (
    Backups,
    LastBackup,
    backup_of,
    last_backup,
    newest,
)

NOW = datetime(2026, 2, 1, 2, 31, tzinfo=timezone.utc)
NIGHT = Run(
    started="2026-01-31T02:30:00Z",
    finished="2026-01-31T02:31:00Z",
    result="success",
    exit_code=0,
    seconds=60,
    message="",
    snapshot="0123abcd",
    filled=("volume pgdata", "volume uploads", "path /srv/app"),
)
NOON = replace(NIGHT, finished="2026-01-31T12:31:00Z", snapshot="99999999", filled=("volume pgdata",))
DAY = 24 * 3600


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("JOBS", "STATE"):
        monkeypatch.setattr(_paths, name, tmp_path / name.lower())
    _paths.JOBS.mkdir()
    monkeypatch.setattr(_state, "now", lambda: NOW)
    return tmp_path


def ran(job: str, *runs: Run) -> None:
    (_paths.JOBS / f"{job}.json").write_text("{}")
    for run in runs:
        _state.update(job, lambda state, run=run: state.after_run(run))  # type: ignore[misc]


def test_the_newest_success_of_any_job_counts() -> None:
    for order in ((("night", NIGHT), ("noon", NOON)), (("noon", NOON), ("night", NIGHT))):
        assert newest([*order, ("never", None)], NOW) == {
            "pgdata": LastBackup("noon", "2026-01-31T12:31:00Z", 14 * 3600, "99999999"),
            "uploads": LastBackup("night", "2026-01-31T02:31:00Z", DAY, "0123abcd"),
        }


def test_a_path_of_the_same_name_is_no_volume() -> None:
    assert newest([("paths", replace(NIGHT, filled=("path volume pgdata",)))], NOW) == {}


@pytest.mark.usefixtures("host")
def test_a_failure_does_not_hide_the_success_before_it() -> None:
    ran("night", NIGHT, replace(NOON, result="failed", exit_code=1, message="no way"))
    assert last_backup("pgdata") == LastBackup("night", "2026-01-31T02:31:00Z", DAY, "0123abcd")
    assert backup_of("pgdata") == "last backed up 1d ago by job night"


@pytest.mark.usefixtures("host")
def test_a_success_that_found_the_volume_empty_is_no_backup_of_it() -> None:
    ran("night", replace(NIGHT, filled=()))
    assert last_backup("pgdata") is None
    assert backup_of("pgdata") == "never backed up by a job of this host"


@pytest.mark.usefixtures("host")
def test_a_host_without_jobs() -> None:
    _paths.JOBS.rmdir()
    assert _last_backup.last_backups() == Backups()


@pytest.mark.usefixtures("host")
def test_what_cannot_be_read_is_not_taken_for_no_backup() -> None:
    ran("night", NIGHT)
    ran("noon")
    _files.private_directory(_paths.STATE / "state")
    _paths.state_file("noon").write_text("[")
    assert backup_of("pgdata") == "last backed up 1d ago by job night"
    assert backup_of("other").startswith("of which no backup is known (job noon: its state ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.usefixtures("host")
def test_a_user_who_may_not_read_the_state() -> None:
    ran("night", NIGHT)
    _paths.STATE.chmod(0)
    assert "cannot be read" in backup_of("pgdata")
    _paths.STATE.chmod(0o700)
