# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting what a folder holds."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.trees._content import Content, content_of


def test_an_empty_folder_is_empty(tmp_path: Path) -> None:
    assert content_of(str(tmp_path)) == Content()
    assert Content().is_empty


def test_files_and_folders_are_counted_and_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "big").write_bytes(b"x" * 5000)
    inside = tmp_path / "inside"
    (inside / "deep" / "deeper").mkdir(parents=True)
    (inside / "deep" / "file").write_bytes(b"x" * 300)
    (inside / "to_file").symlink_to(outside / "big")
    (inside / "to_folder").symlink_to(outside)
    (inside / "to_nothing").symlink_to("nowhere")
    os.mkfifo(inside / "pipe")
    assert content_of(str(inside)) == Content(files=5, folders=2, size=300)


def test_folders_alone_are_not_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert not content_of(str(tmp_path)).is_empty
    assert str(content_of(str(tmp_path))) == "0 files in 1 folder"


def test_an_empty_lost_and_found_is_nothing(tmp_path: Path) -> None:
    (tmp_path / "lost+found").mkdir()
    assert content_of(str(tmp_path)).is_empty
    (tmp_path / "lost+found" / "#1").touch()
    assert not content_of(str(tmp_path)).is_empty


def test_the_count_ends_at_so_many_files_or_seconds(tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / str(number)).write_bytes(b"x" * 100)
    assert content_of(str(tmp_path), most_files=7) == Content(files=7, size=700, more=True)
    assert content_of(str(tmp_path), most_files=20) == Content(files=20, size=2000)
    late = content_of(str(tmp_path), most_seconds=-1)
    assert late == Content(more=True)
    assert not late.is_empty


def test_what_cannot_be_looked_into_is_not_empty(tmp_path: Path) -> None:
    gone = content_of(str(tmp_path / "gone"))
    assert not gone.is_empty
    assert gone.unknown == f"{tmp_path}/gone: No such file or directory"
    (tmp_path / "file").touch()
    assert not content_of(str(tmp_path / "file")).is_empty
    assert not content_of("").is_empty


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (Content(files=1, size=0), "1 file (0 B)"),
        (Content(files=1204, folders=9, size=3_100_000_000), "1,204 files (3.1 GB)"),
        (Content(files=100_000, size=999_999, more=True), "more than 100,000 files (more than 1.0 MB)"),
        (Content(files=2, size=7_200_000_000_000_000), "2 files (7.2 PB)"),
        (Content(more=True), "more than 0 files in 0 folders"),
        (Content(unknown="why"), "data that cannot be counted (why)"),
    ],
)
def test_what_is_held_in_words(content: Content, said: str) -> None:
    assert str(content) == said
