# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup_timer on a host of folders, with a systemd that is written down: what is asked, and what is done."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Plan
from ansible_collections.holdfast.persistence.plugins.module_utils.backups import _stored
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._timer import Desired, Observed
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._timer_resource import Jobs
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _files, _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._engine import Engine, Volume
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job, Retention
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

from ..conftest import Killed, kill_after

CALENDARS = {
    "daily": "    Next elapse: Sat 2026-11-21 00:00:00 UTC\n       Iter. #2: Sun 2026-11-22 00:00:00 UTC\n",
    "weekly": "    Next elapse: Mon 2026-11-23 00:00:00 UTC\n",
    "2020-02-30": "    Next elapse: never\n",
}


class Host:
    """What a module sees: systemd's commands, kept in order."""

    check_mode = False

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.enabled: set[str] = set()
        self.active: set[str] = set()
        self.loaded: dict[str, str] = {}
        """The units that systemd has read, as it read them."""

    def run_command(self, command: list[str], environ_update: dict[str, str]) -> tuple[int, str, str]:
        assert environ_update["LC_ALL"] == "C"
        self.commands.append(command)
        verb, unit = command[1], command[-1]
        if verb == "show":
            return 0, "\n".join(self._shown(name) for name in command[command.index("--") + 1 :]), ""
        if verb == "calendar":
            known = CALENDARS.get(unit)
            return (0, known, "") if known else (1, "", f"Failed to parse calendar specification '{unit}'")
        if verb == "--version":
            return 0, "systemd 252 (252.39-1)\n+PAM\n", ""
        self._changed(verb, unit)
        return 0, "", ""

    def _changed(self, verb: str, unit: str) -> None:
        if verb in ("enable", "disable"):
            self.enabled ^= {unit}
        elif verb in ("start", "stop"):
            self.active ^= {unit}
        elif verb == "daemon-reload":
            self.loaded = _unit_files()

    def _shown(self, unit: str) -> str:
        state = "active" if unit in self.active else "inactive"
        file_state = "enabled" if unit in self.enabled else ""
        stale = "yes" if unit in self.loaded and self.loaded[unit] != _unit_files().get(unit) else "no"
        return f"Id={unit}\nActiveState={state}\nUnitFileState={file_state}\nNeedDaemonReload={stale}\n"

    @property
    def verbs(self) -> list[str]:
        return [command[1] for command in self.commands]


def _unit_files() -> dict[str, str]:
    return {path.name: path.read_text() for path in _paths.UNITS.glob("*")}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    folders = {
        "JOBS": "jobs",
        "REPOSITORIES": "repositories",
        "UNITS": "units",
        "METRICS": "metrics",
        "PROGRAM": "p.pyz",
        "COMMAND": "command",
    }
    for name, folder in folders.items():
        monkeypatch.setattr(_paths, name, tmp_path / folder)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)  # a test has no power cuts, and this is slow
    monkeypatch.setattr(Engine, "volume", lambda _self, name: VOLUMES.get(name))
    _stored.replace("main", _stored.Credentials("/srv/backup", "secret"), "")
    return Host()


VOLUMES = {"data": Volume("data", "local", "/v/data", False), "far": Volume("far", "cloud", "", False)}


def job(name: str = "app", **changes: Any) -> Desired:
    return Desired(name, Job(**{"name": name, "repository": "main", "volumes": ("data",), "host": "h", **changes}))


def taken_through(host: Host, wanted: list[Desired]) -> list[Plan]:
    """What the pipeline does with jobs that are sound."""
    jobs = Jobs(host)
    plans = []
    for desired, observed in zip(wanted, jobs.observe(wanted)):
        assert isinstance(observed, Observed), observed
        plans.append(jobs.plan(desired, observed))
    actions = [(desired, action) for desired, made in zip(wanted, plans) for action in made.actions]
    for desired, action in actions:
        if not action.settled:
            jobs.apply(desired, action)
    if jobs.settling([action for _desired, action in actions]):
        jobs.settle()
    for desired, action in actions:
        if action.settled:
            jobs.apply(desired, action)
    return plans


def problem(host: Host, wanted: Desired) -> str:
    (seen,) = Jobs(host).observe([wanted])
    assert isinstance(seen, Problem)
    return str(seen)


