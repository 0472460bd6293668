# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the containers that use the data still while it is read, and bring back exactly those, whatever happens.

Before the first container is touched, a write-ahead note names them all; it goes when all are back. A container that
several jobs keep still comes back with the last of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from . import _files, _paths
from ._engine import Container, Engine
from ._job import Job
from ._problem import Precondition, Problem
from ._sources import Source

SCHEMA = 1
_NOTES_TIMEOUT = 600


@dataclass(frozen=True)
class Held:
    """A container that a note names."""

    id: str
    name: str
    action: str
    """What brings it back: it was put to rest by ``stop`` or ``pause``, perhaps by another job that noted it first."""


def users(containers: Sequence[Container], sources: Sequence[Source]) -> list[Container]:
    """The containers that can write to one of the sources, or to something above or below it."""
    return [container for container in containers if any(_touches(container, source) for source in sources)]


def quiesce(job: Job, sources: Sequence[Source], engine: Engine) -> list[str]:
    """Stop or pause, newest first, the running containers that use the sources; their names."""
    with _notes():
        found = sorted(users(engine.containers(), sources), key=lambda container: container.created, reverse=True)
        held_elsewhere = _held_by_others(job.name)
        active = [container for container in found if container.state in ("running", "restarting")]
        noted = [container for container in found if container in active or container.id in held_elsewhere]
        if job.quiesce == "stop":
            _refuse_swarm(job, active)
            _refuse_removal(job, active, engine)
            _refuse_paused(job, noted, held_elsewhere)
        if not noted:
            return []
        held = [Held(each.id, each.name, held_elsewhere.get(each.id, job.quiesce)) for each in noted]
        _save(job.name, job.quiesce, held)
    for container in active:
        _save(job.name, job.quiesce, held, begun=container.id)
        if job.quiesce == "stop":
            engine.stop(container.id, container.name)
        else:
            engine.pause(container.id, container.name)
    return [container.name for container in active]


def release(job: str, engine: Engine) -> list[str]:
    """Bring back what the job's note names, the last stopped first; what was done, in sentences.

    Safe to repeat. Problem when one does not come back: the note then keeps it for the next time.
    """
    with _notes():
        action, held, begun = _read_note(job)
        elsewhere = _held_by_others(job)
        done: list[str] = []
        left: list[Held] = []
        problems: list[str] = []
        for container in reversed(held):
            if container.id in elsewhere:
                continue
            try:
                if (
                    container.id == begun
                    and action == "stop"
                    and engine.state(container.id, container.name) == "running"
                ):
                    # Killed while Docker was stopping it: Docker goes on, and only then can it be started.
                    engine.await_stop(container.id, container.name)
                done += _bring_back(container, engine)
            except Problem as problem:
                left.insert(0, container)
                problems.append(str(problem))
        if not problems:
            _files.remove(_paths.note_file(job))
            return done
        _save(job, action, left)
    names = ", ".join(container.name for container in left)
    raise Problem(
        f"job {job}: did not come back after the backup: {names}. {' '.join(problems)} "
        f"Start them by hand, or try again with holdfast release {job}."
    )


def noted_jobs() -> list[str]:
    """The jobs whose note says that containers are to come back."""
    try:
        notes = (_paths.STATE / "stopped").iterdir()
        return sorted(path.stem for path in notes if path.suffix == ".json" and path.name[0] != ".")
    except FileNotFoundError:
        return []


def waiting(job: str) -> list[str]:
    """The names of the containers that the job's note says are to come back."""
    return [container.name for container in _read_note(job)[1]]


def _touches(container: Container, source: Source) -> bool:
    for mount in container.mounts:
        if not mount.writable:
            continue
        if source.kind == "volume" and mount.volume == source.name:
            return True
        if mount.source and _nested(mount.source, source.path):
            return True
    return False


