# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup jobs as a resource of the pipeline: reads and changes the host; what to do is decided in ``_timer``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._pipeline import Action, Plan, Resource
from .._privilege import require_root
from .._systemd import OLDEST, Calendar, Systemd, Unit
from ..runner import _files, _paths, _repository
from ..runner._engine import Engine
from ..runner._job import Job
from ..runner._problem import Problem
from . import _exclusion, _program, _units
from ._repository_resource import saved_at
from ._timer import Desired, Observed, Program, desired, plan

_RELOADING = {"units", "prune", "reload", "enable", "disable", "remove"}


class Jobs(Resource[Desired, Observed]):
    """The jobs of this host: their files, their units, and whether their timers run."""

    noun = "job"
    plural = "jobs"

    def __init__(self, module: AnsibleModule) -> None:
        self._systemd = Systemd(module)
        self._check_mode = module.check_mode
        self._calendars: dict[str, Calendar] = {}
        """By schedule: jobs often share one."""

    def desire(self, item: Mapping[str, Any]) -> Desired:
        return desired(item)

    def plan(self, desired: Desired, observed: Observed) -> Plan:
        return plan(desired, observed)

    def observe(self, desired: Sequence[Desired]) -> Sequence[Observed | Problem]:
        require_root("backup_timer", "job files, systemd's units and the program that they start")
        units = [unit for item in desired for unit in _units.names(item.name)]
        shown = self._systemd.show([*units, _paths.RELEASE_SERVICE])
        volumes = _Volumes()
        seen: list[Observed | Problem] = []
        for item in desired:
            try:
                seen.append(self._observe(item, shown, volumes))
            except Problem as problem:
                seen.append(problem)
        return self._with_program(desired, seen, shown[_paths.RELEASE_SERVICE])

    def _observe(self, item: Desired, shown: Mapping[str, Unit], volumes: _Volumes) -> Observed:
        texts = _texts(item.name)
        observed = Observed(_parsed(texts.get("job")), texts, {name: shown[name] for name in _units.names(item.name)})
        if item.job is None:
            return observed
        missing = [*_missing_repository(item.job), *volumes.missing(item.job), *_missing_paths(item.job)]
        if missing and not self._check_mode:
            raise Problem("\n".join(missing))
        repository = None if _missing_repository(item.job) else _repository.load(item.job.repository).local_path
        for volume, place in volumes.mountpoints.items():
            if volume in item.job.volumes:
                _exclusion.refuse(item.job, f"volumes {volume}", place)
        swallowed = _swallowed_repository(item.job, repository, volumes)
        if swallowed:
            raise Problem("\n".join(swallowed))
        warnings = [f"{sentence} Check mode takes it for granted." for sentence in missing]
        warnings += self._check_schedule(item.job, observed)
        return replace(observed, repository=repository, warnings=tuple(warnings))

    def _check_schedule(self, job: Job, observed: Observed) -> list[str]:
        """Ask systemd about the schedule, unless it is the one that the host has had until now."""
        known = observed.job is not None and observed.job.get("schedule") == job.schedule
        if known and _paths.backup_timer(job.name) in observed.texts:
            return []
        try:
            if job.schedule not in self._calendars:
                self._calendars[job.schedule] = self._systemd.calendar(job.schedule)
        except Problem as problem:
            raise Problem(f"job {job.name}: {problem}") from None
        longest = self._calendars[job.schedule].longest_gap
        gap = longest + job.randomized_delay
        if job.rpo is None or longest == 0 or gap <= job.rpo:
            return []
        warning = (
            f"job {job.name}: up to {gap / 3600:.1f} h lie between two backups, and rpo allows {job.rpo / 3600:.1f} h: "
            "it will be reported as overdue. Let it run more often, or raise rpo."
        )
        return [warning]

    def _with_program(
        self, desired: Sequence[Desired], seen: list[Observed | Problem], release: Unit
    ) -> Sequence[Observed | Problem]:
        """Have the first job that is sound bring the program up to date."""
        for index, (item, observed) in enumerate(zip(desired, seen)):
            if item.job is not None and isinstance(observed, Observed):
                program = Program(_program.stale(), _paths.PROGRAM.exists(), release.file_state == "enabled")
                if not program.exists:
                    self._require_systemd()
                seen[index] = replace(observed, program=program)
                break
        return seen

    def _require_systemd(self) -> None:
        version = self._systemd.version()
        if version < OLDEST:
            raise Problem(
                f"systemd: this host has version {version}, and backup_timer needs {OLDEST} or newer, which knows "
                "OnSuccess=. Upgrade the distribution (Debian 12 has 252)."
            )

    def apply(self, desired: Desired, action: Action) -> None:
        job = desired.name
        if action.verb in ("enable", "disable", "start", "stop"):
            getattr(self._systemd, action.verb)(action.details["unit"])
        elif action.verb == "program":
            _program.install()
        elif action.verb == "job":
            _write(_paths.job_file(job), action.details["text"])
        elif action.verb == "units":
            for name, text in action.details["texts"].items():
                _write(_paths.UNITS / name, text)
        elif action.verb == "prune":
            _files.remove(_paths.UNITS / action.details["unit"])
        elif action.verb == "remove":
            self._remove(job, action.details)

    def _remove(self, job: str, details: Mapping[str, Any]) -> None:
        """The job file goes last: as long as it is there, its repository counts as used."""
        if details["stamp"]:
            self._systemd.forget(_paths.backup_timer(job))
        if details["failed"]:
            self._systemd.reset_failed(details["failed"])
        for name in details["units"]:
            _files.remove(_paths.UNITS / name)
        # Of a job that is no more nothing is to be alarming.
        if _paths.METRICS.exists():
            _files.remove(_paths.metrics_file(job))
        if _paths.JOBS.exists():
            _files.remove(_paths.job_file(job))

    def settling(self, actions: Sequence[Action]) -> str:
        release = _paths.UNITS / _paths.RELEASE_SERVICE
        reload = any(action.verb in _RELOADING or release in action.details.get("paths", ()) for action in actions)
        return "have systemd read its units again" if reload else ""

    def settle(self) -> None:
        self._systemd.reload()


