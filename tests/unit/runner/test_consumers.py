# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who uses what a restore would change."""

from __future__ import annotations

import json

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _consumers, _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._engine import Container, Engine, Mount

TARGET = "/srv/app"


def container(name: str, state: str, *mounts: Mount) -> Container:
    return Container(name, name, state, 1, "", mounts)


@pytest.mark.parametrize(
    ("mount", "uses"),
    [
        (Mount("", "/srv/app", False), True),
        (Mount("", "/srv/app/below", False), True),
        (Mount("", "/srv", True), True),
        (Mount("", "/srv", False), False),
        (Mount("", "/srv/application", True), False),
        (Mount("pgdata", "", True), True),
        (Mount("other", "", True), False),
    ],
)
def test_one_uses_the_target_that_sees_it_or_writes_from_above(mount: Mount, uses: bool) -> None:
    found = _consumers.users([container("db", "running", mount)], "pgdata", TARGET)
    assert found == (("db",) if uses else ())


def test_those_of_several_targets_are_named_once() -> None:
    both = container("db", "running", Mount("", "/srv/app", True), Mount("", "/srv/www", True))
    other = container("app", "running", Mount("", "/srv/www", True))
    assert _consumers.users_of_any([both, other], ["/srv/app", "/srv/www"]) == ("app", "db")


def test_those_that_run_and_those_that_a_backup_starts_again_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [container("db", "exited"), container("web", "paused"), container("old", "exited")]
    monkeypatch.setattr(Engine, "containers", lambda _self: there)
    _paths.note_file("app").parent.mkdir(parents=True)
    held = [{"id": "db", "name": "db", "action": "stop"}]
    note = {"schema": 1, "job": "app", "action": "stop", "containers": held, "begun": ""}
    _paths.note_file("app").write_text(json.dumps(note))
    found = _consumers.look(Engine(), with_volumes=True)
    assert [one.name for one in found.running] == ["web"]
    assert [one.name for one in found.returning] == ["db (job app)"]


def test_without_docker_nobody_uses_a_path() -> None:
    assert _consumers.look(Engine(), with_volumes=False) == _consumers.Consumers()


@pytest.mark.parametrize(
    ("state", "unit"),
    [("activating", "holdfast-backup-app.service"), ("deactivating", "holdfast-backup-app.service"), ("failed", "")],
)
def test_a_backup_is_busy_until_its_unit_has_ended(monkeypatch: pytest.MonkeyPatch, state: str, unit: str) -> None:
    monkeypatch.setattr(_consumers, "show", lambda units, _properties: {units[0]: {"ActiveState": state}})
    assert _consumers.busy_backup("app") == "", "without systemd there are no units"
    (_paths.RUN / "systemd" / "system").mkdir(parents=True)
    assert _consumers.busy_backup("app") == unit
