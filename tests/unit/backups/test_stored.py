# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stored credentials of a repository: whole at every moment, and for root alone."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.backups import _stored
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._stored import Credentials
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _files, _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._repository import read

from ..conftest import Killed, kill_after

OLD = Credentials("/srv/old", "old password", {"A": "old"})
NEW = Credentials("/srv/new", "new password", {"B": "new"})
STEPS = [
    (os, "rename"),
    (os, "replace"),
    (os, "fsync"),
    (_stored, "_exchange"),
    (_files, "synchronise"),
    (shutil, "rmtree"),
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)  # a test has no power cuts, and this is slow
    monkeypatch.setattr(_paths, "REPOSITORIES", tmp_path / "repositories")
    return tmp_path / "repositories"


def stored_is(credentials: Credentials, repository_id: str) -> bool:
    stored = _stored.read("main")
    return stored is not None and not stored.differing(credentials) and stored.id == repository_id


def test_what_is_stored_is_what_the_runner_reads(folder: Path) -> None:
    _stored.replace("main", Credentials("s3:http://host/bucket", "pass word", {"B": "2", "A": "1=1"}), "")
    repository = read("main", folder / "main")
    assert repository.location == "s3:http://host/bucket"
    assert repository.environment == {"A": "1=1", "B": "2"}
    assert repository.password_file.read_text() == "pass word\n"


def test_it_is_for_root_alone(folder: Path) -> None:
    _stored.replace("main", NEW, "abc")
    assert (folder / "main").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (folder / "main").iterdir()} == {0o600}
    names = {path.name for path in (folder / "main").iterdir()}
    assert names == {"location", "password", "environment", "options", "id"}
    stored = _stored.read("main")
    assert stored is not None
    assert stored.exposed == ()


def test_what_others_may_read_is_noticed(folder: Path) -> None:
    _stored.replace("main", NEW, "")
    (folder / "main").chmod(0o755)
    (folder / "main" / "password").chmod(0o640)
    stored = _stored.read("main")
    assert stored is not None
    assert stored.exposed == (".", "password")


def test_a_replacement_that_is_killed_leaves_all_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for steps in range(1, 100):
        _stored.replace("main", OLD, "old id")
        with monkeypatch.context() as patch:
            kill_after(steps, STEPS, patch)
            try:
                _stored.replace("main", NEW, "new id")
            except Killed:
                pass
            else:
                break
        assert stored_is(OLD, "old id") or stored_is(NEW, "new id")
        _stored.replace("main", NEW, "new id")
        assert stored_is(NEW, "new id")
        assert _stored.leftovers("main") == ()
    assert steps > 10


def test_a_first_storing_that_is_killed_leaves_nothing_or_all(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for steps in range(1, 100):
        shutil.rmtree(folder, ignore_errors=True)
        with monkeypatch.context() as patch:
            kill_after(steps, STEPS, patch)
            try:
                _stored.replace("main", NEW, "")
            except Killed:
                pass
            else:
                break
        assert _stored.read("main") is None or stored_is(NEW, "")
    assert steps > 8


def test_forgetting_that_is_killed_is_noticed_and_finished(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    for steps in range(1, 100):
        _stored.replace("main", OLD, "old id")
        with monkeypatch.context() as patch:
            kill_after(steps, STEPS, patch)
            try:
                _stored.forget("main")
            except Killed:
                pass
            else:
                break
        assert _stored.read("main") is None or stored_is(OLD, "old id")
        _stored.remove_leftovers("main")
    assert steps > 2
    assert list(folder.iterdir()) == []


def test_the_note_of_a_change_of_the_password_goes_with_all_that_is_stored(folder: Path) -> None:
    _stored.replace("main", NEW, "abc")
    _stored.note_replaced("main", "key")
    stored = _stored.read("main")
    assert stored is not None
    assert stored.replaced == "key"
    _stored.replace("main", NEW, "abc", "key")
    stored = _stored.read("main")
    assert stored is not None
    assert stored.replaced == "key"
    _stored.forget_replaced("main")
    stored = _stored.read("main")
    assert stored is not None
    assert stored.replaced == ""
    assert (folder / "main" / "id").exists()