def _nested(one: str, other: str) -> bool:
    """Whether one path is the other, or lies in it."""
    one, other = os.path.realpath(one), os.path.realpath(other)
    return os.path.commonpath([one, other]) in (one, other)


def _refuse_swarm(job: Job, containers: Sequence[Container]) -> None:
    for container in containers:
        if container.swarm_service:
            raise Precondition(
                f"job {job.name}: container {container.name}: Swarm would start it again at once. Set quiesce: pause, "
                f"or scale the service {container.swarm_service} to 0 around the backup."
            )


def _refuse_removal(job: Job, containers: Sequence[Container], engine: Engine) -> None:
    for container in containers:
        if engine.removes_itself(container.id, container.name):
            raise Precondition(
                f"job {job.name}: container {container.name}: it was started with --rm, and Docker would remove it and "
                "its anonymous volumes when it is stopped. Set quiesce: pause."
            )


def _refuse_paused(job: Job, containers: Sequence[Container], held_elsewhere: Mapping[str, str]) -> None:
    for container in containers:
        if held_elsewhere.get(container.id) == "pause":
            raise Precondition(
                f"job {job.name}: container {container.name}: another job keeps it paused now, and would not start it "
                "again. Set the same quiesce in both jobs, or schedules that do not overlap."
            )


def _bring_back(container: Held, engine: Engine) -> list[str]:
    state = engine.state(container.id, container.name)
    if state is None:
        return [f"container {container.name} is gone and was not brought back"]
    if state == "paused":
        engine.unpause(container.id, container.name)
        return [f"unpaused container {container.name}"]
    # One that was paused and is down now did not go down through the backup, but with the host.
    if container.action == "stop" and state not in ("running", "restarting"):
        engine.start(container.id, container.name)
        return [f"started container {container.name}"]
    return []


@contextmanager
def _notes() -> Iterator[None]:
    """Nobody else writes or follows a note meanwhile."""
    _files.private_directory(_paths.STATE)
    _files.private_directory(_paths.STATE / "stopped")
    # No repository has a name that begins so, and at boot an empty directory of notes means that nothing is to be done.
    with _files.lock(_paths.STATE / "locks" / ".stopped.lock", _NOTES_TIMEOUT):
        yield


def _held_by_others(job: str) -> dict[str, str]:
    """Id → how it was put to rest."""
    held = [container for other in noted_jobs() if other != job for container in _read_note(other)[1]]
    # One that was stopped has to be started, whoever else noted it.
    return {container.id: container.action for container in sorted(held, key=lambda each: each.action == "stop")}


def _read_note(job: str) -> tuple[str, list[Held], str]:
    """What was to be done, with which containers, and with which of them it was begun last."""
    path = _paths.note_file(job)
    try:
        note = json.loads(path.read_bytes())
        schema, action = note["schema"], str(note["action"])
        if schema == SCHEMA:
            entries = note["containers"]
            # In a note of an earlier program the job's own action stands for all.
            held = [Held(str(entry["id"]), str(entry["name"]), str(entry.get("action", action))) for entry in entries]
            return action, held, str(note["begun"])
    except FileNotFoundError:
        return "", [], ""
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        why = f"is not sound ({error!r})"
    else:
        why = f"has schema {schema}, and this program knows {SCHEMA}: it was written by a newer holdfast"
    raise Problem(
        f"job {job}: the note {path} of the containers that wait to be started {why}. Use that holdfast again, or "
        "start the containers that it names by hand and move it away."
    )


def _save(job: str, action: str, held: Sequence[Held], begun: str = "") -> None:
    containers = [{"id": container.id, "name": container.name, "action": container.action} for container in held]
    note = {"schema": SCHEMA, "job": job, "action": action, "containers": containers, "begun": begun}
    path = _paths.note_file(job)
    try:
        _files.write(path, (json.dumps(note, indent=2) + "\n").encode(), 0o600)
    except OSError as error:
        raise Problem(_files.unwritten(f"job {job}: the note of its containers", path, error)) from None