def test_twenty_unchanged_jobs_cost_one_question(host: Host) -> None:
    wanted = [job(f"app{number}") for number in range(20)]
    taken_through(host, wanted)
    host.commands.clear()
    assert [made.actions for made in taken_through(host, wanted)] == [()] * 20
    assert host.verbs == ["show"]


def test_many_new_jobs_are_read_by_systemd_once_and_then_started(host: Host) -> None:
    taken_through(host, [job("one"), job("two")])
    doing = [verb for verb in host.verbs if verb not in ("show", "calendar", "--version")]
    assert doing == ["enable", "enable", "enable", "daemon-reload", "start", "start"]
    assert host.active == {"holdfast-backup-one.timer", "holdfast-backup-two.timer"}


CHANGE: dict[str, Any] = {"schedule": "weekly", "retention": Retention(), "randomized_delay": 60}


@pytest.mark.parametrize("last", [job(), job(**CHANGE), replace(job(), enabled=False), Desired("app", None)])
@pytest.mark.parametrize("first", [None, job(), job(**CHANGE)])
def test_a_run_that_is_killed_anywhere_is_finished_by_the_next(
    host: Host, first: Desired | None, last: Desired, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each command to systemd and each file that is written or removed."""
    for steps in range(1, 30):
        taken_through(host, [Desired("app", None)])
        taken_through(host, [first] if first else [])
        with monkeypatch.context() as patch:
            kill_after(steps, [(host, "run_command"), (_files, "write"), (_files, "remove")], patch)
            try:
                taken_through(host, [last])
            except Killed:
                pass
            else:
                break
        taken_through(host, [last])
        assert [made.actions for made in taken_through(host, [last])] == [()]
        enabled = last.job is not None and last.enabled
        assert ("holdfast-backup-app.timer" in host.active) is enabled
        assert {**_unit_files(), **host.loaded} == _unit_files()  # what it has not read yet it reads when it must
        for path in (_paths.PROGRAM, _paths.COMMAND):
            path.unlink(missing_ok=True)
    assert steps > 1


def test_the_program_comes_with_the_first_sound_job(host: Host) -> None:
    seen = Jobs(host).observe([job("one", volumes=("nope",)), job("two"), job("three")])
    assert [isinstance(observed, Observed) and observed.program is not None for observed in seen] == [
        False,
        True,
        False,
    ]


def test_a_removed_job_leaves_nothing_but_the_program(host: Host) -> None:
    taken_through(host, [job()])
    _paths.METRICS.mkdir()
    _paths.metrics_file("app").touch()
    host.commands.clear()
    taken_through(host, [Desired("app", None)])
    assert host.verbs == ["show", "stop", "disable", "clean", "daemon-reload"]
    assert sorted(path.name for path in _paths.UNITS.iterdir()) == ["holdfast-release.service"]
    assert list(_paths.JOBS.iterdir()) == []
    assert list(_paths.METRICS.iterdir()) == []
    assert _paths.COMMAND.exists()
    assert taken_through(host, [Desired("app", None)]) == [Plan(None, None)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"repository": "nope"}, "job app: repository nope is not configured on this host. Configure it first"),
        ({"volumes": ("nope",)}, "job app: volumes nope: Docker knows no volume of this name. Create it first"),
        ({"volumes": ("far",)}, "job app: volumes far: its driver cloud gives no path on this host"),
        ({"paths": ("/nope",)}, "job app: paths /nope: does not exist here. Create it first"),
    ],
)
def test_what_is_missing_is_an_error_and_in_check_mode_a_warning(
    host: Host, changes: dict[str, Any], message: str
) -> None:
    assert problem(host, job(**changes)).startswith(message)
    host.check_mode = True
    (observed,) = Jobs(host).observe([job(**changes)])
    assert isinstance(observed, Observed)
    assert observed.warnings[0].startswith(message)
    assert not _paths.JOBS.exists()


def test_docker_that_is_down_is_asked_once_and_named_for_each_job(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def down(_engine: Engine, name: str) -> None:
        asked.append(name)
        raise Problem("Docker: could not look: refused. Start the daemon.")

    monkeypatch.setattr(Engine, "volume", down)
    seen = Jobs(host).observe([job("one"), job("two")])
    assert [str(answer) for answer in seen] == [
        f"job {name}: volumes data: Docker: could not look: refused. Start the daemon." for name in ("one", "two")
    ]
    assert asked == ["data"]


def test_a_link_is_refused_as_a_source(host: Host, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    assert "is a symbolic link to" in problem(host, job(paths=(str(tmp_path / "link"),)))


@pytest.mark.parametrize("schedule", ["nonsense", "2020-02-30"])
def test_a_schedule_is_refused_before_anything_is_written(host: Host, schedule: str) -> None:
    assert problem(host, job(schedule=schedule)).startswith(f"job app: schedule '{schedule}': ")
    assert not _paths.UNITS.exists()


def test_a_schedule_that_cannot_hold_the_objective_is_warned_of(host: Host) -> None:
    (observed,) = Jobs(host).observe([job(rpo=3600)])
    assert isinstance(observed, Observed)
    assert observed.warnings[0].startswith("job app: up to 24.0 h lie between two backups, and rpo allows 1.0 h")


@pytest.mark.parametrize(
    ("location", "changes", "source", "inside"),
    [
        ("{}/srv/backup", {"paths": ("{}/srv",)}, "paths {}/srv", "{}/srv/backup"),
        ("local:{}/srv", {"paths": ("{}/srv",)}, "paths {}/srv", "{}/srv"),
        ("{}/link/backup", {"paths": ("{}/srv",), "exclude": ("{}/link/backup",)}, "paths {}/srv", "{}/srv/backup"),
        ("{}/srv/backup", {"paths": ("{}/srv",), "exclude": ("{}/srv/backup/x",)}, "paths {}/srv", "{}/srv/backup"),
        ("{}/v/backup", {"volumes": ("own",)}, "volumes own", "{}/v/backup"),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_a_source_that_holds_the_repository_is_refused_unless_it_is_excluded(
    host: Host,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    location: str,
    changes: dict[str, Any],
    source: str,
    inside: str,
    check_mode: bool,
) -> None:
    (tmp_path / "srv").mkdir()
    (tmp_path / "link").symlink_to("srv")
    monkeypatch.setitem(VOLUMES, "own", Volume("own", "local", f"{tmp_path}/v", False))
    _stored.replace("main", _stored.Credentials(location.format(tmp_path), "secret"), "")
    options = {name: tuple(value.format(tmp_path) for value in values) for name, values in changes.items()}
    host.check_mode = check_mode
    path = location.format(tmp_path).removeprefix("local:")
    assert problem(host, job(**options)) == (
        f"job app: {source.format(tmp_path)}: holds the job's own repository main ({path}), which would be backed up "
        f"into itself and grow with every run. Exclude it (exclude: [{inside.format(tmp_path)}]), or give the job a "
        "repository elsewhere."
    )
    (excluded,) = Jobs(host).observe([job(**{**options, "exclude": (inside.format(tmp_path),)})])
    assert isinstance(excluded, Observed)
    assert excluded.warnings == ()


def test_a_volume_that_its_own_job_leaves_out_is_refused(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(VOLUMES, "own", Volume("own", "local", "/var/lib/docker/volumes/own/_data", False))
    told = problem(host, job(volumes=("own",), exclude=("lib",)))
    assert told.startswith(
        "job app: volumes own: exclude 'lib' leaves it out whole (/var/lib/docker/volumes/own/_data)"
    )


def test_a_repository_beside_a_source_is_no_part_of_it(host: Host, tmp_path: Path) -> None:
    (tmp_path / "srv").mkdir()
    _stored.replace("main", _stored.Credentials(f"{tmp_path}/srv2", "secret"), "")
    (observed,) = Jobs(host).observe([job(paths=(f"{tmp_path}/srv",))])
    assert isinstance(observed, Observed)


def test_an_old_systemd_is_refused_before_the_first_installation(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "ansible_collections.holdfast.persistence.plugins.module_utils._systemd.Systemd.version", lambda _self: 247
    )
    with pytest.raises(Problem, match=r"this host has version 247, and backup_timer needs 249 or newer"):
        Jobs(host).observe([job()])


def test_only_root_may(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Problem, match=r"backup_timer: runs as user id 1000, and needs root.*become: true"):
        Jobs(host).observe([job()])
    assert host.commands == []
