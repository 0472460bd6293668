# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._docker import Consumer
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._interrupted import (
    journals,
    refuse_unfinished,
    restored,
    with_those_away,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._journal import Held, Journal
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import Definition

PLAIN = Definition("local", {}, {})
AWAY = "away, in the interrupted migration of volume wiki"


def container(name: str, state: str, *volumes: str) -> dict[str, Any]:
    mounts = [{"Type": "volume", "Name": volume} for volume in volumes]
    return {"Id": f"{name} id", "Name": f"/{name}", "State": {"Status": state, "Pid": 7}, "Mounts": mounts}


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Journal:
    """It stopped app, which ran and uses two volumes, and idle, which is back."""
    monkeypatch.setattr(_paths, "STATE", tmp_path / "state")
    app, idle = container("app", "running", "wiki", "labelled"), container("idle", "exited", "wiki")
    held = [Held("app id", "app", "running", app), Held("idle id", "idle", "exited", idle, is_back=True)]
    return Journal("wiki", "move", PLAIN, Definition("local", {}, {"a": "b"}), held)


@pytest.mark.usefixtures("journal")
def test_a_host_without_journals_has_nobody_away() -> None:
    user = Consumer("1", "web", "running")
    assert with_those_away({"labelled": (user,), "other": ()}) == {"labelled": (user,), "other": ()}
    assert journals() == []


def test_a_container_that_is_away_counts_as_one_of_its_other_volumes_too(journal: Journal) -> None:
    journal.save()
    user = Consumer("1", "web", "running")
    found = with_those_away({"labelled": (user,), "wiki": (), "other": ()})
    assert found == {
        "labelled": (user, Consumer("app id", "app", AWAY)),
        "wiki": (Consumer("app id", "app", AWAY),),
        "other": (),
    }
    assert journals() == [journal]


def test_one_that_docker_knows_counts_once(journal: Journal) -> None:
    journal.save()
    stopped = Consumer("app id", "app", "exited")
    assert with_those_away({"labelled": (stopped,)}) == {"labelled": (stopped,)}


def test_a_journal_that_is_not_sound_may_be_about_any_container(journal: Journal) -> None:
    journal.save()
    _paths.migration_file("wiki").write_text("{", encoding="utf-8")
    (user,) = with_those_away({"other": ()})["other"]
    assert (user.name, user.state) == ("perhaps another", f"{AWAY}, whose journal is not sound")
    with pytest.raises(Problem, match="is not sound"):
        journals()


def test_containers_are_taken_as_they_will_be_once_the_migration_is_over(journal: Journal) -> None:
    other, idle = container("other", "running"), container("idle", "running", "wiki")
    assert restored([other, idle], [journal]) == [other, idle, journal.containers[0].inspect]
    stopped = {**container("app", "exited", "wiki", "labelled"), "Id": "another id"}
    (now,) = restored([stopped], [journal])
    assert now == {**stopped, "State": {"Status": "running", "Pid": 7}}


def test_what_this_user_cannot_end_is_refused() -> None:
    refuse_unfinished("labelled", {"wiki"})
    with pytest.raises(Problem, match=r"volume wiki: is in the middle of a migration.*become: true"):
        refuse_unfinished("wiki", {"wiki"})
