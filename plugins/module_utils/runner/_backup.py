# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup, in the three steps of its unit: prepare (as root), backup (confined), release (as root, always)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from . import _files, _job, _paths, _state
from ._job import Job
from ._problem import Locked, Partial, Problem
from ._words import files, size

if TYPE_CHECKING:
    from ._restic import Progress, Restic, Summary
    from ._sources import Source

SCHEMA = 1
WAIT = 600
"""Seconds to wait for a repository that somebody else works on."""
WAIT_QUIESCED = 60
"""The same while containers stand still."""


@dataclass(frozen=True)
class Prepared:
    """What ``prepare`` leaves for the steps that follow it in the same run of the unit."""

    job: str
    started: str
    sources: tuple[dict[str, Any], ...] = ()
    filled: tuple[str, ...] = ()
    quiesced: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    """restic's patterns of what restores left in the sources."""

    def save(self) -> None:
        path = _paths.sources_file(self.job)
        try:
            _files.private_directory(path.parent)
            _files.write(path, json.dumps({"schema": SCHEMA, **asdict(self)}).encode(), 0o600)
        except OSError as error:
            raise Problem(_files.unwritten(f"job {self.job}: what it is to save", path, error)) from None

    @classmethod
    def load(cls, job: str) -> Prepared:
        """Problem when the job was not prepared."""
        try:
            data = json.loads(_paths.sources_file(job).read_bytes())
        except FileNotFoundError:
            raise Problem(
                f"job {job}: not prepared. Run it as a whole, with holdfast run {job}: "
                "what its data needs is done before and after."
            ) from None
        del data["schema"]
        return cls(**{**data, **{name: tuple(data[name]) for name in ("sources", "filled", "quiesced", "apart")}})


def prepare(name: str) -> list[str]:
    """Check that every source can be saved, then keep its containers still; what was done, in sentences."""
    started = _state.now()
    with _recorded(name, _state.text(started)):
        job = _job.load(name)
        sources, filled = _sources_of(job)
        prepared = Prepared(name, _state.text(started), tuple(asdict(source) for source in sources), tuple(filled))
        prepared = replace(prepared, apart=tuple(_left_by_restores(sources)))
        prepared.save()
        if job.quiesce == "none":
            return []
        names = _quiesce(job, sources)
        Prepared(**{**asdict(prepared), "quiesced": tuple(names)}).save()
    return [f"{'stopped' if job.quiesce == 'stop' else 'paused'} container {container}" for container in names]


def backup(name: str) -> str:
    """Save what was prepared, and record how it went; a sentence. Partial when something could not be read."""
    prepared = Prepared.load(name)
    begun = time.monotonic()
    with _recorded(name, prepared.started):
        from ._repository import load
        from ._restic import Restic

        job = _job.load(name)
        restic = Restic(load(job.repository))
        restic.version()
        wait = WAIT_QUIESCED if prepared.quiesced else WAIT
        with _files.lock(_paths.lock_file(job.repository), wait, shared=True):
            remaining = wait - (time.monotonic() - begun)
            summary = restic.patiently(lambda: _save(job, prepared, restic), remaining)
            summary = _judged(job, prepared, restic, summary)
            summary, untagged = _mark(job, prepared, restic, summary) if summary.partial else (summary, "")
    return _record_snapshot(job, prepared, summary, untagged)


def release(name: str) -> list[str]:
    """Bring the job's containers back, and record a run that could not record itself; what was done, in sentences."""
    _job.check_name("job", name)
    try:
        return _bring_back(name)
    finally:
        _record_end(name)


def release_all() -> list[str]:
    """Bring back the containers of all jobs that are not running now: after a power cut, nobody else does."""
    from ._quiesce import noted_jobs

    done, problems = [], []
    for name in _idle(noted_jobs()):
        try:
            done += _bring_back(name)
        except Problem as problem:
            problems.append(str(problem))
    if problems:
        raise Problem("\n".join([*done, *problems]))
    return done


