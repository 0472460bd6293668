# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords of a repository, and the proof that a host cannot delete, by the real restic."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.backups import _stored
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._access import Access
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._stored import Credentials
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._repository import read

pytestmark = pytest.mark.skipif(shutil.which("restic") is None, reason="restic is not installed")


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_paths, "STATE", tmp_path / "state")
    monkeypatch.setattr(_paths, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(_paths, "REPOSITORIES", tmp_path / "repositories")


def access(tmp_path: Path, password: str) -> Access:
    folder = tmp_path / password
    folder.mkdir(exist_ok=True)
    _stored.write_files(folder, Credentials(str(tmp_path / "repository"), password))
    return Access(read("main", folder))


@pytest.fixture
def first(tmp_path: Path) -> Access:
    made = access(tmp_path, "first")
    made.init()
    return made


def test_a_password_is_added_and_another_removed(tmp_path: Path, first: Access) -> None:
    second = access(tmp_path, "second")
    [old] = first.list_keys()
    first.add_key(second.repository.password_file)
    assert [key.current for key in second.list_keys() if key.id == old.id] == [False]
    second.remove_key(old.id)
    assert [key.current for key in second.list_keys()] == [True]
    with pytest.raises(Problem, match="the password does not open"):
        first.require_open()


def test_a_password_that_cannot_be_removed_is_told(first: Access) -> None:
    with pytest.raises(Problem, match="could not remove the old password"):
        first.remove_key(first.list_keys()[0].id)


def test_a_host_that_can_delete_is_found_out_and_nothing_is_left(first: Access) -> None:
    folder = first.repository.password_file.parent
    assert first.can_delete("host", folder)
    assert first.snapshots() == []


def test_only_its_own_mark_is_ever_touched(first: Access) -> None:
    folder = first.repository.password_file.parent
    for host, tag in (("other", "holdfast-proof"), ("host", "job=nightly")):
        first.backup([str(folder)], [], host, [tag], lambda _progress: None)
    before = {snapshot.id for snapshot in first.snapshots()}
    assert first.can_delete("host", folder)
    assert {snapshot.id for snapshot in first.snapshots()} == before


def test_a_snapshot_that_stays_proves_that_nothing_can_be_deleted(
    tmp_path: Path, first: Access, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A restic whose storage refuses, as rclone's append-only one does, played by a program that passes on the rest."""
    program = tmp_path / "restic"
    refusal = 'if [ "$1" = forget ]; then echo "blob not removed, server response: 403 Forbidden (403)" >&2; exit 1; fi'
    program.write_text(f'#!/bin/sh\n{refusal}\nexec {shutil.which("restic")} "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(first, "_program", str(program))
    folder = first.repository.password_file.parent
    assert not first.can_delete("host", folder)
    assert not first.can_delete("host", folder)
    assert len(first.snapshots()) == 1
    program.write_text(program.read_text().replace("403 Forbidden (403)", "no route"))
    with pytest.raises(Problem, match=r"whether it is append-only could not be proven: .*no route"):
        first.can_delete("host", folder)
