# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup jobs as they shall be and as they are, and the way from one to the other. No input, no output."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._pipeline import Action, Plan
from .._systemd import Unit
from ..runner import _paths
from ..runner._job import Job, Retention, check_name, seconds
from ..runner._job_steps import HOOKS, TYPES, Dump, Hook, Hooks
from ..runner._problem import Problem
from . import _exclusion, _units

_COUNTS = ("keep_last", "keep_hourly", "keep_daily", "keep_weekly", "keep_monthly", "keep_yearly")
_DURATIONS = ("randomized_delay", "timeout", "manifest_max_age", "rpo", "rto")
_RETENTION = {**{name: {"type": "int"} for name in _COUNTS}, "keep_within": {"type": "str"}}
_DUMP = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "choices": list(TYPES), "required": True},
    **{option: {"type": "str"} for option in ("container", "database", "user", "run_as")},
    "password_file": {"type": "path", "no_log": False},
    "path": {"type": "path"},
    "command": {"type": "list", "elements": "str", "default": []},
    "timeout": {"type": "str", "default": "1h"},
}
_HOOK = {
    "command": {"type": "list", "elements": "str", "required": True},
    "timeout": {"type": "str", "default": "5min"},
}

OPTIONS: dict[str, Any] = {
    "repository": {"type": "str"},
    "volumes": {"type": "list", "elements": "str", "default": []},
    "paths": {"type": "list", "elements": "str", "default": []},
    "exclude": {"type": "list", "elements": "str", "default": []},
    "host": {"type": "str"},
    "schedule": {"type": "str"},
    "randomized_delay": {"type": "str", "default": "0"},
    "timeout": {"type": "str", "default": "6h"},
    "retention": {"type": "dict", "options": _RETENTION},
    "quiesce": {"type": "str", "choices": ["none", "pause", "stop"], "default": "none"},
    "dumps": {"type": "list", "elements": "dict", "options": _DUMP, "default": []},
    "hooks": {
        "type": "dict",
        "options": {when: {"type": "list", "elements": "dict", "options": _HOOK, "default": []} for when in HOOKS},
    },
    "manifest": {"type": "str", "choices": ["sha256", "metadata", "none"], "default": "sha256"},
    "manifest_max_age": {"type": "str", "default": "30d"},
    "rpo": {"type": "str"},
    "rto": {"type": "str"},
    "enabled": {"type": "bool", "default": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
"""What the module takes for one item besides its name."""


@dataclass(frozen=True)
class Desired:
    """One job as it shall be; ``job`` is None when it shall be absent."""

    name: str
    job: Job | None
    enabled: bool = True


@dataclass(frozen=True)
class Observed:
    """One job as the host has it."""

    job: Mapping[str, Any] | None = None
    """The job file, parsed; None when it is missing or no JSON."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Name → text of the files that exist: units, and ``job`` for the job file."""
    units: Mapping[str, Unit] = field(default_factory=dict)
    repository: Path | None = None
    """The directory of the job's repository when it lies on this host."""
    program: Program | None = None
    """Told to one item of the call only, which then brings the program up to date for all of them."""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Program:
    """What of the program needs work."""

    stale: tuple[Path, ...]
    exists: bool
    release_enabled: bool


def desired(item: Mapping[str, Any]) -> Desired:
    """The options of one job as desired state. Problem on names and values that cannot be."""
    name = check_name("job", item["name"])
    if item["state"] == "absent":
        return Desired(name, None)
    for option in ("repository", "schedule"):
        if not item[option]:
            raise Problem(f"job {name}: {option} is missing. A job that is to be present needs it.")
    retention = {rule: value for rule, value in (item["retention"] or {}).items() if value is not None}
    options: dict[str, Any] = {option: item[option] for option in ("repository", "schedule", "quiesce", "manifest")}
    options.update({option: tuple(item[option] or ()) for option in ("volumes", "paths", "exclude")})
    options.update({"host": item["host"]} if item["host"] is not None else {})
    options.update({option: _seconds(name, item, option) for option in _DURATIONS})
    options["dumps"] = tuple(_dump(name, dump) for dump in item["dumps"] or ())
    options["hooks"] = Hooks(
        **{when: tuple(_hook(name, when, hook) for hook in hooks) for when, hooks in (item["hooks"] or {}).items()}
    )
    job = Job(name=name, retention=Retention(**retention), **options)
    for path in job.paths:
        _exclusion.refuse(job, f"paths {path}", path)
    return Desired(name, job, item["enabled"])


def plan(desired: Desired, observed: Observed) -> Plan:
    """The way from what the host has to what is wanted."""
    if desired.job is None:
        return _plan_absent(desired.name, observed)
    wanted = _units.units(desired.job, observed.repository)
    changed = {name: text for name, text in wanted.items() if observed.texts.get(name) != text}
    obsolete = [name for name in _units.names(desired.name) if name in observed.texts and name not in wanted]
    actions = _file_actions(desired.job, observed, changed, obsolete)
    if not changed and not obsolete:
        actions += _reload_actions(observed)
    actions += _timer_actions(_paths.backup_timer(desired.name), observed, desired.enabled)
    before = _resource(desired.name, observed)
    after = {
        **_described(desired.job.to_json()),
        "enabled": desired.enabled,
        "active": desired.enabled,
        "next_elapse": before["next_elapse"] if before and not actions else None,
        "units": sorted(wanted),
    }
    return Plan(before, after, (*_program_actions(observed.program), *actions), observed.warnings)


def _program_actions(program: Program | None) -> list[Action]:
    if program is None:
        return []
    actions = []
    if program.stale:
        verb = "update" if program.exists else "install"
        sentence = f"{verb} the program: {', '.join(map(str, program.stale))}"
        actions.append(Action("program", sentence, details={"paths": program.stale}))
    if not program.release_enabled:
        actions.append(Action("enable", f"enable {_paths.RELEASE_SERVICE}", details={"unit": _paths.RELEASE_SERVICE}))
    return actions


def _file_actions(job: Job, observed: Observed, changed: Mapping[str, str], obsolete: Sequence[str]) -> list[Action]:
    actions = []
    text = json.dumps(job.to_json(), indent=2) + "\n"
    if observed.texts.get("job") != text:
        actions.append(Action("job", _job_sentence(job, observed), details={"text": text}))
    if changed:
        actions.append(Action("units", f"write {', '.join(sorted(changed))}", details={"texts": changed}))
    for name in obsolete:
        sentence = f"remove {name}, which job {job.name} no longer needs"
        actions.append(Action("prune", sentence, details={"unit": name}))
    return actions


def _job_sentence(job: Job, observed: Observed) -> str:
    if "job" not in observed.texts:
        sources = ", ".join(
            [*(f"volume {volume}" for volume in job.volumes), *job.paths, *(dump.label for dump in job.dumps)]
        )
        return f"create job {job.name}: {sources} into repository {job.repository}, {job.schedule}"
    old = observed.job
    if old is None:
        return f"write job {job.name} anew, whose file cannot be read"
    new = job.to_json()
    changes = [
        f"{name} {_shown(old.get(name))} → {_shown(value)}" for name, value in new.items() if old.get(name) != value
    ]
    return f"change job {job.name}: {'; '.join(changes) or 'the form of its file'}"


def _shown(value: Any) -> str:
    """A value as a person reads it: of a retention only the rules that are set."""
    if isinstance(value, Mapping):
        value = {name: rule for name, rule in value.items() if rule is not None}
    return json.dumps(value, ensure_ascii=False)


def _reload_actions(observed: Observed) -> list[Action]:
    stale = [name for name, unit in observed.units.items() if unit.stale]
    return [Action("reload", f"make known to systemd how {', '.join(stale)} changed")] if stale else []


def _timer_actions(timer: str, observed: Observed, enabled: bool) -> list[Action]:
    unit = observed.units[timer]
    details = {"unit": timer}
    actions = []
    if enabled:
        if unit.file_state != "enabled":
            actions.append(Action("enable", f"enable {timer}", details=details))
        if unit.active_state != "active":
            actions.append(Action("start", f"start {timer}", settled=True, details=details))
        return actions
    if unit.active_state == "active":
        actions.append(Action("stop", f"stop {timer}", details=details))
    if unit.file_state == "enabled":
        actions.append(Action("disable", f"disable {timer}", details=details))
    return actions


def _plan_absent(name: str, observed: Observed) -> Plan:
    before = _resource(name, observed)
    if before is None:
        return Plan(None, None, tuple(_reload_actions(observed)))
    for service in (_paths.backup_service(name), _paths.retention_service(name)):
        if observed.units[service].busy:
            raise Problem(
                f"job {name}: refused to remove it while {service} runs. Wait until it is done "
                f"(journalctl -fu {service}) or stop it (systemctl stop {service}), and run this again."
            )
    units = [unit for unit in _units.names(name) if unit in observed.texts]
    details = {
        "units": units,
        "stamp": _paths.backup_timer(name) in units,
        "failed": [unit for unit in units if observed.units[unit].active_state == "failed"],
    }
    sentence = f"remove job {name} with its units; its snapshots and its state stay"
    actions = _timer_actions(_paths.backup_timer(name), observed, enabled=False)
    return Plan(before, None, (*actions, Action("remove", sentence, details=details)))


def _resource(name: str, observed: Observed) -> dict[str, Any] | None:
    """The job as the module returns it; None when nothing of it is on the host."""
    if not observed.texts:
        return None
    timer = observed.units[_paths.backup_timer(name)]
    return {
        **_described({**(observed.job or {}), "name": name}),
        "enabled": timer.file_state == "enabled",
        "active": timer.active_state == "active",
        "next_elapse": timer.next_elapse,
        "units": sorted(set(observed.texts) - {"job"}),
    }


def _described(job: Mapping[str, Any]) -> dict[str, Any]:
    return {option: value for option, value in job.items() if option != "schema"}


def _dump(job: str, options: Mapping[str, Any]) -> Dump:
    return Dump(**{**options, "command": tuple(options["command"] or ()), "timeout": _within("dumps", job, options)})


def _hook(job: str, when: str, options: Mapping[str, Any]) -> Hook:
    return Hook(tuple(options["command"]), _within(f"hooks: {when}", job, options))


def _within(option: str, job: str, options: Mapping[str, Any]) -> int:
    try:
        return seconds(options["timeout"])
    except Problem as problem:
        raise Problem(f"job {job}: {option}: timeout: {problem}") from None


def _seconds(job: str, item: Mapping[str, Any], option: str) -> int | None:
    try:
        return None if item[option] is None else seconds(item[option])
    except Problem as problem:
        raise Problem(f"job {job}: {option}: {problem}") from None
