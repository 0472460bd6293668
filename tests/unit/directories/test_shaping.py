# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of directories that are really there: looked at, changed, and guarded against links."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.directories import _shaping
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._ownership import Ownership
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._shape import Wish, actions
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._shaping import (
    FirstIds,
    carry_out,
    first_ids,
    look,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.trees import _beneath

NOUN = "volume pgdata"
OWN = Ownership(os.getuid(), os.getgid())
"""What even a user without rights may give."""


def shape(root: Path, wish: Wish, first_use: bool = False) -> list[str]:
    """Look, plan and carry out, as the module does; the sentences of what was done."""
    planned = actions(NOUN, wish, look(NOUN, str(root), wish, first_use=first_use))
    for action in planned:
        carry_out(str(root), action)
    return [action.sentence for action in planned]


@pytest.fixture
def chowned(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, int]]:
    """Who was to be given what, since only root may give away."""
    given: list[tuple[str, int, int]] = []

    def chown(name: str, uid: int, gid: int, *, dir_fd: int, follow_symlinks: bool) -> None:
        assert not follow_symlinks
        given.append((f"{os.readlink(f'/proc/self/fd/{dir_fd}')}/{name}", uid, gid))

    monkeypatch.setattr(os, "chown", chown)
    return given


def test_a_shape_is_brought_about_once(tmp_path: Path) -> None:
    wish = Wish(
        Ownership(OWN.uid, OWN.gid, 0o2750),
        {"a": Ownership(mode=0o700), "b/c": Ownership(OWN.uid, OWN.gid, 0o1777)},
    )
    assert len(shape(tmp_path, wish)) == 3
    modes = {path: os.stat(tmp_path / path).st_mode & 0o7777 for path in (".", "a", "b", "b/c")}
    assert modes == {".": 0o2750, "a": 0o700, "b": 0o755, "b/c": 0o1777}
    assert shape(tmp_path, wish) == []
    (tmp_path / "a").chmod(0o755)
    assert shape(tmp_path, wish) == ["set mode 0755 → 0700 of directory a in volume pgdata"]


@pytest.mark.parametrize("is_link", [True, False])
def test_what_stands_in_the_way_is_told_and_left(tmp_path: Path, is_link: bool) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir(mode=0o700)
    (root / "a").symlink_to(outside) if is_link else (root / "a").touch()
    told = f"a is a symbolic link to {outside}" if is_link else "a is there and is no directory"
    with pytest.raises(Problem, match=f"^volume pgdata: {told}"):
        look(NOUN, str(root), Wish(directories={"a/b": Ownership(mode=0o777)}))
    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("path", ["a", "a/b"])
def test_a_link_that_comes_after_the_plan_leads_nowhere(tmp_path: Path, path: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "a" / "b").mkdir(parents=True)
    (outside / "b").mkdir(parents=True)
    wish = Wish(directories={path: Ownership(mode=0o777)})
    (action,) = actions(NOUN, wish, look(NOUN, str(root), wish))
    before = [os.stat(outside / name).st_mode for name in (".", "b")]
    (root / "a").rename(root / "was")
    (root / "a").symlink_to(outside)
    with pytest.raises(Problem, match=r"^volume pgdata: a is a symbolic link"):
        carry_out(str(root), action)
    assert [os.stat(outside / name).st_mode for name in (".", "b")] == before


