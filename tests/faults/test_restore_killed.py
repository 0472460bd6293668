# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast restore`` with a real restic, killed with SIGKILL at chosen steps and then run again. As root.

The unit tests kill before every single call with a stand-in for restic; here the whole command is on trial.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import (
    __main__,
    _paths,
    _placing,
    _restic,
    _restore_journal,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_journal import Journal

STEPS = [
    (Journal, "save"),
    (_restic.Restic, "restore"),
    (_placing, "_compare"),
    (_placing._files, "write_out"),
    (_placing, "set_aside"),
    (_placing, "bring_in"),
    (_placing, "_rename_in"),
    (_placing, "_remove_staging"),
    (Journal, "forget"),
]
NEW = {"a": "of the snapshot", "sub/b [1]*?": "b"}
OLD = {"a": "changed since", "added": "since"}


class Host:
    """The folders of a host below one directory, with a repository, a job and a snapshot."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = root / "srv" / "app [x]*"
        self.write(NEW)
        self.source.chmod(0o2750)
        os.chown(self.source, 999, 998)
        self._configure()
        self._back_up()

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            (self.source / name).parent.mkdir(parents=True, exist_ok=True)
            (self.source / name).write_text(text, encoding="utf-8")

    def change(self) -> None:
        subprocess.run(["find", str(self.source), "-mindepth", "1", "-delete"], check=True)
        self.write(OLD)

    def read(self, directory: Path | None = None) -> dict[str, str]:
        top = directory or self.source
        return {str(path.relative_to(top)): path.read_text() for path in top.rglob("*") if path.is_file()}

    def restore(self, *options: str) -> int:
        return __main__.main(["restore", "nightly", *options])

    def kept(self) -> list[Path]:
        return sorted(self.source.parent.glob("*.before-*"))

    def staged(self) -> list[Path]:
        return sorted(self.source.parent.glob(".holdfast-restore-*"))

    def _configure(self) -> None:
        folder = _paths.repository_directory("main")
        folder.mkdir(parents=True)
        for name, text in (("location", str(self.root / "repository")), ("password", "secret"), ("environment", "")):
            (folder / name).write_text(text, encoding="utf-8")
        job = {"schema": 1, "name": "nightly", "repository": "main", "paths": [str(self.source)], "host": "app1"}
        _paths.JOBS.mkdir()
        _paths.job_file("nightly").write_text(json.dumps(job), encoding="utf-8")

    def _back_up(self) -> None:
        manifest = _paths.manifest_file("nightly")
        manifest.parent.mkdir(parents=True)
        manifest.write_text(json.dumps({"schema": 1, "volumes": {}, "paths": [str(self.source)]}), encoding="utf-8")
        repository = {
            "RESTIC_REPOSITORY": str(self.root / "repository"),
            "RESTIC_PASSWORD": "secret",
            "RESTIC_CACHE_DIR": str(_paths.CACHE),
        }
        save = ["backup", "--host=app1", "--tag=holdfast,job=nightly", str(self.source), str(manifest)]
        for command in (["init"], save):
            subprocess.run(["restic", "--quiet", *command], env={**os.environ, **repository}, check=True)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    etc = tmp_path / "etc"
    etc.mkdir()
    monkeypatch.setattr(_paths, "JOBS", etc / "jobs")
    monkeypatch.setattr(_paths, "REPOSITORIES", etc / "repositories")
    monkeypatch.setattr(_paths, "STATE", tmp_path / "state")
    monkeypatch.setattr(_paths, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(_paths, "DOCKER_SOCKET", tmp_path / "no-docker.sock")
    return Host(tmp_path)


def killed_at(owner: Any, name: str, turn: int, after: bool, work: Callable[[], object]) -> bool:
    """Do the work in a process that SIGKILL ends at the so-manieth turn of the step, before or after it; whether so."""

    def deadly(*arguments: Any, **options: Any) -> Any:
        nonlocal turn
        turn -= 1
        if turn == 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = step(*arguments, **options)
        if turn == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    step = getattr(owner, name)
    setattr(owner, name, deadly)
    try:
        return os.waitstatus_to_exitcode(os.waitpid(in_child(work), 0)[1]) == -signal.SIGKILL
    finally:
        setattr(owner, name, step)


def assert_restored(host: Host) -> None:
    assert host.read() == NEW
    found = host.source.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (999, 998, 0o2750)
    assert host.staged() == []
    assert _restore_journal.load("nightly") is None


def in_child(work: Callable[[], object]) -> int:
    """Do the work in a process of its own; its number."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(("owner", "name"), STEPS)
def test_killed_at_a_step_and_run_again(host: Host, owner: Any, name: str, after: bool) -> None:
    host.change()
    assert killed_at(owner, name, 1, after, lambda: host.restore("--mode", "replace"))
    assert OLD in [host.read(), *map(host.read, host.kept())], "the previous content is whole"
    committed = (_restore_journal.load("nightly") or Journal("", "", "", [])).committed
    assert host.restore("--mode", "replace") == 0
    assert_restored(host)
    # One whose last step was its end has nothing left to be recognised by: it is restored once more, and kept too.
    assert OLD in map(host.read, host.kept())
    ended = committed and (owner, name, after) == (Journal, "forget", True)
    assert len(host.kept()) == (2 if ended else 1)


def test_killed_while_restic_writes(host: Host) -> None:
    """The restic that outlives its parent is ended, and does not go on filling the disk."""
    host.change()
    slow = host.root / "bin" / "restic"
    slow.parent.mkdir()
    slow.write_text(
        """#!/bin/sh
[ "$1" = restore ] || exec /usr/bin/restic "$@"
trap 'kill $!; exit 130' INT
sleep 60 &
echo > "$PROGRESS"
wait
""",
        encoding="utf-8",
    )
    slow.chmod(0o755)
    os.mkfifo(host.root / "progress")
    progress = os.open(host.root / "progress", os.O_RDONLY | os.O_NONBLOCK)
    old_path = os.environ["PATH"]
    os.environ.update(PATH=f"{slow.parent}:{old_path}", PROGRESS=str(host.root / "progress"))
    try:
        pid = in_child(lambda: host.restore("--mode", "replace"))
        begun = select.select([progress], [], [], 60)[0]
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    finally:
        os.environ["PATH"] = old_path
        os.close(progress)
    assert begun
    assert writers(host), "the orphan is there"
    assert host.restore("--mode", "replace") == 0
    assert_restored(host)
    assert not writers(host)


def writers(host: Host) -> list[str]:
    command = ["pgrep", "-f", "--", f"--target={host.source.parent}"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
