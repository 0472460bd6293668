# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories as a resource of the pipeline: reads and changes the host; what to do is decided in ``_repository``."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._pipeline import Action, Plan, Resource
from .._privilege import require_root
from ..runner import _files, _job, _paths
from ..runner._problem import Problem
from ..runner._repository import Repository, read
from ..runner._restic import Finding, Probe
from . import _access, _stored
from ._access import Access
from ._password_change import Change
from ._repository import Observed, plan
from ._repository_options import Desired, check_password, desired, repository, url_password
from ._stored import Credentials, Stored

_SHORTEST_SECRET = 4
_GUARDED = "rclone:backup_server:"
_NO_CONFIG = "<config/> does not exist"
_NO_PROGRAM = "error talking HTTP to rclone"


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
        observed = replace(observed, candidate=candidate)
        with _opened(item.name, candidate) as restic:
            if not self._restic_is_sound:
                restic.version()
                self._restic_is_sound = True
            observed = _with_change(
                item, replace(observed, probe=_certain(restic, candidate.options.get("rclone.program", ""))), restic
            )
            return self._prove(item, observed, restic)

    def _prove(self, item: Desired, observed: Observed, restic: Access) -> Observed:
        """Try whether this host can delete there, when that is asked and there is something to try it on."""
        if (
            not item.prove_append_only
            or observed.change.added_by
            or observed.probe is None
            or observed.probe.finding is not Finding.OPEN
        ):
            return observed
        if self._check_mode:
            warning = (
                f"repository {item.name}: check mode does not prove that it is append-only. Otherwise a snapshot of a "
                "few bytes would be saved there, and its removal would be tried."
            )
            return replace(observed, warnings=(*observed.warnings, warning))
        folder = restic.repository.password_file.parent
        with _files.lock(_paths.lock_file(item.name), _access.WAIT, shared=True):
            return replace(observed, append_only=not restic.can_delete(os.uname().nodename, folder))

    def apply(self, desired: Desired, action: Action) -> None:
        name, details = desired.name, action.details
        if action.verb == "store":
            _stored.replace(name, _candidate(desired), details["id"], details.get("replaced", ""))
        elif action.verb == "initialise":
            _stored.record_id(name, Access(_known(name)).init())
        elif action.verb == "add_key":
            _add_key(desired, details["old"])
        elif action.verb == "remove_key":
            _remove_key(name)
        elif action.verb == "forget_replaced":
            _stored.forget_replaced(name)
        elif action.verb == "record":
            _stored.record_id(desired.name, action.details["id"])
        elif action.verb == "forget":
            _stored.forget(desired.name)
        elif action.verb == "tidy":
            _stored.remove_leftovers(desired.name)


def _known(name: str) -> Repository:
    return read(name, _paths.repository_directory(name))


@contextmanager
def _opened(name: str, credentials: Credentials) -> Iterator[Access]:
    """restic with credentials that are not stored, in a folder that only root can enter."""
    with tempfile.TemporaryDirectory(prefix="holdfast-", dir=_paths.RUN) as folder:
        _stored.write_files(Path(folder), credentials)
        yield Access(read(name, Path(folder)))


def _certain(restic: Access, program: str) -> Probe:
    """What is at the location. A server of the role ``backup_server`` answers only where its disk is mounted."""
    probe = restic.probe()
    if probe.finding is not Finding.UNREACHABLE:
        return probe
    if restic.repository.location.startswith(_GUARDED) and _NO_CONFIG in probe.detail:
        return replace(probe, finding=Finding.ABSENT)
    if program and _NO_PROGRAM in probe.detail:
        # restic often ends before it has passed on what the program said.
        return replace(probe, detail=f"{probe.detail}; see what the program says by itself: {program} </dev/null")
    return probe


def _with_change(item: Desired, observed: Observed, restic: Access) -> Observed:
    """How far the change of the password is; restic is asked for nothing when there is none.

    Where the new one is still to be added, the finding is that of the stored one.
    """
    stored, candidate, probe = observed.stored, observed.candidate, observed.probe
    if stored is None or candidate is None or probe is None or "location" in stored.differing(candidate):
        return observed
    if probe.finding is Finding.OPEN and stored.replaced:
        return replace(observed, change=Change(noted=stored.replaced, keys=tuple(restic.list_keys())))
    if probe.finding is not Finding.WRONG_PASSWORD or item.password_change == "refuse":
        return observed
    with _opened(item.name, _before_change(candidate, stored)) as before:
        found = before.probe()
        if found.finding is not Finding.OPEN:
            return observed
        current = next(key.id for key in before.list_keys() if key.current)
        return replace(observed, probe=found, change=Change(added_by=current, noted=stored.replaced))


def _before_change(candidate: Credentials, stored: Stored) -> Credentials:
    """All as it is wanted, but with the password that is stored."""
    return replace(candidate, password=(stored.password or b"").decode(errors="replace").rstrip("\n"))


def _add_key(desired: Desired, old: str) -> None:
    """Add the wanted password with the stored one, and open the repository with it."""
    stored, candidate = _stored.read(desired.name), _candidate(desired)
    if stored is None:
        raise Problem(f"repository {desired.name}: what was stored of it is gone. Run this again.")
    _stored.note_replaced(desired.name, old)
    with _opened(desired.name, candidate) as after:
        with _opened(desired.name, _before_change(candidate, stored)) as before:
            before.add_key(after.repository.password_file)
        after.require_open()


def _remove_key(name: str) -> None:
    """Remove the replaced key once nothing that runs on this host may still need its password."""
    stored = _stored.read(name)
    if stored and stored.replaced:
        with _files.lock(_paths.lock_file(name), _access.WAIT):
            Access(_known(name)).remove_key(stored.replaced)
        _stored.forget_replaced(name)


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
    return Credentials(item.location, password, item.environment, item.restic_options)


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
