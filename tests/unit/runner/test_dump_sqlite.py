# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SQLite's databases, real ones, copied while they are written to."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _dump_sqlite
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._child import TimeOut
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job_steps import Dump
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

DUMP = Dump("app", "sqlite", path="/data/app.db")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "a db?#.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE rows (number INTEGER, text TEXT)")
        connection.executemany("INSERT INTO rows VALUES (?, ?)", [(number, "x" * 1000) for number in range(5000)])
    connection.close()
    return path


def test_what_is_committed_and_nothing_else_is_in_the_copy(database: Path, tmp_path: Path) -> None:
    writer = sqlite3.connect(database)
    writer.execute("INSERT INTO rows VALUES (-1, 'committed')")
    writer.commit()
    writer.execute("INSERT INTO rows VALUES (-2, 'not yet')")
    _dump_sqlite.copy(DUMP, str(database), tmp_path / "copy")
    writer.close()
    copy = sqlite3.connect(tmp_path / "copy")
    found = copy.execute("SELECT count(*), min(number) FROM rows").fetchone()
    copy.close()
    assert found == (5001, -1)


def test_the_database_stays_as_it_was(database: Path, tmp_path: Path) -> None:
    before = (database.read_bytes(), database.stat().st_mtime_ns)
    _dump_sqlite.copy(DUMP, str(database), tmp_path / "copy")
    assert (database.read_bytes(), database.stat().st_mtime_ns) == before


def test_a_damaged_one_is_told(database: Path, tmp_path: Path) -> None:
    content = bytearray(database.read_bytes())
    content[40960:61440] = b"\xff" * 20480
    database.write_bytes(content)
    with pytest.raises(Problem, match=r"is damaged|could not be copied"):
        _dump_sqlite.copy(DUMP, str(database), tmp_path / "copy")


def test_what_is_no_database_and_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database at all, but long enough to be looked at as one" * 20)
    with pytest.raises(Problem, match="could not be copied: file is not a database"):
        _dump_sqlite.copy(DUMP, str(tmp_path / "text"), tmp_path / "copy")
    with pytest.raises(Problem, match="is not there"):
        _dump_sqlite.copy(DUMP, str(tmp_path / "none"), tmp_path / "copy")
    assert not os.path.exists(tmp_path / "none")


def test_it_does_not_take_for_ever(database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_dump_sqlite, "_PAGES", 1)
    with pytest.raises(TimeOut):
        _dump_sqlite.copy(replace(DUMP, timeout=-1), str(database), tmp_path / "copy")


def test_the_path_in_a_container_is_found_on_the_host() -> None:
    mounts = [
        {"Destination": "/", "Source": "/wrong"},
        {"Destination": "/data", "Source": "/docker/data/_data"},
        {"Destination": "/dat", "Source": "/wrong"},
    ]
    assert _dump_sqlite.place(DUMP, {"Mounts": mounts}) == "/docker/data/_data/app.db"
    assert _dump_sqlite.place(DUMP, None) == "/data/app.db"
    with pytest.raises(Problem, match="lies in no volume"):
        _dump_sqlite.place(DUMP, {"Mounts": [{"Destination": "/other", "Source": "/x"}]})
