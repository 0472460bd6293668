# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What makes a dump whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._dump_checks import lacking, trim

RDB = b"REDIS0009\xfa" + b"x" * 40 + b"\xff" + b"12345678"
GOOD = {
    "postgresql": b"--\n" * 4000 + b"--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict abc\n",
    "mariadb": b"-- x\n-- Dump completed on 2026-01-31  2:30:00\n",
    "mysql": b"-- x\n-- Dump completed on 2026-01-31  2:30:00\n",
    "mongodb": b"\x6d\xe2\x99\x81rest",
    "redis": RDB,
    "sqlite": b"SQLite format 3\0" + b"x" * 100,
    "command": b"anything",
}


@pytest.mark.parametrize("kind", GOOD)
def test_a_whole_one_lacks_nothing(tmp_path: Path, kind: str) -> None:
    (tmp_path / "dump").write_bytes(GOOD[kind])
    assert lacking(kind, tmp_path / "dump") == ""


def test_a_cluster_is_whole_too(tmp_path: Path) -> None:
    (tmp_path / "dump").write_bytes(b"--\n-- PostgreSQL database cluster dump complete\n--\n")
    assert lacking("postgresql", tmp_path / "dump") == ""


@pytest.mark.parametrize("kind", GOOD)
def test_nothing_is_no_dump(tmp_path: Path, kind: str) -> None:
    (tmp_path / "dump").touch()
    assert lacking(kind, tmp_path / "dump") == "it is empty"


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("postgresql", "broke off"),
        ("mariadb", "broke off"),
        ("mysql", "broke off"),
        ("redis", "the mark at its end is missing"),
    ],
)
@pytest.mark.parametrize("part", [0.1, 0.3, 0.45])
def test_half_of_one_is_told(tmp_path: Path, kind: str, words: str, part: float) -> None:
    whole = GOOD[kind].partition(b"\\unrestrict")[0]
    (tmp_path / "dump").write_bytes(whole[: int(len(whole) * part)])
    assert words in lacking(kind, tmp_path / "dump")


@pytest.mark.parametrize("kind", ["mongodb", "redis", "sqlite"])
def test_something_else_is_told(tmp_path: Path, kind: str) -> None:
    (tmp_path / "dump").write_bytes(b"<html>502 Bad Gateway</html>")
    assert "does not begin as one does" in lacking(kind, tmp_path / "dump")


@pytest.mark.parametrize("behind", [b"", b"0123456789abcdef" * 2 + b"01234567"])
def test_the_mark_behind_a_whole_one_is_taken_away(tmp_path: Path, behind: bytes) -> None:
    (tmp_path / "dump").write_bytes(RDB + behind)
    trim("redis", tmp_path / "dump")
    assert (tmp_path / "dump").read_bytes() == RDB


@pytest.mark.parametrize("content", [RDB[:-9] + b"ab" * 20, RDB + b"x" * 40, b"REDIS"])
def test_nothing_else_is_taken_away(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "dump").write_bytes(content)
    trim("redis", tmp_path / "dump")
    assert (tmp_path / "dump").read_bytes() == content
    assert lacking("redis", tmp_path / "dump")
