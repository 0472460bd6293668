# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a volume is seeded or adopts data, and what stands against it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Action, Plan
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._plan import (
    FINISH,
    NEW,
    UNDO,
    State,
    actions,
    extended,
    predicted,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._seed import Seed
from hypothesis import given, strategies as some

SEED = Seed("directory", "/srv/seed")
CLONE = Seed("volume", "other")
ADOPTION = Seed("container", "db", path="/data")

STATES = some.builds(
    State,
    brought_in=some.booleans(),
    holds=some.sampled_from(["", "1 file (9 B)"]),
    is_source=some.booleans(),
    missing=some.sampled_from(["", "is not there."]),
    users=some.sampled_from([(), ("app",)]),
    source_users=some.sampled_from([(), ("db",)]),
    hindrances=some.sampled_from([(), ("container app: is paused.",)]),
    leftover=some.sampled_from(["", UNDO, FINISH]),
)


def sentences(seed: Seed | None, state: State, quiesce: str = "fail") -> list[str]:
    return [action.sentence for action in actions(seed, "app", state, quiesce)]


def refused(seed: Seed, state: State, quiesce: str = "fail") -> str:
    with pytest.raises(Problem) as problem:
        actions(seed, "app", state, quiesce)
    return str(problem.value)


def test_an_empty_volume_is_seeded() -> None:
    assert sentences(SEED, NEW) == ["seed volume app from directory /srv/seed"]
    assert sentences(ADOPTION, NEW) == ["adopt container db at /data into volume app"]


@pytest.mark.parametrize("state", [State(brought_in=True), State(holds="1 file (9 B)"), State(is_source=True)])
def test_nothing_is_seeded_twice_or_over_data(state: State) -> None:
    assert sentences(SEED, state) == []
    assert sentences(None, NEW) == []


def test_data_that_were_not_adopted_are_not_mixed_with_those_that_are() -> None:
    assert "it holds 1 file (9 B) already, which did not come from container db at /data" in refused(
        ADOPTION, State(holds="1 file (9 B)")
    )


def test_a_source_that_is_missing_is_missed_only_when_it_is_needed() -> None:
    assert refused(SEED, State(missing="is not there.")) == "volume app: seed.directory: is not there."
    assert sentences(SEED, State(missing="is not there.", holds="1 file (9 B)")) == []


@pytest.mark.parametrize(
    ("seed", "state", "quiesce", "told"),
    [
        (SEED, State(users=("web", "db")), "fail", "containers run with it and expect its data: web, db."),
        (SEED, State(users=("web",)), "pause", "pausing is not enough"),
        (CLONE, State(source_users=("db",)), "fail", "may write to volume other while it is copied: db."),
        (CLONE, State(source_users=("db",), hindrances=("container db: --rm.",)), "stop", "container db: --rm."),
    ],
)
def test_containers_in_the_way(seed: Seed, state: State, quiesce: str, told: str) -> None:
    assert told in refused(seed, state, quiesce)


@pytest.mark.parametrize(
    ("seed", "state", "quiesce", "ends"),
    [
        (SEED, State(users=("web",)), "stop", "from directory /srv/seed, with web stopped meanwhile"),
        (CLONE, State(source_users=("db",)), "pause", "from volume other, with db paused meanwhile"),
        (CLONE, State(users=("web",), source_users=("db",)), "stop", "with db, web stopped meanwhile"),
        (ADOPTION, State(source_users=("db",)), "pause", "with db paused meanwhile"),
        (ADOPTION, State(source_users=("db",)), "stop", "db stays stopped, so that nothing more goes to the old place"),
    ],
)
def test_containers_are_put_to_rest(seed: Seed, state: State, quiesce: str, ends: str) -> None:
    (sentence,) = sentences(seed, state, quiesce)
    assert sentence.endswith(ends)


def test_what_an_interrupted_run_left_is_mended_first() -> None:
    undo = "remove what an interrupted run was bringing into volume app"
    assert sentences(SEED, State(leftover=UNDO)) == [undo, "seed volume app from directory /srv/seed"]
    assert sentences(None, State(leftover=UNDO)) == [undo]
    assert sentences(SEED, State(leftover=FINISH)) == [
        "finish putting in place what an interrupted run brought into volume app"
    ]


def test_a_volume_that_takes_the_place_of_another_is_seeded_as_a_new_one() -> None:
    anew = Plan({"name": "app"}, {"name": "app"}, (Action("remove", "remove it"), Action("create", "create it")))
    plan = extended(anew, SEED, "app", State(brought_in=True, holds="1 file (9 B)"), "fail")
    assert [action.verb for action in plan.actions] == ["remove", "create", "seed"]
    assert plan.after == {"name": "app", "seeded": predicted(SEED)}


def test_a_volume_that_stays_or_goes_is_not_seeded_again() -> None:
    for plan in (Plan({"name": "app"}, {"name": "app"}), Plan({"name": "app"}, None, (Action("remove", "remove it"),))):
        assert extended(plan, SEED, "app", State(brought_in=True), "fail") == plan
    assert extended(Plan(None, {}), ADOPTION, "app", NEW, "fail").after == {"adopted": predicted(ADOPTION)}


def test_what_will_be_is_told_without_a_digest() -> None:
    assert predicted(SEED) == {"source": "directory /srv/seed", "digest": None, "at": None}


@given(
    state=STATES, quiesce=some.sampled_from(["fail", "stop", "pause"]), seed=some.sampled_from([SEED, CLONE, ADOPTION])
)
def test_data_are_never_written_over(state: State, quiesce: str, seed: Seed) -> None:
    try:
        verbs = [action.verb for action in actions(seed, "app", state, quiesce)]
    except Problem:
        return
    if state.holds or state.brought_in:
        assert "seed" not in verbs
    assert verbs in ([], ["seed"], ["seed-undo"], ["seed-undo", "seed"], ["seed-finish"])
    after = replace(state, leftover="", brought_in=True)
    assert actions(seed, "app", after, quiesce) == ()


HYDRATION = Seed("snapshot", "nightly", path="app", first_boot=True)


def test_a_snapshot_comes_before_everything_else() -> None:
    state = State(source="snapshot 1a2b3c4d of job nightly (2026-03-01 02:00 UTC), 3 files (9 B)")
    told = ["fill volume app from snapshot 1a2b3c4d of job nightly (2026-03-01 02:00 UTC), 3 files (9 B)"]
    assert sentences(HYDRATION, state) == told
    assert sentences(replace(HYDRATION, otherwise=SEED), state) == told


def test_without_one_the_volume_is_seeded_or_begins_empty() -> None:
    state = State(first_boot="the repository opens, and holds nothing.")
    assert sentences(HYDRATION, state) == [f"note that volume app begins empty: {state.first_boot}"]
    assert sentences(replace(HYDRATION, otherwise=SEED), state) == ["seed volume app from directory /srv/seed"]


@pytest.mark.parametrize(("first", "field"), [(SEED, "seeded"), (None, "hydrated")])
def test_the_prediction_of_a_first_boot_tells_what_takes_the_place_of_the_snapshot(
    first: Seed | None, field: str
) -> None:
    seed = replace(HYDRATION, otherwise=first)
    before = Plan(None, {"seeded": None, "hydrated": None}, (Action("create", "create volume app"),))
    after = extended(before, seed, "app", State(first_boot="nothing there."), "fail").after
    assert after is not None
    assert {name for name, origin in after.items() if origin} == {field}


@pytest.mark.parametrize("state", [State(brought_in=True), State(holds="1 file (9 B)")])
def test_data_that_is_there_is_not_brought_back(state: State) -> None:
    assert sentences(HYDRATION, state) == []
