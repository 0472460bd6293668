# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories as the host shall know them and as it does, and the way from one to the other. No input, no output.

A repository is stored before it is initialised, so that there is never one whose password is known to nobody; it is
stored after it was probed, so that credentials which do not work never replace those which do. The file ``id`` is
written last and says that a repository has been there: from then on its absence is a loss, not a first boot.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .._pipeline import Action, Plan
from ..runner import _paths
from ..runner._job import check_name
from ..runner._problem import Problem
from ..runner._repository import Repository
from ..runner._restic import Finding, Probe
from ._stored import Credentials, Stored

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BACKENDS = ("s3", "sftp", "rest", "rclone", "b2", "azure", "gs", "swift")
_S3 = re.compile(r"s3:(https?://|//)?[^/]+/[^/]+.*")
_OWN_VARIABLES = re.compile(r"RESTIC_(REPOSITORY|PASSWORD|CACHE_DIR).*|CREDENTIALS_DIRECTORY")

OPTIONS: dict[str, Any] = {
    "location": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "password_file": {"type": "path", "no_log": False},
    "environment": {"type": "dict", "default": {}, "no_log": True},
    "initialise": {"type": "bool", "default": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
"""What the module takes for one item besides its name."""


@dataclass(frozen=True)
class Desired:
    """One repository as the host shall know it; ``location`` is empty when it shall be absent."""

    name: str
    location: str = field(default="", repr=False)
    password: str | None = field(default=None, repr=False)
    password_file: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    initialise: bool = True
    """Whether one is made where there is none."""


@dataclass(frozen=True)
class Observed:
    """One repository as the host knows it, and what the wanted credentials find."""

    stored: Stored | None
    jobs: tuple[str, ...] = ()
    """Which jobs of this host use it."""
    leftovers: tuple[Path, ...] = ()
    """What a run that was killed left behind."""
    candidate: Credentials | None = None
    probe: Probe | None = None
    """What the candidate finds; None when it could not be tried, which only check mode lets pass."""
    warnings: tuple[str, ...] = ()
    sources: tuple[tuple[str, str, Path], ...] = ()
    """Which jobs of this host would back it up: the job, its path, and what it would have to exclude."""


def desired(item: Mapping[str, Any]) -> Desired:
    """The options of one repository as desired state. Problem on names and values that cannot be."""
    name = check_name("repository", item["name"])
    if item["state"] == "absent":
        return Desired(name)
    noun = f"repository {name}"
    if not item["location"]:
        raise Problem(f"{noun}: location is missing. Say where it lies, such as /srv/backup/{name} or s3:https://….")
    if (item["password"] is None) == (item["password_file"] is None):
        raise Problem(f"{noun}: give it either password or password_file; restic encrypts every repository.")
    _check_location(noun, item["location"])
    if item["password"] is not None:
        check_password(noun, "password", item["password"])
    elif not os.path.isabs(item["password_file"]):
        raise Problem(f"{noun}: password_file {item['password_file']!r}: must be an absolute path on the host.")
    environment = {str(key): _value(noun, key, value) for key, value in (item["environment"] or {}).items()}
    return Desired(name, item["location"], item["password"], item["password_file"], environment, item["initialise"])


def plan(desired: Desired, observed: Observed) -> Plan:
    """The way from what the host knows to what is wanted. Problem when the repository does not allow it."""
    if observed.candidate is None:
        return _plan_absent(desired.name, observed)
    stored, candidate, probe = observed.stored, observed.candidate, observed.probe
    moved = stored is not None and _location(stored) != candidate.location
    known = stored.id if stored and not moved else ""
    _require_usable(desired.name, candidate, probe, known)
    if not known:
        _refuse_sources(desired.name, candidate, observed.sources)
    found = probe.id if probe else known
    actions = _tidy_actions(desired.name, observed) + _store_actions(desired.name, observed, candidate, found)
    if not found and not desired.initialise:
        _refuse_to_initialise(desired.name, candidate, probe)
    elif not found:
        sentence = f"initialise repository {desired.name} at {_masked(candidate.location)}"
        actions.append(Action("initialise", sentence))
    elif stored and stored.id != found and not any(action.verb == "store" for action in actions):
        actions.append(Action("record", _record_sentence(desired.name, candidate, known, found), details={"id": found}))
    after = _described(desired.name, candidate.location, candidate.environment, found or None)
    return Plan(_before(desired.name, stored), after, tuple(actions), _warnings(desired.name, observed, moved))


def url_password(location: str) -> str | None:
    """The password that a location such as ``rest:https://user:password@host/`` holds."""
    try:
        return urlsplit(location.partition(":")[2]).password
    except ValueError:
        return None


def _require_usable(name: str, candidate: Credentials, probe: Probe | None, known: str) -> None:
    """Problem unless the repository opens, or is certainly absent and was never there."""
    if probe is None or probe.finding is Finding.OPEN:
        return
    where = _masked(candidate.location)
    if probe.finding is Finding.ABSENT:
        if known:
            raise Problem(
                f"repository {name}: it has vanished: {where} holds none ({probe.detail}), although this host has used "
                f"repository {known[:8]} there. Nothing was created. Bring back what is missing, such as a mount or a "
                f"bucket. To begin an empty repository knowingly, remove {_paths.repository_directory(name) / 'id'} "
                "and run this again."
            )
        return
    if probe.finding is Finding.WRONG_PASSWORD:
        raise Problem(
            f"repository {name}: the password does not open {where}, where a repository exists. Nothing was changed on "
            "it. Give the password it was created with; to change that, add the new one to the repository first: "
            "restic key add."
        )
    raise probe.problem(repository(name, candidate.location))


def _refuse_to_initialise(name: str, candidate: Credentials, probe: Probe | None) -> None:
    """Problem: there is none, and none is to be made. Not probed, only check mode comes here: it takes it for there."""
    if probe:
        raise Problem(
            f"repository {name}: there is none at {_masked(candidate.location)} ({probe.detail}), and initialise is "
            "false. Nothing was created. Correct the location, or bring back what is missing. To begin an empty "
            "repository knowingly, set initialise: true, as the playbook provision does."
        )


def _refuse_sources(name: str, candidate: Credentials, sources: Sequence[tuple[str, str, Path]]) -> None:
    """Problem when a job of this host would save the repository."""
    for job, path, inside in sources:
        raise Problem(
            f"repository {name}: location {_masked(candidate.location)}: lies in {path}, which job {job} backs up: "
            "each run would save the repository too, into itself when the job uses it. Nothing was created. Choose a "
            f"location outside of {path}, or have the job leave it out first (backup_timer with exclude: [{inside}])."
        )


def _tidy_actions(name: str, observed: Observed) -> list[Action]:
    if not observed.leftovers:
        return []
    folders = ", ".join(map(str, observed.leftovers))
    return [Action("tidy", f"remove what an interrupted run left of repository {name}: {folders}")]


def _store_actions(name: str, observed: Observed, candidate: Credentials, found: str) -> list[Action]:
    stored = observed.stored
    if stored is None:
        sentence = f"store location, password and environment of repository {name} ({_masked(candidate.location)})"
    elif stored.differing(candidate):
        sentence = f"change repository {name}: {'; '.join(_changes(stored, candidate, found))}"
    elif stored.exposed:
        sentence = f"make the files of repository {name} readable by root alone ({', '.join(stored.exposed)})"
    else:
        return []
    return [Action("store", sentence, details={"id": found})]


def _changes(stored: Stored, candidate: Credentials, found: str) -> list[str]:
    changes = []
    for part in stored.differing(candidate):
        if part == "location":
            old = _masked(_location(stored))
            old_id = f" (repository {stored.id[:8]}, which stays as it is)" if stored.id else ""
            new_id = f"repository {found[:8]}" if found else "new"
            changes.append(f"location {old}{old_id} → {_masked(candidate.location)} ({new_id})")
        else:
            changes.append(f"its {part}")
    return changes


def _record_sentence(name: str, candidate: Credentials, known: str, found: str) -> str:
    if known:
        return f"accept that {_masked(candidate.location)} holds repository {found[:8]} now, and no longer {known[:8]}"
    return f"record that repository {name} at {_masked(candidate.location)} is {found[:8]}"


def _warnings(name: str, observed: Observed, moved: bool) -> tuple[str, ...]:
    warnings = list(observed.warnings)
    stored, probe = observed.stored, observed.probe
    if probe and stored and not moved and stored.id and probe.id and stored.id != probe.id:
        warnings.append(
            f"repository {name}: another repository ({probe.id[:8]}) lies at its location than before "
            f"({stored.id[:8]}): somebody replaced it, and the earlier snapshots are not in it."
        )
    if moved and observed.jobs:
        warnings.append(
            f"repository {name}: its location changes, and jobs {', '.join(observed.jobs)} use it. "
            "Run backup_timer for them afterwards, so that their units may reach the new one."
        )
    return tuple(warnings)


def _plan_absent(name: str, observed: Observed) -> Plan:
    tidy = _tidy_actions(name, observed)
    if observed.stored is None:
        return Plan(None, None, tuple(tidy))
    if observed.jobs:
        raise Problem(
            f"repository {name}: refused to forget it, since jobs of this host use it: {', '.join(observed.jobs)}. "
            "Remove them first (backup_timer with state: absent) or give them another repository."
        )
    where = _masked(_location(observed.stored))
    sentence = f"forget how to open repository {name}; the repository itself stays at {where}"
    return Plan(_before(name, observed.stored), None, (*tidy, Action("forget", sentence)))


def _before(name: str, stored: Stored | None) -> dict[str, Any] | None:
    if stored is None:
        return None
    lines = (stored.environment or b"").decode(errors="replace").splitlines()
    return _described(name, _location(stored), [line.partition("=")[0] for line in lines], stored.id or None)


def _described(name: str, location: str, variables: Any, repository_id: str | None) -> dict[str, Any]:
    return {
        "name": name,
        "location": _masked(location),
        "environment": sorted(variables),
        "id": repository_id,
    }


def _location(stored: Stored) -> str:
    return (stored.location or b"").decode(errors="replace").strip()


def repository(name: str, location: str) -> Repository:
    """To be looked at only: it has no files, so restic could not open it."""
    return Repository(name, location, Path(), Path())


def _masked(location: str) -> str:
    return repository("", location).masked_location


def _check_location(noun: str, location: str) -> None:
    masked = _masked(location)
    if location != location.strip() or not location.isprintable():
        raise Problem(f"{noun}: location {masked!r}: must be one line without spaces at its ends.")
    local = repository("", location).local_path
    if location.startswith("s3:") and not _S3.fullmatch(location):
        raise Problem(f"{noun}: location {masked!r}: names no bucket. Write s3:https://host/bucket or s3:host/bucket.")
    if (local is None and location.partition(":")[0] not in _BACKENDS) or (local and not local.is_absolute()):
        raise Problem(
            f"{noun}: location {masked!r}: is neither an absolute path nor begins with a kind of storage that restic "
            f"knows: {', '.join(f'{backend}:' for backend in _BACKENDS)}."
        )
    if local is None:
        return
    if os.path.normpath(local) != str(local) or ".." in local.parts or local == Path("/"):
        raise Problem(f"{noun}: location {masked!r}: must be a plain path without .. and not / itself.")


def check_password(noun: str, option: str, password: str) -> None:
    if not password or password != password.strip() or not set("\n\r\0").isdisjoint(password):
        raise Problem(
            f"{noun}: {option}: must be one line, not empty, without spaces at its ends (restic drops those, so the "
            "password that opens the repository would be another one)."
        )


def _value(noun: str, key: object, value: object) -> str:
    if not _VARIABLE.fullmatch(str(key)):
        raise Problem(f"{noun}: environment {key!r}: is no name of a variable. Use letters, digits and _.")
    if _OWN_VARIABLES.fullmatch(str(key)):
        raise Problem(f"{noun}: environment {key}: is set by holdfast itself. Use location, password or password_file.")
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, (str, int, float)) or not set("\n\r\0").isdisjoint(str(value)):
        raise Problem(f"{noun}: environment {key}: its value must be one line of text. Quote it.")
    return str(value)
