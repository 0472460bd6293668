# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore on a host in a temporary directory: who comes in between, and what it leaves behind."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import (
    __main__,
    _consumers,
    _paths,
    _placing,
    _restore,
    _restore_indispensable,
    _restore_journal,
    _state,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._engine import Container, Engine, Mount
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restic import Node, Restic, Snapshot
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore import Restoration
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_plan import plan
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_terms import Request
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._state import Run

from .conftest import ScriptedRestic

OLD, NEW = {"file": "content\n"}, {"file": "of the snapshot\n"}


class Killed(BaseException):
    """Stands for the end of the process."""


class Scene:
    """A host with two paths in one job, the snapshot of which a stand-in for restic brings back."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = [root / "srv", root / "www"]
        self.containers: list[Container] = []
        self.unit = "inactive"
        self.meanwhile: Callable[[], None] = lambda: None
        """What happens while restic restores."""

    def snapshots(self, *_selection: str) -> list[Snapshot]:
        return [Snapshot("1a2b3c4d" * 8, datetime(2026, 1, 1, tzinfo=timezone.utc), "web1", (), (), None, None)]

    def dump(self, *_wanted: str) -> bytes:
        return json.dumps({"schema": 1, "volumes": {}, "paths": [str(path) for path in self.paths]}).encode()

    def listing(self, _snapshot: str, path: str) -> Iterator[Node]:
        yield Node(path, "dir", 0o750, os.getuid(), os.getgid(), 0)
        yield Node(f"{path}/file", "file", 0o644, os.getuid(), os.getgid(), len(NEW["file"]))

    def restore(self, _snapshot: str, target: Path, include: str, verify: bool) -> None:
        goal = Path(f"{target}{include}")
        goal.mkdir(parents=True)
        goal.chmod(0o750)
        (goal / "file").write_text(NEW["file"])
        self.meanwhile()

    def uses(self, path: Path, state: str = "running") -> None:
        self.containers = [Container("c1", "db", state, 1, "", (Mount("", str(path), True),))]

    def note(self) -> None:
        note = _paths.note_file("other")
        note.parent.mkdir(parents=True, exist_ok=True)
        held = [{"id": "c1", "name": "db", "action": "stop"}]
        note.write_text(json.dumps({"schema": 1, "job": "other", "action": "stop", "containers": held, "begun": ""}))

    def run(self, **options: Any) -> tuple[str, ...]:
        """Its warnings."""
        request = Request(**{"job": "app", "mode": "replace", **options})
        restoration = Restoration(request)
        outlook = plan(request, restoration.observe())
        for step in outlook.steps:
            restoration.carry_out(step)
        return outlook.warnings

    def held(self) -> list[str]:
        return [(path / "file").read_text() for path in self.paths]

    def staged(self) -> list[Path]:
        return list(self.root.glob(".holdfast-restore-*"))


@pytest.fixture
def scene(host: Path, configure: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> Scene:
    one = Scene(host)
    (host / "www").mkdir()
    (host / "www" / "file").write_text(OLD["file"])
    configure(paths=tuple(map(str, one.paths)))
    _paths.DOCKER_SOCKET.touch()
    (_paths.RUN / "systemd" / "system").mkdir(parents=True)
    seconds = itertools.count(10)
    clock = SimpleNamespace(gmtime=time.gmtime, strftime=lambda *_given: f"20260101T0000{next(seconds)}Z")
    monkeypatch.setattr(_restore, "time", clock)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(_placing._files, "write_out", lambda _directory: None)
    monkeypatch.setattr(Engine, "containers", lambda _self: one.containers)
    monkeypatch.setattr(_consumers, "show", lambda units, _properties: {units[0]: {"ActiveState": one.unit}})
    monkeypatch.setattr(Restic, "version", lambda _self: (0, 14, 0))
    monkeypatch.setattr(Restic, "snapshots", lambda _self, *given: one.snapshots(*given))
    monkeypatch.setattr(Restic, "dump", lambda _self, *given: one.dump(*given))
    monkeypatch.setattr(Restic, "listing", lambda _self, *given: one.listing(*given))
    monkeypatch.setattr(Restic, "restore", lambda _self, *given, **options: one.restore(*given, **options))
    return one


def starts_a_container(scene: Scene) -> None:
    scene.uses(scene.paths[0])


def stops_one_for_a_backup(scene: Scene) -> None:
    scene.uses(scene.paths[0], "exited")
    scene.note()


def begins_a_backup(scene: Scene) -> None:
    scene.unit = "activating"


HINDRANCES = [
    (starts_a_container, r"srv is used by running containers: db\. Stop them"),
    (stops_one_for_a_backup, r"stopped and will start again: db \(job other\)\. Let that backup end, or run holdfast"),
    (begins_a_backup, r"at work in holdfast-backup-app\.service\. Run this again when it has ended"),
]


@pytest.mark.parametrize(("hinder", "words"), HINDRANCES)
def test_nothing_is_fetched_for_a_target_in_use(scene: Scene, hinder: Callable[[Scene], None], words: str) -> None:
    scene.meanwhile = lambda: pytest.fail("restic was called")
    hinder(scene)
    with pytest.raises(Problem, match=words):
        scene.run()


@pytest.mark.parametrize(("hinder", "words"), HINDRANCES)
def test_what_comes_to_use_the_target_while_restic_restores_stops_it(
    scene: Scene, hinder: Callable[[Scene], None], words: str
) -> None:
    def meanwhile() -> None:
        scene.meanwhile = lambda: None
        hinder(scene)

    scene.meanwhile = meanwhile
    with pytest.raises(Problem, match=words):
        scene.run()
    assert scene.held() == [OLD["file"]] * 2
    assert scene.staged() == []
    assert _restore_journal.load("app") is None


def test_what_is_in_place_by_then_stays_and_the_rest_goes(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    real = _placing.bring_in

    def bring_in(*arguments: Any) -> None:
        real(*arguments)
        scene.uses(scene.paths[1])

    monkeypatch.setattr(_placing, "bring_in", bring_in)
    with pytest.raises(Problem, match="www is used by running containers: db"):
        scene.run()
    assert scene.held() == [NEW["file"], OLD["file"]]
    assert scene.staged() == []
    assert _restore_journal.load("app") is None


def test_previous_content_that_has_been_moved_is_not_given_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    real = _placing.set_aside

    def set_aside(*arguments: Any) -> None:
        real(*arguments)
        scene.uses(scene.paths[0])

    with monkeypatch.context() as patch:
        patch.setattr(_placing, "set_aside", set_aside)
        with pytest.raises(Problem, match="srv is used by running containers: db"):
            scene.run()
    with pytest.raises(Problem, match="an interrupted restore is to be finished first"):
        scene.run()
    stops_one_for_a_backup(scene)
    with pytest.raises(Problem, match=r"finished first: one of its targets is used .* again: db \(job other\)"):
        scene.run()
    scene.containers = []
    scene.run()
    assert scene.held() == [NEW["file"]] * 2
    assert scene.staged() == []


@pytest.mark.parametrize(("hinder", "_words"), HINDRANCES)
def test_beside_what_is_in_use_and_where_nothing_is_to_be_done_nobody_hinders(
    scene: Scene, hinder: Callable[[Scene], None], _words: str
) -> None:
    hinder(scene)
    scene.run(mode="if_empty")
    scene.run(mode="new")
    assert scene.held() == [OLD["file"]] * 2


def test_data_that_was_there_before_the_host_was_known_is_left_with_a_warning(scene: Scene) -> None:
    warnings = scene.run(mode="if_empty")
    assert len(warnings) == 2
    assert "never backed up, and the snapshot of 2026-01-01 00:00 UTC was not restored" in warnings[0]
    scene.run(mode="new")
    assert len(scene.run(mode="if_empty")) == 2, "what was brought beside it says nothing about it"


def test_data_that_was_restored_here_is_known(scene: Scene) -> None:
    scene.run(path=str(scene.paths[0]))
    (warning,) = scene.run(mode="if_empty")
    assert f"path {scene.paths[1]} holds data" in warning
    scene.run(path=str(scene.paths[1]))
    assert scene.run(mode="if_empty") == ()
    _restore_journal.record_file("app").write_text("[]")
    assert len(scene.run(mode="if_empty")) == 2


def test_data_of_a_host_that_backs_up_is_known(scene: Scene) -> None:
    success = Run("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", _state.SUCCESS, 0, 60.0, "")
    _state.update("app", lambda state: state.after_run(success))
    assert scene.run(mode="if_empty") == ()


@pytest.mark.parametrize("mode", ["if_empty", "replace", "new"])
def test_a_check_leaves_no_trace_and_asks_restic_without_locks(
    host: Path, configure: Callable[..., Job], restic: ScriptedRestic, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    job = configure()
    (source,) = job.paths
    entry = {"id": "1a2b3c4d" * 8, "time": "2026-01-01T00:00:00Z", "hostname": "web1", "paths": [source], "tags": []}
    node = {"struct_type": "node", "path": source, "type": "dir", "mode": 0o20000000750, "uid": 0, "gid": 0}
    manifest = {"schema": 1, "volumes": {}, "paths": [source]}
    restic.answer("snapshots", out=json.dumps([entry]))
    restic.answer("dump", out=json.dumps(manifest))
    restic.answer("ls", out=json.dumps(node) + "\n")
    before = {
        path: path.stat().st_mtime_ns for path in host.rglob("*") if restic.directory not in (path, *path.parents)
    }
    wanted = ["restore", "app", "--check", "--mode", mode]
    assert __main__.main(wanted) == 0
    after = {path: path.stat().st_mtime_ns for path in host.rglob("*") if restic.directory not in (path, *path.parents)}
    assert after == before
    calls = [call["argv"] for call in restic.calls() if call["argv"][0] != "version"]
    assert {call[0] for call in calls} == {"snapshots", "dump", "ls"}
    assert all("--no-lock" in call for call in calls)


def test_a_check_does_not_remove_the_lock_of_anybody(
    configure: Callable[..., Job], restic: ScriptedRestic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    (source,) = configure().paths
    entry = {"id": "1a2b3c4d" * 8, "time": "2026-01-01T00:00:00Z", "hostname": "web1", "paths": [source], "tags": []}
    restic.answer("snapshots", out=json.dumps([entry]))
    restic.answer("dump", err="Fatal: repository is already locked", code=11)
    restic.answer("list locks", out="")
    assert __main__.main(["restore", "app", "--check"]) == 11
    assert restic.calls("list") == restic.calls("unlock") == []


@pytest.mark.parametrize(
    ("options", "last"),
    [
        (["--mode", "replace"], "restored; what was written was read back and is what the repository holds."),
        (["--mode", "replace", "--no-verify"], "restored; what was written was not read back (--no-verify)."),
        ([], "nothing was to be restored."),
    ],
)
def test_its_last_line_says_that_it_is_done_and_what_was_verified(
    scene: Scene, options: list[str], last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(["restore", "app", *options]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    labels = f"path {scene.paths[0]}, path {scene.paths[1]} " if options else ""
    assert said == f"restore app: done: {labels}{last}"


def kill_between(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The previous content lies aside, the restored one waits, and the process is gone."""
    with monkeypatch.context() as patch:
        patch.setattr(_placing, "bring_in", lambda *_given: (nothing for nothing in ()).throw(Killed))
        with pytest.raises(Killed):
            scene.run()


