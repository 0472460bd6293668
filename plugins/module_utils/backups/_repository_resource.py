# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories as a resource of the pipeline: reads and changes the host; what to do is decided in ``_repository``."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._pipeline import Action, Plan, Resource
from .._privilege import require_root
from ..runner import _job, _paths
from ..runner._problem import Problem
from ..runner._repository import read
from ..runner._restic import Probe, Restic
from . import _stored
from ._repository import Desired, Observed, check_password, desired, plan, repository, url_password
from ._stored import Credentials

_SHORTEST_SECRET = 4


class Repositories(Resource[Desired, Observed]):
    """The repositories that this host knows."""

    noun = "repository"
    plural = "repositories"

    def __init__(self, module: AnsibleModule) -> None:
        self._check_mode = module.check_mode
        self._restic_is_sound = False
        _keep_secret(module)

    def desire(self, item: Mapping[str, Any]) -> Desired:
        return desired(item)

    def plan(self, desired: Desired, observed: Observed) -> Plan:
        return plan(desired, observed)

    def observe(self, desired: Sequence[Desired]) -> Sequence[Observed | Problem]:
        require_root("backup_repository", "the credentials in /etc/holdfast, which only root may read")
        seen: list[Observed | Problem] = []
        for item in desired:
            try:
                seen.append(self._observe(item))
            except Problem as problem:
                seen.append(problem)
        return seen

    def _observe(self, item: Desired) -> Observed:
        observed = Observed(_stored.read(item.name), _users(item.name), _stored.leftovers(item.name))
        if not item.location:
            return observed
        observed = replace(observed, sources=_sources(repository(item.name, item.location).local_path))
        reason = _obstacle(item) if self._check_mode else ""
        if reason:
            warning = f"repository {item.name}: not probed, since {reason}. Check mode takes it for granted."
            return replace(observed, candidate=_candidate(item, optional=True), warnings=(warning,))
        candidate = _candidate(item)
        return replace(observed, candidate=candidate, probe=self._probe(item.name, candidate))

    def _probe(self, name: str, candidate: Credentials) -> Probe:
        """Try the credentials from a folder that only root can enter, before anything stored is touched."""
        with tempfile.TemporaryDirectory(prefix="holdfast-", dir=_paths.RUN) as folder:
            _stored.write_files(Path(folder), candidate)
            restic = Restic(read(name, Path(folder)))
            if not self._restic_is_sound:
                restic.version()
                self._restic_is_sound = True
            return restic.probe()

    def apply(self, desired: Desired, action: Action) -> None:
        if action.verb == "store":
            _stored.replace(desired.name, _candidate(desired), action.details["id"])
        elif action.verb == "initialise":
            stored = read(desired.name, _paths.repository_directory(desired.name))
            _stored.record_id(desired.name, Restic(stored).init())
        elif action.verb == "record":
            _stored.record_id(desired.name, action.details["id"])
        elif action.verb == "forget":
            _stored.forget(desired.name)
        elif action.verb == "tidy":
            _stored.remove_leftovers(desired.name)


def _keep_secret(module: AnsibleModule) -> None:
    """Name to Ansible what it must mask in the result and in the arguments that it shows with -vvv."""
    items = [module.params, *(module.params["repositories"] or ())]
    passwords = {item["password"] for item in items} | {url_password(item["location"] or "") for item in items}
    values = {str(value) for item in items for value in (item["environment"] or {}).values()}
    # Ansible masks a value wherever it occurs, so a "1" or "eu" would leave nothing of an id or a path.
    module.no_log_values -= {value for value in values if len(value) < _SHORTEST_SECRET}
    module.no_log_values |= {password for password in passwords if password}


def _users(repository: str) -> tuple[str, ...]:
    """The jobs that use it; a job file that cannot be read may do so too."""
    users = []
    for name in _job.names():
        try:
            if _job.load(name).repository == repository:
                users.append(name)
        except Problem:
            users.append(name)
    return tuple(users)


def _sources(local: Path | None) -> tuple[tuple[str, str, Path], ...]:
    """The jobs and paths that would save a local repository, with its path below each of them."""
    found = []
    for name in _job.names() if local else ():
        try:
            job = _job.load(name)
        except Problem:  # it cannot run either
            continue
        found += [(name, path, inside) for path in job.paths if (inside := saved_at(local, path, job.exclude))]
    return tuple(found)


def saved_at(local: Path | None, source: str, exclude: Sequence[str]) -> Path | None:
    """Where below the source restic would come upon the repository; None when it would not, or is to leave it out."""
    if local is None:
        return None
    try:
        inside = Path(source) / Path(os.path.realpath(local)).relative_to(os.path.realpath(source))
    except ValueError:
        return None
    return None if inside in map(Path, exclude) else inside


def _candidate(item: Desired, optional: bool = False) -> Credentials:
    """The credentials to try. ``optional``: an absent password file gives an empty password, only to predict with."""
    password = item.password
    if password is None:
        noun = f"repository {item.name}"
        path = Path(item.password_file or "")
        try:
            password = path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            if not optional:
                reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
                raise Problem(
                    f"{noun}: password_file {path}: cannot be read on this host ({reason}). Put the password there "
                    "first, or give it as password."
                ) from None
            password = ""
        else:
            check_password(noun, f"password_file {path}", password)
    return Credentials(item.location, password, item.environment)


def _obstacle(item: Desired) -> str:
    """Why a bare host cannot be probed yet, in words; empty when it can."""
    if shutil.which("restic") is None:
        return "restic is not installed yet"
    if item.password_file is not None and not os.path.exists(item.password_file):
        return f"password_file {item.password_file} does not exist yet"
    local = repository(item.name, item.location).local_path
    if local is not None and not local.parent.is_dir() and _stored.read(item.name) is None:
        return f"{local.parent} does not exist yet"
    return ""