def _sources_of(job: Job) -> tuple[list[Source], list[str]]:
    from . import _restore_pending
    from ._sources import preflight, resolve

    sources = resolve(job)
    _restore_pending.require_none(job, sources)
    last = _state.load(job.name).last_success
    filled = preflight(job, sources, last.filled if last else ())
    if last is None:
        from ._unrestored import refuse

        refuse(job, sources, filled)
    return sources, filled


def _left_by_restores(sources: Sequence[Source]) -> list[str]:
    """Looked for here: the unit of the backup has mounts of its own."""
    from ._restore_leftovers import patterns

    return patterns([source.path for source in sources])


def _quiesce(job: Job, sources: Sequence[Source]) -> list[str]:
    from ._engine import Engine
    from ._quiesce import quiesce, users
    from ._repository import load
    from ._restic import Restic

    engine = Engine()
    _bring_back(job.name)  # what an earlier run may have left
    if users(engine.containers(), sources):
        # A service is not taken down for a repository that cannot be written to.
        restic = Restic(load(job.repository))
        restic.require_open()
        _await_unlocked(job, restic)
    return quiesce(job, sources, engine)


def _await_unlocked(job: Job, restic: Restic) -> None:
    """Wait while nothing stands still yet. Locked when somebody else still has the repository to himself then."""
    begun = time.monotonic()

    def look() -> None:
        holders = [lock for lock in restic.locks() if lock.exclusive]
        if holders:
            raise Locked(
                f"job {job.name}: repository {job.repository}: locked by process {holders[0].pid} on "
                f"{holders[0].host} for longer than {WAIT} s. Nothing was stopped. Run again once it has finished."
            )

    # Not held: the backup that takes it is another process.
    with _files.lock(_paths.lock_file(job.repository), WAIT, shared=True):
        pass
    restic.patiently(look, WAIT - (time.monotonic() - begun))


def _save(job: Job, prepared: Prepared, restic: Restic) -> Summary:
    manifest = str(_write_manifest(job, prepared))
    paths = [source["path"] for source in prepared.sources]
    # The last word of the patterns: whatever else they exclude, a restore needs the manifest.
    exclude = [*job.exclude, *prepared.apart, f"!{manifest}"] if job.exclude else list(prepared.apart)
    tags = ["holdfast", f"job={job.name}"]
    return restic.backup([*paths, manifest], exclude, job.host, tags, lambda progress: _show(job.name, progress))


def _judged(job: Job, prepared: Prepared, restic: Restic, summary: Summary) -> Summary:
    """The summary with what the snapshot does not hold although it should."""
    from ._completeness import left_out
    from ._sources import Source

    sources = [Source(**source) for source in prepared.sources]
    return replace(summary, left_out=left_out(restic, summary.snapshot, sources, prepared.filled, job.exclude))


def _mark(job: Job, prepared: Prepared, restic: Restic, summary: Summary) -> tuple[Summary, str]:
    """Tag the snapshot as partial; the summary with its new id, and why it could not be done, or nothing."""
    # Containers that stand still do not wait for a tag.
    wait = 0 if prepared.quiesced else WAIT_QUIESCED
    try:
        marked = restic.patiently(lambda: restic.mark_partial(summary.snapshot, job.host, job.name), wait)
    except Problem as problem:
        if problem.exit_code >= 128:
            raise
        return summary, f"; it could not be tagged partial, so latest and the retention take it for whole: {problem}"
    return replace(summary, snapshot=marked[: len(summary.snapshot)]), ""


def _write_manifest(job: Job, prepared: Prepared) -> os.PathLike[str]:
    path = _paths.manifest_file(job.name)
    volumes = {source["name"]: source["path"] for source in prepared.sources if source["kind"] == "volume"}
    manifest = {
        "schema": SCHEMA,
        "job": job.name,
        "host": job.host,
        "volumes": volumes,
        "paths": list(job.paths),
        "exclude": list(job.exclude),
    }
    content = (json.dumps(manifest, indent=2) + "\n").encode()
    # Left alone when it says so already: restic then has nothing new to store for it.
    try:
        _files.private_directory(_paths.STATE)
        _files.private_directory(path.parent)
        if not path.exists() or path.read_bytes() != content:
            _files.write(path, content, 0o600)
    except OSError as error:
        raise Problem(_files.unwritten(f"job {job.name}: its manifest", path, error)) from None
    return path