def test_a_directory_that_vanished_is_not_made_again(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    wish = Wish(directories={"a": Ownership(mode=0o700)})
    (action,) = actions(NOUN, wish, look(NOUN, str(tmp_path), wish))
    (tmp_path / "a").rmdir()
    with pytest.raises(Problem, match="a was there and is gone"):
        carry_out(str(tmp_path), action)


def test_a_directory_that_others_made_meanwhile_gets_what_was_planned(tmp_path: Path) -> None:
    wish = Wish(directories={"a/b": Ownership(OWN.uid, OWN.gid, 0o700)})
    (action,) = actions(NOUN, wish, look(NOUN, str(tmp_path), wish))
    (tmp_path / "a" / "b").mkdir(parents=True)
    carry_out(str(tmp_path), action)
    assert shape(tmp_path, wish) == []


def test_a_recursion_reaches_what_lies_beneath_and_nothing_else(
    tmp_path: Path, chowned: list[tuple[str, int, int]]
) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    (outside / "stranger").touch()
    for name in ("base/1", "wal"):
        (root / name).mkdir(parents=True)
    (root / "base" / "1" / "file").touch()
    (root / "base" / "out").symlink_to(outside)
    (root / "wal" / "file").touch()
    wish = Wish(Ownership(4001), {"wal": Ownership(4002)}, recurse=True)
    seen = look(NOUN, str(root), wish, first_use=True)
    assert seen.strangers == 5
    carry_out(str(root), actions(NOUN, wish, seen)[-1])
    assert sorted(chowned) == [
        (f"{root}/base", 4001, -1),
        (f"{root}/base/1", 4001, -1),
        (f"{root}/base/1/file", 4001, -1),
        (f"{root}/base/out", 4001, -1),
        (f"{root}/wal/file", 4002, -1),
    ]


def test_a_recursion_is_for_the_first_use_and_only_where_something_differs(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    foreign = Wish(Ownership(OWN.uid, 4001), {}, recurse=True)
    assert look(NOUN, str(tmp_path), foreign).strangers == 0
    assert look(NOUN, str(tmp_path), Wish(foreign.root), first_use=True).strangers == 0
    assert look(NOUN, str(tmp_path), Wish(OWN, {}, recurse=True), first_use=True).strangers == 0
    assert look(NOUN, str(tmp_path), foreign, first_use=True).strangers == 1


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({}, (0, 0)),
        ({"SecurityOptions": ["name=seccomp,profile=builtin"], "DockerRootDir": "/var/lib/docker"}, (0, 0)),
        ({"SecurityOptions": ["name=userns"], "DockerRootDir": "/var/lib/docker/100000.165536"}, (100000, 165536)),
        ({"SecurityOptions": ["name=userns"], "DockerRootDir": "/srv/docker/231072.231072/"}, (231072, 231072)),
    ],
)
def test_the_first_ids_of_a_daemon(info: dict[str, Any], expected: tuple[int, int]) -> None:
    assert first_ids(info) == expected


def test_a_daemon_without_root_is_refused() -> None:
    with pytest.raises(Problem, match="cannot be set on a Docker without root"):
        first_ids({"SecurityOptions": ["name=rootless"], "DockerRootDir": "/home/a/.local/share/docker"})


def test_ids_are_those_that_a_container_sees(tmp_path: Path, chowned: list[tuple[str, int, int]]) -> None:
    first = FirstIds(100000, 200000)
    (tmp_path / "file").touch()
    wish = Wish(Ownership(33, 34), {}, recurse=True)
    seen = look(NOUN, str(tmp_path), wish, first, first_use=True)
    assert seen.root.uid == os.getuid() - 100000
    carry_out(str(tmp_path), actions(NOUN, wish, seen)[-1], first)
    assert chowned == [(f"{tmp_path}/file", 100033, 200034)]


def test_a_type_needs_selinux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shaping._selinux, "_STATUS", str(tmp_path / "nowhere"))
    with pytest.raises(Problem, match=r"^volume pgdata: selinux_type: SELinux does not run on this host"):
        look(NOUN, str(tmp_path), Wish(Ownership(selinux_type="container_file_t")))


def test_the_type_alone_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {"security.selinux": b"system_u:object_r:var_lib_t:s0:c1,c2\0"}
    read: Callable[[int, str], bytes] = lambda _descriptor, name: kept[name]  # noqa: E731
    monkeypatch.setattr(_shaping._selinux, "_STATUS", str(tmp_path))
    monkeypatch.setattr(os, "getxattr", read)
    monkeypatch.setattr(os, "setxattr", lambda _descriptor, name, value: kept.update({name: value}))
    wish = Wish(Ownership(selinux_type="container_file_t"))
    assert shape(tmp_path, wish) == ["set selinux_type var_lib_t → container_file_t of volume pgdata"]
    assert kept["security.selinux"] == b"system_u:object_r:container_file_t:s0:c1,c2\0"
    assert shape(tmp_path, wish) == []


def test_a_volume_whose_data_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Problem, match=f"^volume pgdata: its directories at {tmp_path}/gone cannot be read"):
        look(NOUN, f"{tmp_path}/gone", Wish(OWN))


def test_what_vanishes_under_a_recursion_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    wish = Wish(Ownership(4001), {}, recurse=True)
    action = actions(NOUN, wish, look(NOUN, str(tmp_path), wish, first_use=True))[-1]
    walk = _beneath.walk

    def gone(directory: int) -> Any:
        for entry in walk(directory):
            (tmp_path / "file").unlink()
            yield entry

    monkeypatch.setattr(_beneath, "walk", gone)
    carry_out(str(tmp_path), action)
