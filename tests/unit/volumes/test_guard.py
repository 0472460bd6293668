# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._docker import Consumer
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._guard import removal
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import Volume


def used_by(*users: Consumer) -> Volume:
    return Volume("labelled", "local", {}, {}, "", "", consumers=users)


def test_the_containers_that_use_it_go_first() -> None:
    with pytest.raises(Problem, match=r"app \(exited\)\. Remove these containers first"):
        removal(used_by(Consumer("1", "app", "exited")), None)


def test_one_that_a_migration_will_create_again_uses_it_too() -> None:
    away = Consumer("1", "app", "away, in the interrupted migration of volume wiki")
    with pytest.raises(Problem, match=r"app \(away, .* of volume wiki\)\. Run the tasks of those volumes first"):
        removal(used_by(away), None)
