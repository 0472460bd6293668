# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a container's changes somebody may miss."""

from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.persistence.plugins.module_utils.engine import _layers
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._layers import layer_row, unknown_row, written
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._mounted import Container

APP = Container("1", "app", "running", "img")
CHANGED, ADDED, DELETED = range(3)


def changes(*paths: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"Path": path, "Kind": kind} for path, kind in paths]


def test_files_are_told_without_the_folders_above_them() -> None:
    found = changes(
        ("/app", CHANGED), ("/app/uploads", ADDED), ("/app/uploads/b", ADDED), ("/app/uploads/a", ADDED), ("/x", ADDED)
    )
    assert written(found, []) == ["/app/uploads/a", "/app/uploads/b", "/x"]


def test_a_folder_that_only_lost_something_was_not_written() -> None:
    assert written(changes(("/etc", CHANGED), ("/etc/motd", DELETED)), []) == []


def test_mounts_and_the_folders_in_which_they_stand_are_left_out() -> None:
    found = changes(("/srv", ADDED), ("/srv/data", ADDED), ("/srv/data/seen", ADDED), ("/srv/database", ADDED))
    assert written(found, ["/srv/data"]) == ["/srv/database"]
    assert written(found[:2], ["/srv/data"]) == []


def test_what_nobody_keeps_is_left_out() -> None:
    found = changes(("/tmp", CHANGED), ("/tmp/x", ADDED), ("/run/app.pid", ADDED), ("/tmpfile", ADDED))
    assert written(found, []) == ["/tmpfile"]


def test_the_fullest_folders_come_first() -> None:
    row = layer_row(APP, ["/a/1", "/b/1", "/b/2", "/c"])
    assert row["files"] == 4
    assert row["folders"] == [{"path": "/b", "files": 2}, {"path": "/", "files": 1}, {"path": "/a", "files": 1}]
    assert row["unknown"] is None


def test_the_answer_is_bounded() -> None:
    row = layer_row(APP, [f"/{number:04}/file" for number in range(500)])
    assert row["files"] == 500
    assert len(row["folders"]) == _layers.MOST_FOLDERS
    assert row["paths"][-1] == f"/{_layers.MOST_PATHS - 1:04}/file"


def test_what_could_not_be_looked_at_is_not_empty() -> None:
    assert unknown_row(APP, "no time")["files"] is None
    assert unknown_row(APP, "no time")["unknown"] == "no time"
