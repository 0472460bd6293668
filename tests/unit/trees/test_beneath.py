# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories that are opened without following links, and what happens when somebody puts links in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.trees import _beneath


def test_the_deepest_that_exists(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with _beneath.opened(str(tmp_path)) as root, _beneath.reached(root, ["a", "b", "c", "d"]) as (directory, count):
        assert count == 2
        assert os.path.samestat(os.fstat(directory), os.stat(tmp_path / "a" / "b"))


def test_no_names_are_the_root_itself(tmp_path: Path) -> None:
    with _beneath.opened(str(tmp_path)) as root, _beneath.reached(root, []) as (directory, count):
        assert count == 0
        assert os.path.samestat(os.fstat(directory), os.stat(tmp_path))


@pytest.mark.parametrize("names", [["link"], ["link", "deeper"], ["a", "back"]])
def test_links_are_not_followed(tmp_path: Path, names: list[str]) -> None:
    root_path, outside = tmp_path / "root", tmp_path / "outside"
    (outside / "deeper").mkdir(parents=True)
    (root_path / "a").mkdir(parents=True)
    (root_path / "link").symlink_to(outside)
    (root_path / "a" / "back").symlink_to("..")
    with _beneath.opened(str(root_path)) as root, pytest.raises(Problem) as refused, _beneath.reached(root, names):
        pass
    assert "is a symbolic link to " in str(refused.value)
    assert "links are not followed" in str(refused.value)


def test_the_root_is_no_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with (
        pytest.raises(Problem, match=f"{tmp_path}/link is a symbolic link to {tmp_path}"),
        _beneath.opened(str(tmp_path / "link")),
    ):
        pass


def test_what_is_no_directory_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with _beneath.opened(str(tmp_path)) as root, pytest.raises(Problem) as refused, _beneath.reached(root, ["file"]):
        pass
    assert str(refused.value).startswith("file is there and is no directory")


def test_made_with_exactly_the_mode(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with _beneath.opened(str(tmp_path)) as root:
            _beneath.make(root, "a", os.getuid(), os.getgid(), 0o2775)
            _beneath.make(root, "a", os.getuid(), os.getgid(), None)
            _beneath.make(root, "b", os.getuid(), os.getgid(), 0o2775)
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "b").stat().st_mode & 0o7777 == 0o2775


def test_a_link_that_came_first_is_not_made_a_directory_of(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(outside)
    with _beneath.opened(str(tmp_path)) as root, pytest.raises(Problem, match="link is a symbolic link"):
        _beneath.make(root, "link", os.getuid(), os.getgid(), 0o777)
    assert outside.stat().st_mode & 0o7777 == 0o700


def test_a_walk_sees_everything_once_and_stays_inside(tmp_path: Path) -> None:
    root_path, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    (outside / "stranger").touch()
    (root_path / "a" / "b").mkdir(parents=True)
    (root_path / "a" / "file").touch()
    (root_path / "z").mkdir()
    (root_path / "z" / "file").touch()
    (root_path / "link").symlink_to(outside)
    with _beneath.opened(str(root_path)) as root:
        seen = sorted("/".join(names) for names, _directory, _status in _beneath.walk(root))
    assert seen == ["a", "a/b", "a/file", "link", "z", "z/file"]


def test_a_directory_that_turns_into_a_link_under_way_is_left_out(tmp_path: Path) -> None:
    root_path, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    (outside / "stranger").touch()
    (root_path / "a").mkdir(parents=True)
    with _beneath.opened(str(root_path)) as root:
        walk = _beneath.walk(root)
        assert next(walk)[0] == ("a",)
        (root_path / "a").rmdir()
        (root_path / "a").symlink_to(outside)
        assert list(walk) == []


def test_a_walk_leaves_no_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "a" / "b" / "c").mkdir(parents=True)
    before = len(os.listdir("/proc/self/fd"))
    with _beneath.opened(str(tmp_path)) as root:
        walk = _beneath.walk(root)
        next(walk)
        next(walk)
        walk.close()
        assert len(list(_beneath.walk(root))) == 3
    assert len(os.listdir("/proc/self/fd")) == before
