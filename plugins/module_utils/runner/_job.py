# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup job as it lies on the host: /etc/holdfast/jobs/<job>.json, checked whenever it is read or written."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from . import _paths
from ._job_steps import Dump, Hooks, check_dumps, check_hooks, dumps_of, hooks_of
from ._problem import Problem

SCHEMA = 1
QUIESCE = ("none", "pause", "stop")
MANIFEST = ("sha256", "metadata", "none")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_DURATION = re.compile(r"([0-9]{1,15}) ?(s|min|h|d|w)?")
_LONGEST = 10 * 366 * 86400
"""Ten years in seconds: systemd takes what is far beyond them for none at all, and refuses more."""
_UNITS = {"": 1, "s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800}
_WITHIN = re.compile(r"(?=.)([0-9]+y)?([0-9]+m)?([0-9]+d)?([0-9]+h)?")
_VOLUME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


def check_name(noun: str, name: str) -> str:
    """The name, when it can serve as file name and in the name of a unit; Problem otherwise."""
    if not _NAME.fullmatch(name):
        raise Problem(
            f"{noun} {name!r}: not a name. Use 1 to 63 of a-z, 0-9, _ and -, and begin with a letter or digit."
        )
    return name


def seconds(text: str) -> int:
    """A duration such as ``90``, ``15min``, ``6h``, ``26h``, ``7d`` or ``2w``, in seconds."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise Problem(f"duration {text!r}: not understood. Write a number and one of s, min, h, d, w, such as 26h.")
    found = int(match[1]) * _UNITS[match[2] or ""]
    if found > _LONGEST:
        raise Problem(f"duration {text!r}: longer than ten years. Write a shorter one.")
    return found


@dataclass(frozen=True)
class Retention:
    """Which snapshots stay (restic forget); nothing set keeps every one."""

    keep_last: int | None = None
    keep_hourly: int | None = None
    keep_daily: int | None = None
    keep_weekly: int | None = None
    keep_monthly: int | None = None
    keep_yearly: int | None = None
    keep_within: str | None = None
    """A duration in restic's own form, such as ``1y2m3d4h`` (m: months)."""

    def rules(self) -> dict[str, int | str]:
        """Only what is set; empty when every snapshot is kept."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Job:
    """What is backed up where, when, and how long it is kept. Times in seconds."""

    name: str
    repository: str
    volumes: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    host: str = field(default_factory=lambda: os.uname().nodename)
    """The host name that the snapshots carry."""
    exclude: tuple[str, ...] = ()
    """restic's patterns."""
    quiesce: str = "none"
    schedule: str = "daily"
    """OnCalendar= of the timer."""
    randomized_delay: int = 0
    timeout: int = 6 * 3600
    retention: Retention = Retention()
    rpo: int | None = None
    """How old the last success may become."""
    rto: int | None = None
    """How long a restore may take."""
    dumps: tuple[Dump, ...] = ()
    """What databases write of themselves before each backup."""
    hooks: Hooks = field(default_factory=Hooks)
    manifest: str = "sha256"
    """What each snapshot tells of every entry in it: with its content's hash, without, or nothing."""
    manifest_max_age: int = 30 * 86400
    """How old a hash may become before the file is read again although nothing tells of a change."""

    def __post_init__(self) -> None:
        _check(self)

    @classmethod
    def from_json(cls, data: Any) -> Job:
        """The job from a parsed job file. Problem on unknown keys, wrong types and wrong values."""
        noun = "job file"
        values = _mapping(noun, "", data)
        noun = f"job {values['name']}" if isinstance(values.get("name"), str) else noun
        if values.pop("schema", None) != SCHEMA:
            raise Problem(f"{noun}: its schema is not {SCHEMA}. Write it again with backup_timer.")
        _refuse_unknown(noun, values, {option.name for option in fields(cls)})
        missing = [name for name in ("name", "repository") if name not in values]
        if missing:
            raise Problem(f"{noun}: {' and '.join(missing)} missing. Write it again with backup_timer.")
        for name in ("volumes", "paths", "exclude"):
            if name in values:
                values[name] = _strings(noun, name, values[name])
        if "retention" in values:
            rules = _mapping(noun, "retention: ", values["retention"])
            _refuse_unknown(f"{noun}: retention", rules, {option.name for option in fields(Retention)})
            values["retention"] = Retention(**rules)
        if "dumps" in values:
            values["dumps"] = dumps_of(noun, values["dumps"])
        if "hooks" in values:
            values["hooks"] = hooks_of(noun, values["hooks"])
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """The content of the job file; ``from_json`` gives the same job back."""
        return {"schema": SCHEMA, **_plain(asdict(self))}


def load(name: str) -> Job:
    """The job of this name on this host. Problem when there is none, or when its file is not sound."""
    path = _paths.job_file(check_name("job", name))
    try:
        data = json.loads(path.read_bytes())
    except FileNotFoundError:
        known = ", ".join(names()) or "none"
        raise Problem(
            f"job {name}: not on this host. Jobs here: {known}. Create it with backup_timer, or run the playbook "
            "provision."
        ) from None
    except PermissionError:
        raise Problem(f"job {name}: {path} cannot be read. Become root.") from None
    except ValueError as error:
        raise Problem(f"job {name}: {path} is not JSON ({error}). Write it again with backup_timer.") from None
    job = Job.from_json(data)
    if job.name != name:
        raise Problem(f"job {name}: {path} holds the job {job.name}. Write both again with backup_timer.")
    return job


def names() -> list[str]:
    """The jobs of this host, sorted."""
    try:
        return sorted(path.stem for path in _paths.JOBS.iterdir() if path.suffix == ".json" and path.name[0] != ".")
    except FileNotFoundError:
        return []


def _plain(value: Any) -> Any:
    """As JSON gives it back."""
    if isinstance(value, dict):
        return {name: _plain(entry) for name, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value


def _check(job: Job) -> None:
    _require("job", "name", job.name, isinstance(job.name, str), "a text")
    check_name("job", job.name)
    noun = f"job {job.name}"
    for name in ("repository", "host", "quiesce", "schedule", "manifest"):
        _require(noun, name, getattr(job, name), isinstance(getattr(job, name), str), "a text")
    check_name(f"{noun}: repository", job.repository)
    _require(noun, "host", job.host, re.fullmatch(r"\S+", job.host), "a host name without spaces")
    _require(noun, "quiesce", job.quiesce, job.quiesce in QUIESCE, "none, pause or stop")
    _require(noun, "manifest", job.manifest, job.manifest in MANIFEST, "sha256, metadata or none")
    _require(noun, "schedule", job.schedule, job.schedule.strip() and "\n" not in job.schedule, "a calendar expression")
    if not job.volumes and not job.paths and not job.dumps:
        raise Problem(f"{noun}: nothing to back up. Give it volumes, paths or dumps.")
    check_dumps(noun, job.dumps)
    check_hooks(noun, job.hooks)
    for volume in job.volumes:
        _require(noun, "volumes", volume, _VOLUME.fullmatch(volume), "the name of a Docker volume")
    for path in job.paths:
        plain = path.startswith("/") and os.path.normpath(path) == path and path != "/" and "\n" not in path
        _require(noun, "paths", path, plain, "an absolute path without .. and without / at its end")
    for pattern in job.exclude:
        _require(noun, "exclude", pattern, pattern.strip() and "\n" not in pattern, "a pattern of restic")
    for name in ("volumes", "paths"):
        twice = {value for value in getattr(job, name) if getattr(job, name).count(value) > 1}
        _require(noun, name, ", ".join(sorted(twice)), not twice, "named once")
    _check_numbers(noun, job)


def _check_numbers(noun: str, job: Job) -> None:
    for name, least in (("randomized_delay", 0), ("timeout", 1), ("manifest_max_age", 1)):
        value = getattr(job, name)
        _require(noun, name, value, _is_duration(value, least), f"seconds, {least} or more, and ten years at most")
    for name in ("rpo", "rto"):
        value = getattr(job, name)
        sound = value is None or _is_duration(value, 1)
        _require(noun, name, value, sound, "seconds, 1 or more, and ten years at most")
    for name, value in job.retention.rules().items():
        if name == "keep_within":
            sound = isinstance(value, str) and bool(_WITHIN.fullmatch(value))
            _require(noun, name, value, sound, "a duration such as 1y2m3d4h (m: months)")
        else:
            _require(noun, name, value, _is_count(value, 1), "a number, 1 or more")


def _require(noun: str, name: str, value: object, sound: object, wanted: str) -> None:
    if not sound:
        raise Problem(f"{noun}: {name} {value!r}: must be {wanted}.")


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_duration(value: object, least: int) -> bool:
    return _is_count(value, least) and isinstance(value, int) and value <= _LONGEST


def _mapping(noun: str, name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise Problem(f"{noun}: {name}must be an object with named values.")
    return dict(value)


def _strings(noun: str, name: str, value: object) -> tuple[str, ...]:
    entries = tuple(value) if isinstance(value, (list, tuple)) else (None,)
    _require(noun, name, value, all(isinstance(entry, str) for entry in entries), "a list of texts")
    return entries


def _refuse_unknown(noun: str, values: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(values) - known)
    if unknown:
        raise Problem(f"{noun}: unknown: {', '.join(unknown)}. Known are {', '.join(sorted(known))}.")
