# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How definition, first content, shape and what was interrupted become one plan."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Plan
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._ownership import Ownership
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._shape import Seen, Wish
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._journal import (
    BEGUN,
    RECREATING,
    VERIFIED,
    Journal,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._way import STAGE_NEW
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._plan import UNDO, State
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._seed import Seed
from ansible_collections.holdfast.persistence.plugins.module_utils.trees._content import Content
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._outlook import Observed, outlook
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._provenance import Origin, Provenance
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import (
    UUID_LABEL,
    Definition,
    Desired,
    Volume,
)

THERE = Volume("wiki", "local", {}, {UUID_LABEL: "u-1"}, "/v/wiki/_data", "2026-03-01T02:00:00Z", content=Content())
BIND = {"type": "none", "o": "bind", "device": "/srv/wiki"}
SEED = Seed("archive", "/srv/wiki.tar.gz")
WISH = Wish(Ownership(1000, 1000, 0o750), recurse=True)


def verbs(made: Plan) -> list[str]:
    return [action.verb for action in made.actions]


def test_a_new_volume_is_created_filled_and_shaped_in_this_order() -> None:
    made = outlook(Desired("wiki", seed=SEED, wish=WISH, protected=True), Observed())
    assert verbs(made) == ["create", "protect", "seed", "shape", "shape"]
    assert made.after is not None
    assert made.after["seeded"] == {"source": "archive /srv/wiki.tar.gz", "digest": None, "at": None}
    assert (made.after["uid"], made.after["mode"]) == (1000, "0750")


def test_what_is_as_declared_stays() -> None:
    origin = Origin("archive /srv/wiki.tar.gz", "sha256:00", "2026-03-01T02:00:00Z")
    seeded = replace(THERE, provenance=Provenance("u-1", is_label=True, seeded=origin))
    seen = Observed(seeded, first=State(brought_in=True), shape=Seen(Ownership(1000, 1000, 0o750)))
    made = outlook(Desired("wiki", seed=SEED, wish=WISH), seen)
    assert made.actions == ()
    assert made.before == made.after


def test_a_shape_that_cannot_be_seen_is_neither_claimed_nor_changed() -> None:
    made = outlook(Desired("wiki", wish=WISH), Observed(THERE, warnings=("not compared",)))
    assert made.actions == ()
    assert made.warnings == ("not compared",)
    assert made.after is not None
    assert "uid" not in made.after


def test_a_volume_that_goes_is_neither_filled_nor_shaped() -> None:
    made = outlook(Desired("wiki", seed=SEED, wish=WISH, present=False), Observed(THERE, first=State()))
    assert verbs(made) == ["remove"]


def test_a_migrated_volume_keeps_its_uuid_and_its_origin() -> None:
    origin = Origin("archive /srv/wiki.tar.gz", "sha256:00", "2026-03-01T02:00:00Z")
    there = replace(THERE, provenance=Provenance("u-1", is_label=True, seeded=origin, protected=True))
    made = outlook(
        Desired("wiki", driver_options=BIND, on_drift="migrate"), Observed(there, first=State(brought_in=True))
    )
    assert "migrate-swap" in verbs(made)
    assert "remove" not in verbs(made)
    assert not any(action.destroys for action in made.actions)
    assert made.after is not None
    assert (made.after["uuid"], made.after["protected"], made.after["driver_options"]) == ("u-1", True, BIND)


@pytest.mark.parametrize(("device", "shaped"), [("/srv/wiki", []), ("/srv/other", ["shape", "shape"])])
def test_the_shape_of_another_place_is_not_that_of_the_old_one(device: str, shaped: list[str]) -> None:
    there = replace(THERE, driver_options=BIND)
    wanted = {"driver_options": {**BIND, "device": device}, "labels": {"tier": "db"}, "data": "keep_in_place"}
    seen = Observed(there, shape=Seen(Ownership(1000, 1000, 0o750), {"log": Ownership(0, 0, 0o755)}))
    wish = Wish(Ownership(1000, 1000, 0o750), {"log": Ownership(0, 0, 0o755)})
    made = outlook(Desired("wiki", on_drift="migrate", wish=wish, **wanted), seen)
    assert [verb for verb in verbs(made) if verb == "shape"] == shaped


def journal(phase: str) -> Journal:
    old, new = Definition("local", {}, {UUID_LABEL: "u-1"}), Definition("local", BIND, {UUID_LABEL: "u-1"})
    return Journal("wiki", STAGE_NEW, old, new, [], phase)


@pytest.mark.parametrize("phase", [VERIFIED, RECREATING])
@pytest.mark.parametrize("there", [THERE, None])
@pytest.mark.parametrize("present", [True, False])
def test_a_proved_copy_is_put_in_place_whatever_the_task_wants(phase: str, there: Volume | None, present: bool) -> None:
    made = outlook(Desired("wiki", present=present), Observed(there, journal(phase)))
    assert made.actions
    assert set(verbs(made)) <= {"migrate-swap", "migrate-recreate", "migrate-clean"}


def test_what_was_interrupted_before_its_proof_is_undone_first_and_begun_again() -> None:
    seen = Observed(THERE, journal(BEGUN))
    assert verbs(outlook(Desired("wiki"), seen)) == ["migrate-undo"]
    again = verbs(outlook(Desired("wiki", driver_options=BIND, on_drift="migrate"), seen))
    assert again[0] == "migrate-undo"
    assert "migrate-swap" in again


@pytest.mark.parametrize(
    ("desired", "fails"),
    [
        ({"driver_options": BIND}, True),
        ({"driver_options": BIND, "on_drift": "warn"}, False),
        ({}, False),
    ],
)
def test_what_is_mounted_otherwise_is_drift_that_only_a_stop_mends(desired: dict[str, Any], fails: bool) -> None:
    there = replace(THERE, driver_options=BIND)
    seen = Observed(there, live=("its options are not in force",), live_way_out="Stop db and start again.")
    told = "volume wiki: its options are not in force. Stop db and start again."
    if fails:
        with pytest.raises(Problem, match=told):
            outlook(Desired("wiki", **desired), seen)
    else:
        made = outlook(Desired("wiki", **desired), seen)
        assert made.actions == ()
        assert made.warnings == (told,)


@pytest.mark.parametrize(
    ("desired", "first"),
    [
        ({"seed": SEED}, State(leftover=UNDO, missing="it is no file on this host. Check the path.")),
        ({"labels": {"a": "b"}}, State(leftover=UNDO)),
    ],
)
def test_an_interrupted_seed_is_undone_before_anything_is_refused(desired: dict[str, Any], first: State) -> None:
    assert verbs(outlook(Desired("wiki", **desired), Observed(THERE, first=first))) == ["seed-undo"]
    with pytest.raises(Problem):
        outlook(Desired("wiki", **desired), Observed(THERE, first=replace(first, leftover="")))


def test_an_interrupted_seed_is_undone_before_its_volume_goes() -> None:
    made = outlook(Desired("wiki", present=False), Observed(THERE, first=State(leftover=UNDO)))
    assert verbs(made) == ["seed-undo", "remove"]


def test_a_task_that_is_wrong_does_not_keep_a_migration_from_being_undone() -> None:
    made = outlook(Desired("wiki", labels={"a": "b"}), Observed(THERE, journal(BEGUN)))
    assert verbs(made) == ["migrate-undo"]
