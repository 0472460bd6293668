# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The dumps of a job: made before a backup into private files, saved with it, and gone with the end of the run."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import IO, TYPE_CHECKING

from . import _child, _dump_presets, _files, _paths
from ._dump_checks import lacking, trim
from ._job import Job
from ._job_steps import SQLITE, Dump
from ._problem import Problem
from ._words import size

if TYPE_CHECKING:
    from ._dump_presets import Call

_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ")
_SHORTEST_SECRET = 4
"""Shorter ones would blacken innocent words and hide nothing that could not be guessed."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def make(job: Job) -> list[str]:
    """Make all dumps of the job anew; what was done, in sentences. Problem at the first that is not good."""
    clear(job.name)
    directory = _paths.dumps_directory(job.name)
    try:
        _files.private_directory(_paths.STATE)
        _files.private_directory(directory)
        return [_make(job, dump, directory / _dump_presets.file_name(dump)) for dump in job.dumps]
    except OSError as error:
        raise Problem(_files.unwritten(f"job {job.name}: a dump below", directory, error)) from None


def clear(job: str) -> None:
    """End a dump that still runs in a container, and remove all files. Safe to repeat."""
    _end_running(job)
    directory = _paths.dumps_directory(job)
    try:
        shutil.rmtree(directory)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise Problem(f"job {job}: its dumps in {directory} could not be removed: {error}. Remove them.") from None


def left() -> list[str]:
    """The jobs of which dumps lie on this host."""
    try:
        return sorted(path.name for path in _paths.dumps_directory("any").parent.iterdir())
    except FileNotFoundError:
        return []


def _make(job: Job, dump: Dump, path: Path) -> str:
    noun = f"job {job.name}: {dump.label}"
    try:
        if dump.type == SQLITE:
            _copy_sqlite(dump, path)
        else:
            _run(job, dump, path)
    except _child.TimeOut:
        raise Problem(
            f"{noun}: had not ended after {dump.timeout} s and was killed. Nothing was saved. Look what it waits for, "
            "or raise its timeout."
        ) from None
    except Problem as problem:
        raise Problem(f"{noun}: {str(problem).removeprefix(f'{dump.label}: ')} Nothing was saved.") from None
    trim(dump.type, path)
    missing = lacking(dump.type, path)
    if missing:
        raise Problem(f"{noun}: is not whole: {missing}. Nothing was saved. Try the command by hand.")
    return f"made {dump.label}: {size(path.stat().st_size)}"


def _run(job: Job, dump: Dump, path: Path) -> None:
    password = _password(dump)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as output:
        run = _run_inside if dump.container else _run_here
        call, ended = run(job, dump, password, output)
    if ended.code != 0:
        raise Problem(f"{call.command[0]} {_masked(ended.words, call)}.")


def _run_inside(job: Job, dump: Dump, password: str | None, output: IO[bytes]) -> tuple[Call, _child.Ended]:
    from ._engine_exec import ContainerEngine

    engine = ContainerEngine()
    found = engine.running(str(dump.container))
    surroundings = dict(pair.split("=", 1) for pair in found["Config"].get("Env") or () if "=" in pair)
    call = _dump_presets.call(dump, surroundings, password)
    ended = engine.execute(
        str(found["Id"]),
        call.command,
        dump.timeout,
        call.environment,
        output,
        call.given,
        call.run_as,
        lambda identity: _note(job.name, identity),
    )
    _note_file(job.name).unlink(missing_ok=True)
    return call, ended


def _run_here(_job: Job, dump: Dump, password: str | None, output: IO[bytes]) -> tuple[Call, _child.Ended]:
    call = _dump_presets.call(dump, {}, password)
    environment = {"PATH": _PATH, **{name: os.environ[name] for name in _PASSED_ON if name in os.environ}}
    environment.update(call.environment)
    try:
        return call, _child.run(call.command, dump.timeout, environment, output, call.given, call.run_as)
    except (FileNotFoundError, PermissionError) as error:
        raise Problem(f"{call.command[0]} could not be started: {error.strerror}. Install it, or correct it.") from None


def _copy_sqlite(dump: Dump, path: Path) -> None:
    from . import _dump_sqlite

    container = None
    if dump.container:
        from ._engine_exec import ContainerEngine

        container = ContainerEngine().running(dump.container)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
    _dump_sqlite.copy(dump, _dump_sqlite.place(dump, container), path)


def _password(dump: Dump) -> str | None:
    if not dump.password_file:
        return None
    try:
        found = Path(dump.password_file).stat()
        if found.st_mode & 0o077:
            raise Problem(f"{dump.password_file}: others than its owner may read it. chmod 0600 {dump.password_file}.")
        text = Path(dump.password_file).read_text(encoding="utf-8").rstrip("\n")
    except OSError as error:
        raise Problem(f"{dump.password_file}: the password could not be read: {error.strerror}.") from None
    if not text or "\n" in text or "\0" in text:
        raise Problem(f"{dump.password_file}: must hold the password on one line.")
    return text


def _masked(words: str, call: Call) -> str:
    """Without the passwords that the program got."""
    for secret in call.environment.values():
        words = words.replace(secret, "***") if len(secret) >= _SHORTEST_SECRET else words
    return words


def _note_file(job: str) -> Path:
    return _paths.sources_file(job).with_name("exec.json")


def _note(job: str, identity: str) -> None:
    """So that it is ended also when this process is killed: Docker would let it run on."""
    _files.private_directory(_note_file(job).parent)
    _files.write(_note_file(job), json.dumps({"exec": identity}).encode(), 0o600)


def _end_running(job: str) -> None:
    try:
        identity = str(json.loads(_note_file(job).read_bytes())["exec"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    from ._engine_exec import ContainerEngine

    ContainerEngine().kill(identity)
    _note_file(job).unlink(missing_ok=True)