def _show(name: str, progress: Progress) -> None:
    """For whoever watches the run; no reason to end it when it cannot be written."""
    with suppress(OSError):
        _files.write(_paths.progress_file(name), json.dumps(asdict(progress)).encode(), 0o600)


def _record_snapshot(job: Job, prepared: Prepared, summary: Summary, untagged: str) -> str:
    message = f"{_lacking(summary)}{untagged}"
    _record(
        job.name,
        prepared.started,
        Partial.exit_code if summary.partial else 0,
        message,
        snapshot=summary.snapshot,
        files=summary.files,
        bytes=summary.bytes,
        bytes_added=summary.bytes_added,
        filled=prepared.filled,
    )
    if summary.partial:
        way = "Make them readable" if summary.unread else "Correct the job"
        raise Partial(
            f"job {job.name}: snapshot {summary.snapshot} is partial: {message}. "
            f"The last success stays what it was. {way} and run again."
        )
    return f"job {job.name}: snapshot {summary.snapshot}: {files(summary.files)}, {size(summary.bytes)}"


def _lacking(summary: Summary) -> str:
    """What a partial snapshot does not hold; empty for a whole one."""
    unread = summary.unread
    words = [f"{len(unread)} sources or files could not be read: {', '.join(unread[:5])}"] if unread else []
    return "; ".join([*words, *summary.left_out])


@contextmanager
def _recorded(name: str, started: str) -> Iterator[None]:
    """Record the run when a problem ends it. A run that a signal ends is recorded by ``release``, which knows why."""
    try:
        yield
    except Problem as problem:
        # 128 and more: ended by a signal.
        if problem.exit_code < 128:
            try:
                _record(name, started, problem.exit_code, str(problem))
            except Problem as second:  # as on a full disk, which may be the cause of both
                raise type(problem)(f"{problem}\n{second}") from None
        raise


def _record(name: str, started: str, exit_code: int, message: str, **figures: Any) -> None:
    invocation = os.environ.get("INVOCATION_ID", "")
    run = _state.Run.ended_now(started, exit_code, message, invocation=invocation, **figures)
    _state.update(name, lambda state: state.after_run(run))


def _record_end(name: str) -> None:
    """Record what systemd says about a run of the unit that ended without a word of its own."""
    invocation, result = os.environ.get("INVOCATION_ID"), os.environ.get("SERVICE_RESULT")
    last = _state.load(name).last_run
    if not invocation or not result or (last and last.invocation == invocation):
        return
    try:
        started = Prepared.load(name).started
    except Problem:
        started = _state.text(_state.now())
    status = os.environ.get("EXIT_STATUS", "")
    exit_code = int(status) if result == "exit-code" and status.isdigit() else Problem.exit_code
    _record(name, started, exit_code, _end(name, result, status))


def _end(name: str, result: str, status: str) -> str:
    unit = _paths.backup_service(name)
    if result == "timeout":
        why = "it had not finished when its time-out was over, and was ended"
    elif result == "oom-kill":
        why = "the host ran out of memory, and the kernel ended it"
    elif status in ("143", "TERM", "INT", "130"):
        why = "it was stopped"
    elif result in ("signal", "core-dump") and status:
        why = f"it was killed (SIG{status})"
    else:
        why = f"its unit ended with {result} {status}".rstrip()
    return f"job {name}: {why}. See journalctl -u {unit}."


def _bring_back(name: str) -> list[str]:
    """Docker is asked only when there is something to bring back."""
    if not _paths.note_file(name).exists():
        return []
    from ._engine import Engine
    from ._quiesce import release

    return release(name, Engine())


def _idle(names: Sequence[str]) -> list[str]:
    """The jobs whose unit is not at work."""
    if not names:
        return []
    from ._systemd import show

    units = show([_paths.backup_service(name) for name in names], ["ActiveState"])
    return [name for name in names if units[_paths.backup_service(name)]["ActiveState"] in ("inactive", "failed")]
