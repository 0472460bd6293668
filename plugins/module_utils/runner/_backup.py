# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup, in two of the three steps of its unit: prepare (as root) and backup (confined); the third is release."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from . import _files, _job, _paths, _state
from ._job import Job
from ._prepared import Prepared, record, recorded
from ._problem import Locked, Partial, Problem
from ._release import bring_back
from ._words import files, size

if TYPE_CHECKING:
    from ._restic import Progress, Restic, Summary
    from ._sources import Source

SCHEMA = 1
WAIT = 600
"""Seconds to wait for a repository that somebody else works on."""
WAIT_QUIESCED = 60
"""The same while containers stand still."""


def prepare(name: str) -> list[str]:
    """Check that every source can be saved, then dump databases and keep containers still; what was done, in sentences.

    The owner's commands come first: one may mount what is to be saved.
    """
    started = _state.now()
    with recorded(name, _state.text(started)):
        job = _job.load(name)
        done = _run_hooks(job)
        sources, filled = _sources_of(job)
        prepared = Prepared(name, _state.text(started), tuple(asdict(source) for source in sources), tuple(filled))
        prepared = replace(prepared, apart=tuple(_left_by_restores(sources)))
        prepared.save()
        if job.dumps:
            done += _make_dumps(job)
            prepared = _with_dumps(job, prepared)
            prepared.save()
        if job.quiesce == "none":
            return done
        names = _quiesce(job, sources)
        replace(prepared, quiesced=tuple(names)).save()
    return done + [f"{'stopped' if job.quiesce == 'stop' else 'paused'} container {container}" for container in names]


def backup(name: str) -> str:
    """Save what was prepared, and record how it went; a sentence. Partial when something could not be read."""
    prepared = Prepared.load(name)
    begun = time.monotonic()
    with recorded(name, prepared.started):
        from . import _manifest
        from ._repository import load
        from ._restic import Restic

        job = _job.load(name)
        restic = Restic(load(job.repository))
        restic.version()
        wait = WAIT_QUIESCED if prepared.quiesced else WAIT
        with _files.lock(_paths.lock_file(job.repository), wait, shared=True):
            remaining = wait - (time.monotonic() - begun)
            manifests = _manifest.write(job, prepared.sources, prepared.apart)
            summary = restic.patiently(lambda: _save(job, prepared, restic, manifests), remaining)
            summary = _judged(job, prepared, restic, summary)
            summary, untagged = _mark(job, prepared, restic, summary) if summary.partial else (summary, "")
    return _record_snapshot(job, prepared, summary, untagged)


def _run_hooks(job: Job) -> list[str]:
    if not job.hooks.before:
        return []
    from ._hooks import before

    return before(job)


def _make_dumps(job: Job) -> list[str]:
    from ._dumps import make
    from ._repository import load
    from ._restic import Restic

    # A database is not kept busy for a repository that cannot be written to.
    Restic(load(job.repository)).require_open()
    return make(job)


def _with_dumps(job: Job, prepared: Prepared) -> Prepared:
    from ._sources import Source

    directory = str(_paths.dumps_directory(job.name))
    source = Source("path", directory, directory)
    # The last word of the patterns, whatever they exclude.
    apart = (*prepared.apart, *([f"!{directory}"] if job.exclude else []))
    sources, filled = (*prepared.sources, asdict(source)), (*prepared.filled, source.label)
    return replace(prepared, sources=sources, filled=filled, apart=apart)


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
    bring_back(job.name)  # what an earlier run may have left
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


def _save(job: Job, prepared: Prepared, restic: Restic, manifests: Sequence[str]) -> Summary:
    paths = [source["path"] for source in prepared.sources]
    # The last word of the patterns: whatever else they exclude, a restore needs the manifests.
    exclude = [*job.exclude, *prepared.apart, *(f"!{path}" for path in manifests if job.exclude)]
    tags = ["holdfast", f"job={job.name}"]
    return restic.backup([*paths, *manifests], exclude, job.host, tags, lambda progress: _show(job.name, progress))


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


def _show(name: str, progress: Progress) -> None:
    """For whoever watches the run; no reason to end it when it cannot be written."""
    with suppress(OSError):
        _files.write(_paths.progress_file(name), json.dumps(asdict(progress)).encode(), 0o600)


def _record_snapshot(job: Job, prepared: Prepared, summary: Summary, untagged: str) -> str:
    message = f"{_lacking(summary)}{untagged}"
    record(
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
