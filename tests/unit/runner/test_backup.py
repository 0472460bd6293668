# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of a job's unit, step by step: what is recorded, and what never happens."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import (
    _backup,
    _engine,
    _files,
    _paths,
    _quiesce,
    _release,
    _restic,
    _restore_journal,
    _state,
    _systemd,
    _unrestored,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner.__main__ import main
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._engine import Container, Mount
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import (
    Locked,
    Partial,
    Precondition,
    Problem,
)

DONE = (
    '{"message_type":"summary","data_added":703,"total_files_processed":3,"total_bytes_processed":6,'
    '"snapshot_id":"ff19bcf0"}\n'
)
STATUS = (
    '{"message_type":"status","percent_done":0.5,"total_files":4,"files_done":2,"total_bytes":100,"bytes_done":50}\n'
)
SNAPSHOT = {"time": "2026-01-31T02:30:00Z", "hostname": "web1", "tags": ["holdfast", "job=app", "partial"]}
LOCKED = "unable to create lock in backend: repository is already locked by PID 1 on web2 by root (UID 0, GID 0)\n"


class RecordingEngine:
    """One running container that uses /srv of the host."""

    calls: list[str]
    source: str
    status = "running"

    def containers(self) -> list[Container]:
        return [Container("db", "db", self.status, 1, "", (Mount("", self.source, True),))]

    def removes_itself(self, _container: str, _name: str) -> bool:
        return False

    def state(self, _container: str, _name: str) -> str:
        return type(self).status

    def stop(self, container: str, _name: str) -> None:
        self.calls.append(f"stop {container}")
        type(self).status = "exited"

    def start(self, container: str, _name: str) -> None:
        self.calls.append(f"start {container}")
        type(self).status = "running"


