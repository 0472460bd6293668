# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is remembered of a volume, and of whom it is believed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._provenance import (
    NOTHING,
    Origin,
    forget,
    load,
    update,
)

ORIGIN = Origin("archive /srv/seed.tar", "sha256:00", "2026-01-31T02:30:00Z")


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_paths, "STATE", tmp_path / "holdfast")
    return tmp_path / "holdfast"


def test_nothing_is_known_of_a_new_volume() -> None:
    assert load("pgdata", None) == NOTHING
    assert load("pgdata", "u-1").uuid == "u-1"


def test_what_is_remembered_comes_back_and_later_fields_join_it(state: Path) -> None:
    update("pgdata", "u-1", protected=True)
    update("pgdata", "u-1", seeded=ORIGIN)
    known = load("pgdata", "u-1")
    assert (known.uuid, known.protected, known.seeded) == ("u-1", True, ORIGIN)
    assert (state / "volumes" / "pgdata.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("namesake", ["u-2", None])
def test_a_namesake_inherits_nothing(namesake: str | None) -> None:
    update("pgdata", "u-1", protected=True, seeded=ORIGIN)
    assert not load("pgdata", namesake).protected
    assert load("pgdata", namesake).seeded is None


def test_a_volume_without_a_label_is_known_by_its_name() -> None:
    update("pgdata", None, uuid="given", protected=True)
    assert load("pgdata", None).uuid == "given"
    assert not load("pgdata", "u-1").protected


def test_a_name_with_slashes_stays_in_its_directory(state: Path) -> None:
    update("../../etc/x", None, uuid="given")
    assert [path.name for path in (state / "volumes").iterdir()] == ["..%2F..%2Fetc%2Fx.json"]


def test_forgotten_is_forgotten() -> None:
    update("pgdata", "u-1", protected=True)
    forget("pgdata")
    forget("pgdata")
    assert not load("pgdata", "u-1").protected


@pytest.mark.parametrize("content", ["{", "[]", json.dumps({"schema": 2}), json.dumps({"uuid": "u-1"})])
def test_a_protection_that_cannot_be_read_is_not_taken_for_none(state: Path, content: str) -> None:
    update("pgdata", "u-1", protected=True)
    (state / "volumes" / "pgdata.json").write_text(content)
    with pytest.raises(Problem, match="volume pgdata"):
        load("pgdata", "u-1")
