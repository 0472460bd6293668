# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host in a temporary directory: every path that the runner knows lies in it, and restic says what a test wants."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job

_PROGRAM = """#!{python} -IB
import json, os, signal, sys
here = {here!r}
with open(here + "/calls", "a") as calls:
    print(json.dumps({{"argv": sys.argv[1:], "env": dict(os.environ)}}), file=calls)
with open(here + "/answers") as stream:
    answers = json.load(stream)
line = " ".join(sys.argv[1:])
key = max((key for key in answers if line.startswith(key)), key=len, default=None)
if key is None:
    sys.exit("unexpected: " + line)
answer = answers[key].pop(0) if len(answers[key]) > 1 else answers[key][0]
with open(here + "/answers", "w") as stream:
    json.dump(answers, stream)
if answer.get("wait"):
    def interrupted(number, frame):
        sys.exit(130)
    signal.signal(signal.SIGINT, interrupted)
    print(answer.get("err", ""), file=sys.stderr, flush=True)
    signal.alarm(60)
    open(here + "/waiting", "w").close()
    signal.pause()
sys.stdout.write(answer.get("out", ""))
sys.stderr.write(answer.get("err", ""))
sys.exit(answer.get("code", 0))
"""


class ScriptedRestic:
    """A restic that answers by the beginning of its command line, with the answers of one command in turn."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.answers: dict[str, list[dict[str, Any]]] = {}
        os.mkfifo(directory / "waiting")
        self.answer("snapshots", out="[]")
        self.answer("version", out="restic 0.14.0 compiled with go1.19.8 on linux/amd64\n")
        program = directory / "restic"
        program.write_text(_PROGRAM.format(python=sys.executable, here=str(directory)))
        program.chmod(0o755)

    def answer(self, command: str, *, then: bool = False, **answer: Any) -> None:
        """Keys: ``out``, ``err``, ``code``, and ``wait`` (for SIGINT). ``then``: after the answers before.

        One that waits opens the pipe ``waiting`` first, so that reading that returns when it does.
        """
        self.answers[command] = [*(self.answers.get(command, []) if then else []), answer]
        (self.directory / "answers").write_text(json.dumps(self.answers))

    def calls(self, command: str = "") -> list[dict[str, Any]]:
        """What it was called with: ``argv`` and ``env``."""
        try:
            lines = (self.directory / "calls").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [call for call in map(json.loads, lines) if " ".join(call["argv"]).startswith(command)]


@pytest.fixture
def restic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScriptedRestic:
    """First on the PATH."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")
    return ScriptedRestic(directory)


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test here: none may touch the machine it runs on."""
    places = (
        "JOBS",
        "REPOSITORIES",
        "STATE",
        "CACHE",
        "RUN",
        "UNITS",
        "METRICS",
        "DOCKER_SOCKET",
        "FSTAB",
        "MOUNTINFO",
    )
    for name in places:
        monkeypatch.setattr(_paths, name, tmp_path / name.lower())
    for name in ("JOBS", "REPOSITORIES", "RUN"):
        (tmp_path / name.lower()).mkdir()
    (tmp_path / "mountinfo").write_text("22 1 0:20 / / rw - ext4 /dev/vda rw\n")
    for name in ("CREDENTIALS_DIRECTORY", "INVOCATION_ID", "SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def configure(host: Path) -> Callable[..., Job]:
    """Puts a job, its repository and a source onto the host."""

    def configured(location: str | None = None, environment: str = "", **options: Any) -> Job:
        source = host / "srv"
        if not source.exists():
            source.mkdir()
            (source / "file").write_text("content\n")
        directory = _paths.repository_directory("store")
        directory.mkdir(exist_ok=True)
        (directory / "location").write_text(f"{location or host / 'repository'}\n")
        (directory / "password").write_text("correct horse\n")
        (directory / "environment").write_text(environment)
        job = Job(**{"name": "app", "repository": "store", "paths": (str(source),), "host": "web1", **options})
        _paths.job_file(job.name).write_text(json.dumps(job.to_json()))
        return job

    return configured