@pytest.fixture
def engine(host: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What Docker was told to do."""
    RecordingEngine.calls = []
    RecordingEngine.status = "running"
    RecordingEngine.source = str(host / "srv")
    monkeypatch.setattr(_engine, "Engine", RecordingEngine)
    return RecordingEngine.calls


@pytest.fixture
def app(configure: Callable[..., Job], restic: Any, monkeypatch: pytest.MonkeyPatch) -> Job:
    restic.answer("backup", out=STATUS + DONE)
    restic.answer("cat config", out='{"id": "d5c57a2a"}')
    restic.answer("list locks")
    monkeypatch.setenv("INVOCATION_ID", "run1")
    return configure("s3:http://minio/bucket")


def test_a_run_from_beginning_to_end(app: Job, restic: Any, host: Path) -> None:
    assert _backup.prepare("app") == []
    assert _backup.backup("app") == "job app: snapshot ff19bcf0: 3 files, 6 B"
    assert _release.release("app") == []
    run = _state.load("app").last_success
    assert run
    assert (run.result, run.exit_code, run.snapshot, run.files, run.bytes) == ("success", 0, "ff19bcf0", 3, 6)
    assert (run.bytes_added, run.invocation, run.filled) == (703, "run1", (f"path {app.paths[0]}",))
    manifests = [str(_paths.manifest_file("app")), str(_paths.entries_file("app"))]
    assert restic.calls("backup")[0]["argv"][-3:] == [str(host / "srv"), *manifests]
    progress = json.loads(_paths.progress_file("app").read_text())
    assert progress == {
        "percent": 0.5,
        "bytes_done": 50,
        "total_bytes": 100,
        "files_done": 2,
        "total_files": 4,
        "seconds_remaining": None,
    }


def test_the_manifest_tells_which_path_was_which_volume(app: Job) -> None:
    sources = ({"kind": "volume", "name": "pgdata", "path": "/docker/pgdata/_data", "is_mount": False},)
    _backup.Prepared("app", "2026-01-31T02:30:00Z", sources).save()
    _backup.backup("app")
    assert json.loads(_paths.manifest_file("app").read_text()) == {
        "schema": 1,
        "job": "app",
        "host": "web1",
        "volumes": {"pgdata": "/docker/pgdata/_data"},
        "paths": list(app.paths),
        "exclude": [],
        "manifest": "sha256",
        "entries": str(_paths.entries_file("app")),
    }


@pytest.mark.usefixtures("app")
def test_a_manifest_that_says_the_same_is_left_alone() -> None:
    _backup.prepare("app")
    _backup.backup("app")
    before = _paths.manifest_file("app").stat()
    _backup.backup("app")
    assert _paths.manifest_file("app").stat().st_ino == before.st_ino


def test_without_a_manifest_the_one_of_before_goes(app: Job, restic: Any, configure: Callable[..., Job]) -> None:
    _backup.prepare(app.name)
    _backup.backup(app.name)
    configure("s3:http://minio/bucket", manifest="none")
    _backup.backup(app.name)
    assert not _paths.entries_file("app").exists()
    assert restic.calls("backup")[-1]["argv"][-2:] == [app.paths[0], str(_paths.manifest_file("app"))]
    assert "entries" not in json.loads(_paths.manifest_file("app").read_text())


def test_no_pattern_keeps_the_manifest_out(restic: Any, configure: Callable[..., Job], host: Path) -> None:
    restic.answer("backup", out=DONE)
    file = host / "srv" / "file"
    nodes = [{"struct_type": "node", "path": str(path), "type": "file", "size": 8} for path in (file.parent, file)]
    restic.answer("ls", out="\n".join(map(json.dumps, nodes)))
    configure("s3:http://minio/bucket", exclude=("*.json",))
    _backup.prepare("app")
    _backup.backup("app")
    argv = restic.calls("backup")[0]["argv"]
    assert argv.index("--exclude=*.json") < argv.index(f"--exclude=!{_paths.manifest_file('app')}")


def test_partial_is_no_success(restic: Any, app: Job) -> None:
    _backup.prepare(app.name)
    _backup.backup(app.name)
    restic.answer("backup", out=DONE, code=3, err='{"message_type":"error","during":"archival","item":"/srv/no"}\n')
    restic.answer("tag")
    restic.answer("snapshots", out=json.dumps([{**SNAPSHOT, "id": "0a" * 32, "original": "ff19bcf0" * 8}]))
    with pytest.raises(Partial, match=r"job app: snapshot 0a0a0a0a is partial: 1 .* could not be read: /srv/no"):
        _backup.backup(app.name)
    state = _state.load(app.name)
    assert state.last_run
    assert (state.last_run.result, state.last_run.exit_code, state.last_run.snapshot) == ("partial", 3, "0a0a0a0a")
    assert state.last_success
    assert state.last_success.result == "success"


def test_a_partial_snapshot_that_cannot_be_tagged_is_recorded_all_the_same(restic: Any, app: Job) -> None:
    _backup.prepare(app.name)
    restic.answer("backup", out=DONE, code=3, err='{"message_type":"error","during":"archival","item":"/srv/no"}\n')
    restic.answer("tag", err="Fatal: 403 Forbidden\n", code=1)
    with pytest.raises(Partial, match=r"ff19bcf0 is partial: .*/srv/no; it could not be tagged partial.*403 Forbidden"):
        _backup.backup(app.name)
    run = _state.load(app.name).last_run
    assert run
    assert (run.result, run.snapshot) == ("partial", "ff19bcf0")


@pytest.mark.parametrize(
    ("snapshots", "size", "refused"),
    [(["a", "b"], 5, "2 snapshots"), (["a"], 5, "1 snapshot"), (["a"], 0, ""), ([], 5, "")],
)
def test_a_new_host_does_not_save_emptiness_over_what_the_repository_holds(
    snapshots: list[str],
    size: int,
    refused: str,
    configure: Callable[..., Job],
    restic: Any,
    engine: list[str],
    host: Path,
) -> None:
    configure("s3:http://minio/bucket", quiesce="stop")
    (host / "srv" / "file").unlink()
    restic.answer("cat config", out='{"id": "d5c57a2a"}')
    restic.answer("list locks")
    entry = {**SNAPSHOT, "tags": ["holdfast", "job=app"]}
    restic.answer("snapshots", out=json.dumps([{**entry, "id": one * 64} for one in snapshots]))
    restic.answer("dump", out=json.dumps({"schema": 1, "volumes": {}, "paths": [str(host / "srv")]}))
    node = {"struct_type": "node", "path": str(host / "srv" / "row"), "type": "file", "size": size}
    restic.answer("ls", out=json.dumps(node) if size else "")
    if not refused:
        assert _backup.prepare("app") == ["stopped container db"]
        return
    with pytest.raises(Precondition, match=rf"is empty, but .* holds {refused} of it, the last of 2026-01-31T02:30"):
        _backup.prepare("app")
    assert engine == []
    run = _state.load("app").last_run
    assert run
    assert run.exit_code == 75


@pytest.fixture
def saved_before(configure: Callable[..., Job], restic: Any, host: Path) -> None:
    """A repository with a snapshot of this job and host, and a host that knows nothing of it."""
    configure("s3:http://minio/bucket")
    restic.answer("backup", out=DONE)
    restic.answer("snapshots", out=json.dumps([{**SNAPSHOT, "tags": ["holdfast", "job=app"], "id": "a" * 64}]))
    restic.answer("dump", out=json.dumps({"schema": 1, "volumes": {}, "paths": [str(host / "srv")]}))
    node = {"struct_type": "node", "path": str(host / "srv" / "row"), "type": "file", "size": 5}
    restic.answer("ls", out=json.dumps(node))


@pytest.mark.usefixtures("saved_before")
def test_what_a_service_made_on_a_new_host_is_not_saved_over_the_good_snapshots() -> None:
    words = r"srv was neither restored nor saved by this host .* restore app; or, .* right: holdfast accept app\.$"
    with pytest.raises(Precondition, match=words):
        _backup.prepare("app")
    assert main(["accept", "app"]) == 0
    _backup.prepare("app")
    assert _backup.backup("app").startswith("job app: snapshot ff19bcf0")
    assert "nothing to accept" in _unrestored.accept("app")


@pytest.mark.usefixtures("saved_before")
def test_what_was_restored_is_saved(host: Path) -> None:
    _restore_journal.record("app", str(host / "srv"), "a" * 64)
    assert _backup.prepare("app") == []


def test_a_first_run_that_is_killed_does_not_stop_the_next_one(app: Job, restic: Any) -> None:
    _backup.prepare(app.name)
    restic.answer("snapshots", out=json.dumps([{**SNAPSHOT, "id": "a" * 64}]))
    assert _backup.prepare(app.name) == []
    assert len(restic.calls("snapshots")) == 1


def test_what_vanishes_while_it_is_saved_makes_it_partial(app: Job, restic: Any, host: Path) -> None:
    _backup.prepare(app.name)
    (host / "srv" / "file").unlink()
    restic.answer("tag")
    restic.answer("snapshots", out=json.dumps([{**SNAPSHOT, "id": "0a" * 32, "original": "ff19bcf0" * 8}]))
    with pytest.raises(
        Partial, match=r"srv: held data before it was saved, and is empty now.* Correct the job and run"
    ):
        _backup.backup(app.name)


@pytest.mark.parametrize("exclusive", [True, False])
def test_no_service_goes_down_while_another_host_has_the_repository_to_itself(
    exclusive: bool, configure: Callable[..., Job], restic: Any, engine: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_backup, "WAIT", 0)
    configure("s3:http://minio/bucket", quiesce="stop")
    restic.answer("cat config", out='{"id": "d5c57a2a"}')
    restic.answer("list locks", out="l1\n")
    restic.answer("cat lock l1", out=json.dumps({"hostname": "web2", "pid": 7, "exclusive": exclusive}))
    if not exclusive:
        assert _backup.prepare("app") == ["stopped container db"]
        return
    with pytest.raises(Locked, match=r"locked by process 7 on web2 .* Nothing was stopped"):
        _backup.prepare("app")
    assert engine == []


def test_no_service_goes_down_while_a_retention_of_this_host_runs(
    configure: Callable[..., Job], restic: Any, engine: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_backup, "WAIT", 0)
    configure("s3:http://minio/bucket", quiesce="stop")
    restic.answer("cat config", out='{"id": "d5c57a2a"}')
    with _files.lock(_paths.lock_file("store"), 0), pytest.raises(Locked):
        _backup.prepare("app")
    assert engine == []


def test_a_missing_source_stops_the_run_before_anything_else(
    app: Job, restic: Any, engine: list[str], host: Path
) -> None:
    (host / "srv" / "file").unlink()
    (host / "srv").rmdir()
    with pytest.raises(Precondition, match=r"No such file or directory"):
        _backup.prepare(app.name)
    assert engine == []
    assert restic.calls() == []
    run = _state.load(app.name).last_run
    assert run
    assert (run.result, run.exit_code) == ("precondition", 75)


def test_a_source_emptied_since_the_last_success_stops_the_run_too(
    configure: Callable[..., Job], restic: Any, engine: list[str], host: Path
) -> None:
    restic.answer("backup", out=DONE)
    restic.answer("cat config", out='{"id": "d5c57a2a"}')
    restic.answer("list locks")
    configure("s3:http://minio/bucket", quiesce="stop")
    _backup.prepare("app")
    _backup.backup("app")
    _release.release("app")
    assert engine == ["stop db", "start db"]
    (host / "srv" / "file").unlink()
    with pytest.raises(Precondition, match=r"is empty, and held data at the last success"):
        _backup.prepare("app")
    assert engine == ["stop db", "start db"]
    success = _state.load("app").last_success
    assert success
    assert success.filled


def test_no_service_goes_down_for_a_repository_that_does_not_open(
    configure: Callable[..., Job], restic: Any, engine: list[str]
) -> None:
    configure("s3:http://minio/bucket", quiesce="stop")
    restic.answer("cat config", err="Fatal: wrong password or no key found\n", code=1)
    with pytest.raises(Problem, match=r"the password does not open"):
        _backup.prepare("app")
    assert engine == []


def test_prepare_brings_back_first_what_an_earlier_run_left_down(
    configure: Callable[..., Job], restic: Any, engine: list[str]
) -> None:
    configure("s3:http://minio/bucket", quiesce="stop")
    restic.answer("cat config", out='{"id": "d5c57a2a"}')
    restic.answer("list locks")
    assert _backup.prepare("app") == ["stopped container db"]
    assert _backup.prepare("app") == ["stopped container db"]
    assert _release.release("app") == ["started container db"]
    assert engine == ["stop db", "start db", "stop db", "start db"]


def test_a_problem_that_cannot_be_recorded_is_told_with_the_reason(app: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    _backup.prepare(app.name)
    (Path(app.paths[0]) / "file").unlink()
    Path(app.paths[0]).rmdir()

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_files, "write", full)
    words = (
        r"No such file or directory. Nothing was saved.*\njob app: its state \S+ could not be written: No space left"
    )
    with pytest.raises(Precondition, match=words):
        _backup.prepare(app.name)


@pytest.mark.usefixtures("app")
def test_backup_alone_is_refused() -> None:
    with pytest.raises(Problem, match=r"job app: not prepared. Run it as a whole, with holdfast run app"):
        _backup.backup("app")


def test_locked_elsewhere_is_recorded_as_locked(app: Job, restic: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_backup, "WAIT", 0)
    restic.answer("backup", err=LOCKED, code=1)
    _backup.prepare(app.name)
    with pytest.raises(Locked):
        _backup.backup(app.name)
    run = _state.load(app.name).last_run
    assert run
    assert (run.result, run.exit_code) == ("locked", 11)


def test_two_backups_into_one_repository_do_not_wait_for_each_other(app: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_backup, "WAIT", 0)
    _backup.prepare(app.name)
    with _files.lock(_paths.lock_file("store"), 0, shared=True):
        _backup.backup(app.name)


def ended(monkeypatch: pytest.MonkeyPatch, result: str, code: str, status: str) -> _state.Run:
    """The run as it is recorded when systemd says this of its end."""
    for name, value in (("SERVICE_RESULT", result), ("EXIT_CODE", code), ("EXIT_STATUS", status)):
        monkeypatch.setenv(name, value)
    _release.release("app")
    run = _state.load("app").last_run
    assert run
    return run


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    ("result", "code", "status", "exit_code", "words"),
    [
        ("timeout", "exited", "143", 1, "had not finished when its time-out was over"),
        ("timeout", "killed", "KILL", 1, "had not finished when its time-out was over"),
        ("oom-kill", "killed", "KILL", 1, "the host ran out of memory"),
        ("signal", "killed", "KILL", 1, "it was killed (SIGKILL)"),
        ("exit-code", "exited", "143", 143, "it was stopped"),
        ("exit-code", "exited", "2", 2, "its unit ended with exit-code 2"),
        ("resources", "", "", 1, "its unit ended with resources"),
    ],
)
def test_a_run_that_could_not_record_itself_is_recorded(
    result: str, code: str, status: str, exit_code: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _backup.prepare("app")
    run = ended(monkeypatch, result, code, status)
    assert (run.result, run.exit_code, run.invocation) == ("failed", exit_code, "run1")
    assert words in run.message
    assert "journalctl -u holdfast-backup-app.service" in run.message


@pytest.mark.usefixtures("app")
def test_a_run_that_did_record_itself_keeps_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    _backup.prepare("app")
    _backup.backup("app")
    assert ended(monkeypatch, "success", "exited", "0").result == "success"
    monkeypatch.setenv("INVOCATION_ID", "run2")
    assert ended(monkeypatch, "timeout", "killed", "TERM").invocation == "run2"


def test_an_interrupted_backup_leaves_the_record_to_release(app: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    _backup.prepare(app.name)

    def interrupt(*_arguments: object) -> None:
        raise _restic.Interrupted("restic: stopped by SIGTERM.")

    monkeypatch.setattr(_restic.Restic, "backup", interrupt)
    with pytest.raises(_restic.Interrupted):
        _backup.backup(app.name)
    assert _state.load(app.name).last_run is None
    assert "time-out" in ended(monkeypatch, "timeout", "exited", "143").message


def test_progress_that_cannot_be_written_ends_nothing(app: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    _backup.prepare(app.name)
    real = _files.write

    def fail(path: Path, content: bytes, mode: int) -> None:
        if path == _paths.progress_file("app"):
            raise OSError(28, "No space left on device")
        real(path, content, mode)

    monkeypatch.setattr(_files, "write", fail)
    assert "snapshot ff19bcf0" in _backup.backup(app.name)


@pytest.mark.parametrize(("active", "calls"), [("inactive", 1), ("failed", 1), ("activating", 0), ("deactivating", 0)])
def test_at_boot_the_containers_of_runs_that_are_no_more_come_back(
    active: str,
    calls: int,
    configure: Callable[..., Job],
    restic: Any,
    engine: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configure("s3:http://minio/bucket", quiesce="stop")
    restic.answer("cat config", out='{"id": "d5c57a2a"}')
    restic.answer("list locks")
    _backup.prepare("app")
    monkeypatch.setattr(_systemd, "show", lambda units, _properties: {unit: {"ActiveState": active} for unit in units})
    _release.release_all()
    assert engine.count("start db") == calls
    assert _quiesce.noted_jobs() == ([] if calls else ["app"])


def test_at_boot_without_notes_nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_systemd, "show", None)
    assert _release.release_all() == []
