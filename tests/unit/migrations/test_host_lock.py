# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations import _host_lock
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._host_lock import HostLock
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_paths, "STATE", tmp_path / "state")
    monkeypatch.setattr(_host_lock, "_PATIENCE", 0)


def test_who_has_to_wait_is_told_for_which_volume() -> None:
    one, other = HostLock(), HostLock()
    one.hold("pgdata")
    one.hold("wiki")
    with pytest.raises(Problem, match=r"^volume uploads: cannot be migrated now: .* migrates volume wiki, and"):
        other.hold("uploads")
    one.let_go()
    other.hold("uploads")
    other.let_go()


def test_it_may_be_let_go_without_being_held_and_held_again() -> None:
    lock = HostLock()
    lock.let_go()
    for volume in ("pgdata", "wiki"):
        lock.hold(volume)
        lock.let_go()