def _texts(job: str) -> dict[str, str]:
    files = {"job": _paths.job_file(job), **{name: _paths.UNITS / name for name in _units.names(job)}}
    # Bytes that are no UTF-8 were not written by this module: they show as a difference, which is then repaired.
    return {name: path.read_text(encoding="utf-8", errors="replace") for name, path in files.items() if path.is_file()}


def _parsed(text: str | None) -> Mapping[str, Any] | None:
    try:
        data = json.loads(text or "")
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    _files.write(path, text.encode(), 0o644)


def _missing_repository(job: Job) -> list[str]:
    if _paths.repository_directory(job.repository).is_dir():
        return []
    sentence = (
        f"job {job.name}: repository {job.repository} is not configured on this host. "
        "Configure it first: holdfast.persistence.backup_repository."
    )
    return [sentence]


def _missing_paths(job: Job) -> list[str]:
    sentences = []
    for path in job.paths:
        if os.path.islink(path):
            sentences.append(
                f"job {job.name}: paths {path}: is a symbolic link to {os.path.realpath(path)}, and a backup of it "
                "would hold the link alone. Name where it leads."
            )
        elif not os.path.exists(path):
            sentences.append(f"job {job.name}: paths {path}: does not exist here. Create it first, or correct it.")
    return sentences


def _swallowed_repository(job: Job, repository: Path | None, volumes: _Volumes) -> list[str]:
    sources = [(f"paths {path}", path) for path in job.paths]
    sources += [(f"volumes {name}", volumes.mountpoints[name]) for name in job.volumes if name in volumes.mountpoints]
    return [
        f"job {job.name}: {source}: holds the job's own repository {job.repository} ({repository}), which would be "
        f"backed up into itself and grow with every run. Exclude it (exclude: [{inside}]), or give the job a "
        "repository elsewhere."
        for source, path in sources
        if (inside := saved_at(repository, path, job.exclude))
    ]


class _Volumes:
    """What Docker says of volumes, asked once for each of them."""

    def __init__(self) -> None:
        self._engine = Engine()
        self._wrong: dict[str, str] = {}
        self.mountpoints: dict[str, str] = {}
        """Of the volumes that can be backed up."""

    def missing(self, job: Job) -> list[str]:
        """A sentence for each volume that the job could not back up."""
        sentences = []
        for volume in job.volumes:
            if volume not in self._wrong:
                self._wrong[volume] = self._look(volume)
            if self._wrong[volume]:
                sentences.append(f"job {job.name}: volumes {volume}: {self._wrong[volume]}")
        return sentences

    def _look(self, name: str) -> str:
        try:
            volume = self._engine.volume(name)
        except Problem as problem:
            return str(problem)
        if volume is None:
            return "Docker knows no volume of this name. Create it first (holdfast.persistence.volume), or correct it."
        if not volume.mountpoint:
            return f"its driver {volume.driver} gives no path on this host. Back it up where its data lies."
        if volume.is_volatile:
            return "it lies in memory and is gone with its last container. Take it out of the job."
        self.mountpoints[name] = volume.mountpoint
        return ""
