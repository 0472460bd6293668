# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dumps of a job: made, checked, private, and gone at the end, whatever the end is."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import (
    _backup,
    _dumps,
    _engine_exec,
    _paths,
    _release,
    _state,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job_steps import Dump
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Precondition, Problem

DONE = (
    '{"message_type":"summary","data_added":703,"total_files_processed":3,"total_bytes_processed":6,'
    '"snapshot_id":"ff19bcf0"}\n'
)


def command(name: str, code: str, **options: Any) -> Dump:
    return Dump(name, "command", command=(sys.executable, "-c", code), **options)


@pytest.fixture
def make(configure: Callable[..., Job], restic: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Job]:
    restic.answer("backup", out=DONE)
    restic.answer("cat config", out='{"id": "d5c57a2a"}')
    monkeypatch.setenv("INVOCATION_ID", "run1")
    return lambda *dumps, **options: configure("s3:http://minio/bucket", dumps=dumps, **options)


def test_dumps_are_private_saved_and_gone_at_the_end(make: Callable[..., Job], restic: Any) -> None:
    make(command("one", "print('content')"), exclude=("/var", "*"), paths=())
    assert _backup.prepare("app") == ["made dump one (command): 8 B"]
    directory = _paths.dumps_directory("app")
    assert (directory / "one").read_text() == "content\n"
    assert stat.S_IMODE((directory / "one").stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    nodes = [
        {"struct_type": "node", "path": str(path), "type": kind, "size": size}
        for path, kind, size in ((directory, "dir", 0), (directory / "one", "file", 8))
    ]
    restic.answer("ls", out="\n".join(map(json.dumps, nodes)))
    _backup.backup("app")
    argv = restic.calls("backup")[0]["argv"]
    assert str(directory) in argv
    assert argv.index("--exclude=*") < argv.index(f"--exclude=!{directory}")
    assert json.loads(_paths.manifest_file("app").read_text())["dumps"] == str(directory)
    _release.release("app")
    assert not directory.exists()


@pytest.mark.parametrize(
    ("code", "timeout", "message"),
    [
        ("import sys; print('half'); sys.exit('the server went away')", 60, r"ended with 1: the server went away\."),
        ("", 60, r"is not whole: it is empty\."),
        ("import time; print('half', flush=True); time.sleep(60)", 1, r"had not ended after 1 s and was killed\."),
        ("import os; os.kill(os.getpid(), 9)", 60, r"was ended by SIGKILL\."),
    ],
)
def test_a_dump_that_fails_makes_no_snapshot(
    make: Callable[..., Job], restic: Any, code: str, timeout: int, message: str
) -> None:
    make(command("good", "print('x')"), command("bad", code, timeout=timeout))
    with pytest.raises(Problem, match=rf"job app: dump bad \(command\): .*{message} Nothing was saved"):
        _backup.prepare("app")
    _release.release("app")
    assert restic.calls("backup") == []
    assert not _paths.dumps_directory("app").exists()
    run = _state.load("app").last_run
    assert run
    assert run.result == "failed"


def test_nothing_is_dumped_for_a_repository_that_is_away(make: Callable[..., Job], restic: Any, host: Path) -> None:
    restic.answer("cat config", code=1, err="Fatal: unable to open config file: dial tcp: connection refused")
    make(command("one", f"open({str(host / 'ran')!r}, 'w')"))
    with pytest.raises(Problem, match="connection refused"):
        _backup.prepare("app")
    assert not (host / "ran").exists()


def test_a_program_that_is_not_there_is_told(make: Callable[..., Job]) -> None:
    make(Dump("one", "command", command=("/no/such/program",)))
    with pytest.raises(Problem, match=r"/no/such/program could not be started: No such file"):
        _backup.prepare("app")


def test_what_a_killed_run_left_is_not_saved_by_the_next(make: Callable[..., Job]) -> None:
    directory = _paths.dumps_directory("app")
    directory.mkdir(parents=True)
    (directory / "of before").touch()
    make(command("one", "print('x')"))
    _backup.prepare("app")
    assert os.listdir(directory) == ["one"]


def test_after_a_power_cut_the_dumps_go(make: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    make(command("one", "print('x')"))
    _backup.prepare("app")
    monkeypatch.setattr(_release, "_idle", list)
    _release.release_all()
    assert not _paths.dumps_directory("app").exists()


def test_what_still_runs_in_a_container_is_ended(make: Callable[..., Job], monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr(_engine_exec.ContainerEngine, "kill", lambda _self, identity: ended.append(identity))
    make(command("one", "print('x')"))
    _backup.prepare("app")
    _dumps._note("app", "e1")
    _release.release("app")
    _release.release("app")
    assert ended == ["e1"]


def test_a_password_goes_through_the_environment_and_into_no_word(
    make: Callable[..., Job], host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = host / "bin" / "mysqldump"
    program.write_text('#!/bin/sh\necho "wrong password $MYSQL_PWD for $*" >&2\nexit 2\n')
    program.chmod(0o755)
    monkeypatch.setattr(_dumps, "_PATH", os.environ["PATH"])
    (host / "secret").write_text("s3cret\n")
    (host / "secret").chmod(0o600)
    make(Dump("shop", "mysql", password_file=str(host / "secret")))
    with pytest.raises(Problem, match=r"ended with 2: wrong password \*\*\* for --user=root") as caught:
        _backup.prepare("app")
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in _paths.state_file("app").read_text()


@pytest.mark.parametrize(
    ("mode", "content", "message"),
    [(0o644, "x\n", "others than its owner may read it"), (0o600, "", "on one line"), (0o600, "a\nb\n", "on one line")],
)
def test_a_password_file_that_is_not_sound_is_refused(
    make: Callable[..., Job], host: Path, mode: int, content: str, message: str
) -> None:
    (host / "secret").write_text(content)
    (host / "secret").chmod(mode)
    make(Dump("shop", "mysql", password_file=str(host / "secret")))
    with pytest.raises(Problem, match=message):
        _backup.prepare("app")


def test_a_host_made_anew_does_not_age_out_the_good_dumps(make: Callable[..., Job], restic: Any) -> None:
    make(command("one", "print('x')"), paths=())
    snapshot = {
        "id": "ff19bcf0" * 8,
        "time": "2026-01-31T02:30:00Z",
        "hostname": "web1",
        "tags": ["holdfast", "job=app"],
    }
    restic.answer("snapshots", out=json.dumps([snapshot]))
    directory = str(_paths.dumps_directory("app"))
    manifest = {"schema": 1, "volumes": {}, "paths": [], "dumps": directory}
    restic.answer("dump", out=json.dumps(manifest))
    restic.answer("ls", out=json.dumps({"struct_type": "node", "path": f"{directory}/one", "type": "file", "size": 8}))
    with pytest.raises(Precondition, match=r"was neither restored nor saved by this host before.*holdfast accept app"):
        _backup.prepare("app")
