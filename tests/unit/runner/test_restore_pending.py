# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore that has not come to its end means for status and backups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import (
    _backup,
    _files,
    _job,
    _restore_journal,
    _restore_pending,
    _state,
    _status,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Precondition
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._repository import load
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restic import Restic
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_journal import (
    STAGED,
    Journal,
    Placement,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._state import Run
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._tree import Content, Root

DONE = (
    '{"message_type":"summary","data_added":7,"total_files_processed":1,"total_bytes_processed":8,'
    '"snapshot_id":"ff19bcf0"}\n'
)


def pending(job: str, target: Path, label: str = "", **changes: Any) -> Journal:
    one = Placement(
        label=label or f"path {target}",
        source="/old",
        target=str(target),
        staging=str(target.parent / ".holdfast-restore-x"),
        kept="",
        mount_point=False,
        root=Root(True, 0, 0, 0o755),
        content=Content(1, 1),
        phase=STAGED,
    )
    journal = Journal(job, "1a2b3c4d", "2026-01-01 02:00 UTC", [replace(one, **changes)])
    journal.save()
    return journal


@pytest.fixture
def app(configure: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> Job:
    monkeypatch.setattr(_status, "show", lambda names, _properties: {name: {} for name in names})
    success = Run("2026-01-31T02:30:00Z", "2026-01-31T02:31:00Z", "success", 0, 60, "")
    _state.update("app", lambda state: state.after_run(success))
    return configure("s3:http://minio/bucket", rpo=None)


@pytest.mark.parametrize("job", ["app", "hourly"])
@pytest.mark.parametrize("at_work", [False, True])
def test_it_is_a_reason_against_good_and_no_backup_begins(job: str, at_work: bool, app: Job, host: Path) -> None:
    assert _status.status(app.name, as_json=False)[1]
    journal = pending(job, host / "srv")
    words = f"an interrupted restore of job {job} waits for path {host}/srv: finish it with holdfast restore {job}"
    if at_work:
        words = f"a restore of job {job} is at work on path {host}/srv: let it end"
    lock = _files.lock(_restore_journal.lock_file(job), 1)
    if at_work:
        lock.__enter__()
    text, healthy = _status.status("app", as_json=False)
    assert not healthy
    assert f"job app: {words}" in text
    with pytest.raises(Precondition, match=f"job app: {words}. Nothing was saved"):
        _backup.prepare("app")
    if at_work:
        lock.__exit__(None, None, None)
    journal.forget()
    assert _restore_pending.reasons(app) == []
    _backup.prepare("app")


def test_one_of_another_job_and_other_data_is_no_matter(app: Job, host: Path) -> None:
    pending("hourly", host / "www")
    assert _restore_pending.reasons(app) == []
    _backup.prepare("app")


def test_a_volume_is_known_by_its_name_unless_it_is_a_new_one(app: Job, host: Path) -> None:
    job = replace(app, volumes=("pgdata",))
    pending("hourly", host / "docker", "volume pgdata", new_volume="copy")
    assert _restore_pending.reasons(job) == []
    pending("hourly", host / "docker", "volume pgdata")
    assert len(_restore_pending.reasons(job)) == 1


def test_one_that_is_at_work_before_it_wrote_anything_is_told(app: Job) -> None:
    with _files.lock(_restore_journal.lock_file("app"), 1):
        assert _restore_pending.reasons(app) == ["a restore of job app is at work"]
    assert _restore_pending.reasons(app) == []


def test_a_journal_that_cannot_be_understood_is_its_own_jobs_matter(app: Job) -> None:
    for job in ("app", "hourly"):
        path = _restore_journal.journal_file(job)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{")
    (reason,) = _restore_pending.reasons(app)
    assert "cannot be understood" in reason
    with pytest.raises(Precondition, match="cannot be understood"):
        _backup.prepare("app")
    assert _restore_pending.waits_for("other", "/srv") == ""


@pytest.mark.parametrize(
    ("phase", "at_work", "waits"), [(STAGED, False, 1), ("staging", False, 0), ("staging", True, 1)]
)
def test_only_what_comes_for_certain_keeps_another_restore_out(
    phase: str, at_work: bool, waits: int, host: Path
) -> None:
    pending("hourly", host / "srv", phase=phase)
    lock = _files.lock(_restore_journal.lock_file("hourly"), 1)
    if at_work:
        lock.__enter__()
    for path in (host / "srv", host / "srv" / "below", host):
        assert _restore_pending.waits_for("app", str(path)) == "hourly" * waits
    assert _restore_pending.waits_for("app", str(host / "www")) == ""
    assert _restore_pending.waits_for("hourly", str(host / "srv")) == ""
    if at_work:
        lock.__exit__(None, None, None)


def test_what_restores_left_in_a_mount_point_is_not_backed_up(
    configure: Callable[..., Job], restic: Any, host: Path
) -> None:
    (host / "disk [1]").mkdir()
    (host / "disk [1]" / "file").write_text("x")
    configure("s3:http://minio/bucket", paths=(str(host / "srv"), str(host / "disk [1]")))
    (host / "mountinfo").write_text(f"22 1 0:20 / {host}/disk\\040[1] rw - ext4 /dev/vda rw\n")
    restic.answer("backup", out=DONE)
    restic.answer("ls", out="")
    _backup.prepare("app")
    prepared = _backup.Prepared.load("app")
    place = f"{host}/disk [[]1]"
    assert prepared.apart == (f"{place}/.before-????????T??????Z", f"{place}/.holdfast-restore-*")
    _backup._save(_job.load("app"), prepared, Restic(load("store")), [])
    (call,) = restic.calls("backup")
    assert [word for word in call["argv"] if word.startswith("--exclude=")] == [
        f"--exclude={one}" for one in prepared.apart
    ]