def fill(path: Path, job: str = "") -> None:
    path.mkdir(exist_ok=True)
    (path / "file").write_text("filled meanwhile\n")
    if job:
        _restore_journal.record(job, str(path), "5e6f7a8b")


@pytest.mark.parametrize("again", ["if_empty", "replace"])
def test_what_another_restore_filled_meanwhile_is_left_and_the_rest_is_finished(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    kill_between(scene, monkeypatch)
    fill(scene.paths[0], "hourly")
    scene.run(mode=again)
    assert scene.held() == ["filled meanwhile\n" if again == "if_empty" else NEW["file"], NEW["file"]]
    kept = {(path / "file").read_text() for path in scene.root.glob("srv.before-*")}
    assert kept == {OLD["file"], *(["filled meanwhile\n"] if again == "replace" else [])}
    assert scene.staged() == []
    assert _restore_journal.load("app") is None


def test_what_a_stranger_wrote_is_not_taken_for_a_restore(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    _restore_journal.record("hourly", str(scene.paths[0]), "long ago")
    kill_between(scene, monkeypatch)
    fill(scene.paths[0])
    with pytest.raises(Problem, match="srv was written by somebody else during the restore"):
        scene.run(mode="if_empty")


def test_what_another_restore_fills_while_restic_restores_stays(scene: Scene) -> None:
    def meanwhile() -> None:
        scene.meanwhile = lambda: None
        fill(scene.paths[0], "hourly")

    scene.meanwhile = meanwhile
    with pytest.raises(Problem, match=r"the restore of job hourly has filled .*srv meanwhile") as told:
        scene.run()
    assert "move" not in str(told.value)
    assert scene.held() == ["filled meanwhile\n", OLD["file"]]
    assert scene.staged() == []
    assert _restore_journal.load("app") is None
    scene.run(mode="if_empty")


def test_nothing_comes_into_what_another_restore_is_to_finish(
    scene: Scene, configure: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(name="daily", paths=tuple(map(str, scene.paths)))
    kill_between(scene, monkeypatch)
    with pytest.raises(Problem, match=r"a restore of job app is at work on .*srv, or was interrupted"):
        scene.run(job="daily")
    scene.run(mode="if_empty")
    scene.run(job="daily")


@pytest.mark.parametrize("link", [False, True])
def test_a_repository_inside_stays_where_it_is(scene: Scene, configure: Callable[..., Job], link: bool) -> None:
    repository = scene.paths[0] / "repository"
    if link:
        repository.symlink_to(scene.root / "elsewhere")
    configure(location=str(repository), paths=tuple(map(str, scene.paths)))
    with pytest.raises(Problem, match=r"the repository store \(.*/srv/repository\)"):
        scene.run(drop_previous=True)
    scene.run(mode="if_empty")
    scene.run(path=str(scene.paths[1]))
    assert scene.held() == [OLD["file"], NEW["file"]]


def test_what_holdfast_itself_needs_is_known(host: Path) -> None:
    assert _restore_indispensable.touched_by(str(host / "srv")) == ()
    for path in (_paths.JOBS, _paths.REPOSITORIES / "store", _paths.STATE):
        assert len(_restore_indispensable.touched_by(str(path))) == 1
    assert len(_restore_indispensable.touched_by(str(host))) == 3


def test_data_that_the_restore_of_another_job_brought_is_known(scene: Scene) -> None:
    for path in scene.paths:
        _restore_journal.record("hourly", str(path), "1a2b3c4d")
    assert scene.run(mode="if_empty") == ()
