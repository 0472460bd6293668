# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: what it answers, with which exit status, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import (
    __main__,
    _backup,
    _paths,
    _problem,
    _restic,
    _status,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner.__main__ import main

PACKAGES = str(Path(str(_paths.__file__)).parents[1])
IMPORTED = """
import sys
sys.path.insert(0, {packages!r})
from runner.__main__ import main
try:
    main({arguments!r})
except SystemExit:
    pass
print(" ".join(sorted(name for name in sys.modules if name.startswith("runner.") or name == "http.client")))
"""


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (_problem.Problem("job app: no."), 1),
        (_problem.Partial("job app: no."), 3),
        (_problem.Locked("job app: no."), 11),
        (_problem.Precondition("job app: no."), 75),
        (_restic.Interrupted("job app: no."), 143),
    ],
)
def test_a_problem_is_one_sentence_and_an_exit_status(
    problem: _problem.Problem, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(_job: str) -> None:
        raise problem

    monkeypatch.setattr(_backup, "backup", fail)
    assert main(["backup", "app"]) == code
    assert capsys.readouterr() == ("", "holdfast: job app: no.\n")


@pytest.mark.parametrize(("healthy", "code"), [(True, 0), (False, 1)])
def test_status_says_by_its_exit_status_whether_all_is_well(
    healthy: bool, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_status, "status", lambda job, as_json: (f"{job} {as_json}", healthy))
    assert main(["status", "app", "--json"]) == code
    assert capsys.readouterr().out == "app True\n"


@pytest.mark.parametrize(
    "arguments", [[], ["nonsense"], ["backup"], ["release"], ["release", "app", "--all"], ["run", "--all"]]
)
def test_what_is_not_understood(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: holdfast" in capsys.readouterr().err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out.split()
    for command in ("status", "run", "snapshots", "restore", "prepare", "backup", "release", "retention"):
        assert command in said


def test_an_unknown_job_is_told_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("backup", "prepare", "retention", "status", "run", "snapshots"):
        code = main([command, "none"])
        assert code == 1
    assert "holdfast: job none: not on this host. Jobs here: none." in capsys.readouterr().err


def test_a_full_disk_is_told_in_a_sentence(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_job: str) -> None:
        raise OSError(28, "No space left on device", "/var/lib/holdfast/state/app.json")

    monkeypatch.setattr(_backup, "backup", fail)
    assert main(["backup", "app"]) == 1
    assert capsys.readouterr().err == "holdfast: /var/lib/holdfast/state/app.json: No space left on device.\n"


def test_one_who_may_not_is_told_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(_job: str, _json: bool) -> None:
        raise PermissionError(13, "Permission denied", "/var/lib/holdfast")

    monkeypatch.setattr(_status, "status", fail)
    monkeypatch.setattr(__main__.os, "geteuid", lambda: 1000)
    assert main(["status"]) == 1
    assert capsys.readouterr().err == "holdfast: /var/lib/holdfast: only root may. Become root.\n"


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], {"_backup", "_restic", "_restore", "_restore_command", "_status", "_engine"}),
        (["backup", "app"], {"_restore", "_restore_command", "_placing", "_status", "_engine", "_quiesce", "_systemd"}),
        (["prepare", "app"], {"_restore", "_restore_command", "_placing", "_status", "_engine", "_restic"}),
        (["release", "app"], {"_restore", "_restore_command", "_placing", "_status", "_engine", "_restic", "_quiesce"}),
    ],
)
def test_a_command_loads_only_what_it_uses(arguments: list[str], unwanted: set[str]) -> None:
    script = IMPORTED.format(packages=PACKAGES, arguments=arguments)
    said = subprocess.run(
        [sys.executable, "-IB", "-c", script], capture_output=True, text=True, check=True
    ).stdout.splitlines()[-1]
    assert "runner._problem" in said
    assert not {f"runner.{name}" for name in unwanted} & set(said.split())
