# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host that knows nothing of a job, while the repository holds its snapshots: it was made anew, and not restored.

What lies there then is empty, or what a service has made on its first start. Saved, it would become ``latest``, and
retention would age out the good snapshots behind it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from . import _job, _paths, _restore_journal, _state
from ._choice import origins
from ._job import Job
from ._problem import Precondition
from ._restic import Restic
from ._sources import Source, preflight, resolve


def refuse(job: Job, sources: Sequence[Source], filled: Collection[str]) -> None:
    """Precondition when the last snapshot holds data of a source that nobody has brought back or saved here.

    ``filled``: the labels of the sources that hold something. The repository is asked only while nothing was saved.
    """
    state = _state.load(job.name)
    if state.last_success or state.accepted:
        return
    saved_here = bool(state.summaries or state.begun)
    restored = _restore_journal.restored(job.name)
    doubtful = [
        source for source in sources if source.label not in filled or not (saved_here or source.path in restored)
    ]
    if job.dumps and not saved_here:
        # Whether a dump was loaded into its database nobody can see from here.
        dumps = str(_paths.dumps_directory(job.name))
        doubtful.append(Source("path", dumps, dumps))
        filled = [*filled, doubtful[-1].label]
    if doubtful:
        _ask(job, doubtful, filled)


def accept(name: str) -> str:
    """Record that what lies here is right, so that the next run saves it; a sentence."""
    job = _job.load(name)
    sources = resolve(job)
    if _state.load(name).last_success:
        return f"job {name}: nothing to accept: what lies here has been saved before"
    filled = preflight(job, sources, ())
    _state.update(name, lambda state: replace(state, accepted=_state.text(_state.now())))
    held = [source.place if source.label in filled else f"{source.place} (empty)" for source in sources]
    held += [dump.label for dump in job.dumps]
    return f"job {name}: accepted what lies here, which the next run saves: {', '.join(held)}"


def _ask(job: Job, doubtful: Sequence[Source], filled: Collection[str]) -> None:
    from ._repository import load

    restic = Restic(load(job.repository))
    found = restic.snapshots(job.host, job.name)
    if not found:
        # From now on a run that is killed before it can say so has not found the snapshots of another host.
        _state.update(job.name, lambda state: replace(state, begun=_state.text(_state.now())))
        return
    last = ([snapshot for snapshot in found if not snapshot.partial] or found)[-1]
    manifest = str(_paths.manifest_file(job.name))
    places = {one.label: one.path for one in origins(restic.dump(last.id, manifest), last, job.name)}
    held = f"{len(found)} snapshot{'' if len(found) == 1 else 's'}"
    for source in doubtful:
        if source.label in places and restic.holds_something(last.id, places[source.label]):
            here = "was neither restored nor saved by this host before" if source.label in filled else "is empty"
            raise Precondition(
                f"job {job.name}: {source.place} {here}, but the repository {job.repository} holds {held} of it, "
                f"the last of {_state.text(last.time)}, by host {job.host}. Nothing was saved. Restore first: holdfast "
                f"restore {job.name}; or, if what lies here is right: holdfast accept {job.name}."
            )
