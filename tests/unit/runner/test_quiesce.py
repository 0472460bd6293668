# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers that a backup stops come back: exactly those, whatever happens, however often it is tried."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._engine import Container, Engine, Mount
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Precondition, Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._quiesce import (
    noted_jobs,
    quiesce,
    release,
    users,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._sources import Source
from hypothesis import given, strategies as st

PGDATA = Source("volume", "pgdata", "/docker/volumes/pgdata/_data")
APP = Source("path", "/srv/app", "/srv/app")


class PowerCut(BaseException):
    """Nothing of the program goes on after this."""


class FakeEngine(Engine):
    """A daemon that does what it is told, until its power is cut."""

    def __init__(self, *containers: Container) -> None:
        self.all = {container.id: container for container in containers}
        self.calls: list[str] = []
        self.cut_after: int | None = None
        self.broken: set[str] = set()
        self.slow: set[str] = set()
        self.stopping: set[str] = set()
        self.with_rm: set[str] = set()

    def containers(self) -> list[Container]:
        return list(self.all.values())

    def state(self, container: str, name: str) -> str | None:
        return self.all[container].state if container in self.all else None

    def stop(self, container: str, name: str) -> None:
        if container in self.slow:
            self.stopping.add(container)
            raise PowerCut
        self._set("stop", container, "exited")

    def removes_itself(self, container: str, name: str) -> bool:
        return container in self.with_rm

    def await_stop(self, container: str, name: str) -> None:
        if container in self.stopping:
            self._set("stop", container, "exited")

    def start(self, container: str, name: str) -> None:
        self._set("start", container, "running")

    def pause(self, container: str, name: str) -> None:
        self._set("pause", container, "paused")

    def unpause(self, container: str, name: str) -> None:
        self._set("unpause", container, "running")

    def states(self) -> dict[str, str]:
        return {container.name: container.state for container in self.all.values()}

    def _set(self, verb: str, container: str, state: str) -> None:
        if self.cut_after is not None and len(self.calls) >= self.cut_after:
            raise PowerCut
        if container in self.broken:
            raise Problem(f"Docker: could not {verb} container {container}: port is taken.")
        self.calls.append(f"{verb} {container}")
        self.all[container] = replace(self.all[container], state=state)


def container(name: str, *mounts: Mount, state: str = "running", created: int = 1, swarm: str = "") -> Container:
    return Container(name, name, state, created, swarm, mounts or (Mount("pgdata", PGDATA.path, True),))


def bind(path: str, writable: bool = True) -> Container:
    return container("x", Mount("", path, writable))


def job(name: str = "db", how: str = "stop") -> Job:
    return Job(name=name, repository="store", volumes=("pgdata",), quiesce=how)


@pytest.mark.parametrize(
    ("candidate", "uses"),
    [
        (container("x"), True),
        (container("x", Mount("other", "/docker/volumes/other/_data", True)), False),
        (container("x", Mount("pgdata", PGDATA.path, False)), False),
        (bind("/docker/volumes/pgdata/_data/base"), True),
        (bind("/docker/volumes/pgdata2/_data"), False),
        (bind("/srv/app"), True),
        (bind("/srv/app/uploads"), True),
        (bind("/srv"), True),
        (bind("/"), True),
        (bind("/", writable=False), False),
        (bind("/srv/app2"), False),
        (Container("x", "x", "running", 1, "", ()), False),
    ],
)
def test_which_containers_use_the_data(candidate: Container, uses: bool) -> None:
    assert bool(users([candidate], [PGDATA, APP])) is uses


def test_running_containers_stop_and_come_back_and_a_stopped_one_stays_stopped() -> None:
    engine = FakeEngine(
        container("db", created=1),
        container("web", created=2),
        container("old", state="exited"),
        container("else", Mount("", "/opt", True)),
    )
    assert quiesce(job(), [PGDATA], engine) == ["web", "db"]
    assert engine.states() == {"db": "exited", "web": "exited", "old": "exited", "else": "running"}
    assert release("db", engine) == ["started container db", "started container web"]
    assert engine.states() == {"db": "running", "web": "running", "old": "exited", "else": "running"}
    assert noted_jobs() == []


def test_pause_and_unpause() -> None:
    engine = FakeEngine(container("db"), container("frozen", state="paused"))
    assert quiesce(job(how="pause"), [PGDATA], engine) == ["db"]
    assert release("db", engine) == ["unpaused container db"]
    assert engine.states() == {"db": "running", "frozen": "paused"}


@pytest.mark.parametrize("how", ["stop", "pause"])
@pytest.mark.parametrize("cut", range(3))
def test_whenever_the_power_is_cut_the_containers_come_back(how: str, cut: int) -> None:
    engine = FakeEngine(container("a", created=1), container("b", created=2), container("old", state="exited"))
    engine.cut_after = cut
    with suppress(PowerCut):
        quiesce(job(how=how), [PGDATA], engine)
    engine.cut_after = None
    assert noted_jobs() == ["db"]
    for _again in range(2):
        release("db", engine)
        assert engine.states() == {"a": "running", "b": "running", "old": "exited"}


def test_power_cut_while_they_are_brought_back() -> None:
    engine = FakeEngine(container("a", created=1), container("b", created=2))
    quiesce(job(), [PGDATA], engine)
    engine.cut_after = 3
    with pytest.raises(PowerCut):
        release("db", engine)
    assert sorted(engine.states().values()) == ["exited", "running"]
    engine.cut_after = None
    release("db", engine)
    assert set(engine.states().values()) == {"running"}


@given(st.lists(st.sampled_from(["quiesce", "release", "cut"]), max_size=8))
def test_after_any_history_one_release_brings_back_exactly_what_ran(steps: list[str]) -> None:
    _paths.note_file("db").unlink(missing_ok=True)
    engine = FakeEngine(container("a"), container("b", created=2), container("old", state="exited"))
    for step in steps:
        if step == "release":
            release("db", engine)
        else:
            release("db", engine)  # as prepare does
            engine.cut_after = len(engine.calls) + 1 if step == "cut" else None
            with suppress(PowerCut):
                quiesce(job(), [PGDATA], engine)
            engine.cut_after = None
    release("db", engine)
    assert engine.states() == {"a": "running", "b": "running", "old": "exited"}
    assert release("db", engine) == []


def test_the_note_is_on_the_disk_before_the_first_container_is_touched() -> None:
    engine = FakeEngine(container("db"))
    engine.cut_after = 0
    with pytest.raises(PowerCut):
        quiesce(job(), [PGDATA], engine)
    note = json.loads(_paths.note_file("db").read_text())
    assert note == {
        "schema": 1,
        "job": "db",
        "action": "stop",
        "containers": [{"id": "db", "name": "db", "action": "stop"}],
        "begun": "db",
    }


def test_killed_while_docker_is_stopping_a_container_which_then_goes_down() -> None:
    engine = FakeEngine(container("a", created=1), container("b", created=2))
    engine.slow = {"b"}
    with pytest.raises(PowerCut):
        quiesce(job(), [PGDATA], engine)
    assert engine.states() == {"a": "running", "b": "running"}
    assert release("db", engine) == ["started container b"]
    assert engine.states() == {"a": "running", "b": "running"}
    assert engine.calls == ["stop b", "start b"]


def test_a_container_that_does_not_come_back_is_named_and_tried_again() -> None:
    engine = FakeEngine(container("a", created=1), container("b", created=2))
    quiesce(job(), [PGDATA], engine)
    engine.broken = {"b"}
    with pytest.raises(Problem, match=r"job db: did not come back after the backup: b. .*port is taken"):
        release("db", engine)
    assert engine.states() == {"a": "running", "b": "exited"}
    engine.broken = set()
    assert release("db", engine) == ["started container b"]


def test_a_container_that_was_removed_meanwhile_stops_nobody() -> None:
    engine = FakeEngine(container("a"), container("b"))
    quiesce(job(), [PGDATA], engine)
    del engine.all["a"]
    assert "container a is gone and was not brought back" in release("db", engine)
    assert noted_jobs() == []


def test_a_paused_container_that_went_down_with_the_host_is_not_started() -> None:
    engine = FakeEngine(container("db"))
    quiesce(job(how="pause"), [PGDATA], engine)
    engine.all["db"] = container("db", state="exited")
    assert release("db", engine) == []
    assert engine.states() == {"db": "exited"}


@pytest.mark.parametrize("first", ["one", "two"])
def test_a_container_of_two_jobs_comes_back_with_the_last_of_them(first: str) -> None:
    engine = FakeEngine(container("db"))
    quiesce(job("one"), [PGDATA], engine)
    quiesce(job("two"), [PGDATA], engine)
    assert release(first, engine) == []
    assert engine.states() == {"db": "exited"}
    assert release("two" if first == "one" else "one", engine) == ["started container db"]


def test_swarm_would_start_it_again() -> None:
    engine = FakeEngine(container("web.1", swarm="web"))
    with pytest.raises(Precondition, match=r"container web.1: Swarm would start it again at once"):
        quiesce(job(), [PGDATA], engine)
    assert engine.calls == []
    assert noted_jobs() == []
    assert quiesce(job(how="pause"), [PGDATA], engine) == ["web.1"]


@pytest.mark.parametrize("first", ["one", "two"])
def test_a_container_that_one_job_stopped_and_another_would_pause_is_started_by_the_last(first: str) -> None:
    engine = FakeEngine(container("db"))
    quiesce(job("one", "stop"), [PGDATA], engine)
    assert quiesce(job("two", "pause"), [PGDATA], engine) == []
    assert release(first, engine) == []
    assert release("two" if first == "one" else "one", engine) == ["started container db"]
    assert engine.states() == {"db": "running"}


def test_a_container_that_another_job_paused_is_not_stopped() -> None:
    engine = FakeEngine(container("db"))
    quiesce(job("one", "pause"), [PGDATA], engine)
    with pytest.raises(Precondition, match=r"container db: another job keeps it paused now"):
        quiesce(job("two", "stop"), [PGDATA], engine)
    assert noted_jobs() == ["one"]
    assert release("one", engine) == ["unpaused container db"]


def test_a_container_that_docker_would_remove_is_not_stopped() -> None:
    engine = FakeEngine(container("tool"))
    engine.with_rm = {"tool"}
    with pytest.raises(Precondition, match=r"container tool: it was started with --rm, .* Set quiesce: pause"):
        quiesce(job(), [PGDATA], engine)
    assert engine.calls == []
    assert noted_jobs() == []
    assert quiesce(job(how="pause"), [PGDATA], engine) == ["tool"]


def test_the_note_of_an_earlier_or_a_later_program_of_the_same_schema_is_followed() -> None:
    engine = FakeEngine(container("db"))
    quiesce(job(), [PGDATA], engine)
    note = json.loads(_paths.note_file("db").read_text())
    del note["containers"][0]["action"]
    note["containers"][0]["new"] = note["new"] = 1
    _paths.note_file("db").write_text(json.dumps(note))
    assert release("db", engine) == ["started container db"]


@pytest.mark.parametrize(
    ("content", "words"), [('{"schema": 2, "action": "stop"}', "has schema 2"), ("{", "is not sound")]
)
def test_a_note_that_is_not_understood_is_named_with_the_way_out(content: str, words: str) -> None:
    engine = FakeEngine(container("db"))
    quiesce(job(), [PGDATA], engine)
    _paths.note_file("db").write_text(content)
    with pytest.raises(Problem, match=rf"stopped/db.json .*{words}.* by hand and move it away"):
        release("db", engine)


def test_nothing_to_stop_leaves_no_note() -> None:
    assert quiesce(job(), [PGDATA], FakeEngine(container("old", state="exited"))) == []
    assert noted_jobs() == []
