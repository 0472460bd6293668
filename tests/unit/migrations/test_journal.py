# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._journal import (
    CLEARING,
    RECREATING,
    VERIFIED,
    Held,
    Journal,
    all_volumes,
    load,
    lock_file,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import Definition


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_paths, "STATE", tmp_path / "state")
    return tmp_path / "state"


@pytest.fixture
def journal() -> Journal:
    held = Held("1" * 64, "db", "running", {"Config": {"Env": ["A=b"]}}, written=["/etc/app"])
    old, new = Definition("local", {}, {"a": "b"}), Definition("local", {"size": "1g"}, {})
    return Journal("pgdata", "stage-twice", old, new, [held])


def test_it_comes_back_as_it_was_saved(journal: Journal) -> None:
    assert load("pgdata") is None
    journal.fingerprint, journal.target = "f", [70, 70, 0o750]
    journal.enter(VERIFIED)
    assert load("pgdata") == journal


def test_it_is_roots_alone(journal: Journal, state: Path) -> None:
    journal.save()
    assert stat.S_IMODE((state / "migrations" / "pgdata.json").stat().st_mode) == 0o600
    assert [stat.S_IMODE(path.stat().st_mode) for path in (state, state / "migrations")] == [0o700, 0o700]


def test_phases_have_an_order(journal: Journal) -> None:
    journal.phase = VERIFIED
    assert journal.has_reached(VERIFIED)
    assert not journal.has_reached(CLEARING)


def test_what_is_over_leaves_nothing(journal: Journal, state: Path) -> None:
    journal.save()
    journal.archive(journal.containers[0]).touch()
    (state / "migrations" / ".pgdata.json.4711").touch()
    journal.forget()
    assert list((state / "migrations").iterdir()) == []
    assert load("pgdata") is None


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "is not sound"),
        ('{"schema": 1}', "is not sound"),
        (json.dumps({"schema": 2}), "has schema 2, and this program knows 1"),
    ],
)
def test_one_that_is_not_sound_is_refused_and_never_taken_for_none(state: Path, content: str, told: str) -> None:
    (state / "migrations").mkdir(parents=True)
    (state / "migrations" / "pgdata.json").write_text(content, encoding="utf-8")
    with pytest.raises(Problem, match=told):
        load("pgdata")


def test_a_migration_that_is_given_up_goes_back_to_the_old_volume(journal: Journal) -> None:
    assert not journal.is_given_up
    journal.give_up()
    there = load("pgdata")
    assert there is not None
    assert there.is_given_up
    assert there.phase == RECREATING
    assert there.new == there.old


def test_it_knows_its_containers(journal: Journal) -> None:
    assert journal.held("db").id == "1" * 64
    assert [journal.knows(name) for name in (None, "db", "web")] == [True, True, False]


def test_the_folder_tells_the_volumes(journal: Journal, state: Path) -> None:
    assert all_volumes() == []
    journal.save()
    replace(journal, volume="a/b").save()
    journal.archive(journal.containers[0]).touch()
    lock_file().touch()
    (state / "migrations" / ".pgdata.json.4711").touch()
    assert all_volumes() == ["a/b", "pgdata"]
