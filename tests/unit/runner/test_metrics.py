# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus is told about a job."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import (
    _metrics,
    _paths,
    _release,
    _state,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._state import RetentionRun, Run, State

SUCCESS = Run(
    "2026-01-31T02:30:00Z", "2026-01-31T02:31:05Z", "success", 0, 65.0, "", files=3, bytes=2**53, bytes_added=0
)
FAILURE = Run("2026-02-01T02:30:00Z", "2026-02-01T02:30:09Z", "failed", 1, 9.0, "no")


def told(job: Job, state: State) -> dict[str, str]:
    """Name without its prefix → value."""
    found = {}
    for line in _metrics.lines(job, state):
        match = re.fullmatch(r'holdfast_backup_(\w+)\{backup="app"\} (\S+)', line)
        assert match or re.fullmatch(r"# (HELP|TYPE) holdfast_backup_\w+ .+", line)
        found.update({match[1]: match[2]} if match else {})
    return found


def test_the_last_success_outlives_a_failure() -> None:
    job = Job(name="app", repository="store", paths=("/srv",), rpo=93600)
    state = State("app", FAILURE, SUCCESS, RetentionRun("x", "x", "success", 0, 1.0, ""))
    assert told(job, state) == {
        "last_run_timestamp_seconds": "1769913009",
        "last_run_success": "0",
        "last_run_duration_seconds": "9.0",
        "last_success_timestamp_seconds": "1769826665",
        "last_success_duration_seconds": "65.0",
        "last_success_files": "3",
        "last_success_bytes": "9007199254740992",
        "last_success_added_bytes": "0",
        "last_retention_success": "1",
        "rpo_seconds": "93600",
    }


def test_what_never_was_is_not_told() -> None:
    assert told(Job(name="app", repository="store", paths=("/srv",), rto=60), State("app")) == {"rto_seconds": "60"}


def test_the_end_of_a_run_is_told_where_somebody_listens(
    configure: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    for name, value in (("INVOCATION_ID", "run1"), ("SERVICE_RESULT", "timeout")):
        monkeypatch.setenv(name, value)
    _release.release("app")
    assert not _paths.METRICS.exists()
    _paths.METRICS.mkdir()
    _release.release("app")
    file = _paths.metrics_file("app")
    assert 'holdfast_backup_last_run_success{backup="app"} 0' in file.read_text().splitlines()
    assert stat.S_IMODE(file.stat().st_mode) == 0o644


def test_a_file_that_cannot_be_written_fails_no_backup(
    configure: Callable[..., Job], capsys: pytest.CaptureFixture[str]
) -> None:
    configure()
    _paths.metrics_file("app").mkdir(parents=True)
    _state.update("app", lambda state: state.after_run(SUCCESS))
    assert _release.release("app") == []
    assert "its metrics" in capsys.readouterr().err
