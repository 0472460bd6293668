# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directories that are really there: looked at, made, changed, removed, and guarded against links."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Action
from ansible_collections.holdfast.persistence.plugins.module_utils.directories import _resource
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._acl import parse
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._bind_directory import Desired, Seen
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._ownership import Ownership
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._resource import BindDirectories
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _mountinfo
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

OWN = Ownership(os.getuid(), os.getgid(), 0o750)
ROOT = _mountinfo.Mount("/", "ext4", "/dev/vda")


class Module:
    """As much of AnsibleModule as the resource asks for."""

    def __init__(self, check_mode: bool = False) -> None:
        self.check_mode = check_mode
        self.warnings: list[str] = []

    def warn(self, warning: str) -> None:
        self.warnings.append(warning)


@pytest.fixture(autouse=True)
def mounts(monkeypatch: pytest.MonkeyPatch) -> list[_mountinfo.Mount]:
    table = [ROOT]
    monkeypatch.setattr(_mountinfo, "mounts", lambda: tuple(table))
    monkeypatch.setattr(_resource, "require_root", lambda *_words: None)
    monkeypatch.setattr(_resource, "users_of", lambda *_where: ())
    return table


@pytest.fixture
def resource() -> BindDirectories:
    module: Any = Module()
    return BindDirectories(module)


def look(resource: BindDirectories, desired: Desired) -> Seen:
    (seen,) = resource.observe([desired])
    assert isinstance(seen, Seen), seen
    return seen


def bring_about(resource: BindDirectories, desired: Desired) -> list[str]:
    """Look, plan and carry out, as the pipeline does; the sentences of what was done."""
    actions = resource.plan(desired, look(resource, desired)).actions
    for action in actions:
        resource.apply(desired, action)
    return [action.sentence for action in actions]


def test_a_directory_is_brought_about_once(resource: BindDirectories, tmp_path: Path) -> None:
    path = tmp_path / "above" / "app"
    desired = Desired(str(path), OWN)
    told = f"create directory {path} with owner {OWN.uid}, group {OWN.gid}, mode 0750, and {tmp_path}/above above it"
    if os.getuid() == 0:
        assert bring_about(resource, desired) == [told]
        assert path.parent.stat().st_mode & 0o7777 == 0o755
    else:
        path.mkdir(parents=True, mode=0o750)
    assert bring_about(resource, desired) == []
    path.chmod(0o777)
    assert bring_about(resource, desired) == [f"set mode 0777 → 0750 of directory {path}"]


def test_what_other_items_make_is_not_told_twice(resource: BindDirectories, tmp_path: Path) -> None:
    outer, inner = Desired(f"{tmp_path}/a"), Desired(f"{tmp_path}/a/b/c")
    seen: Sequence[Any] = resource.observe([inner, outer])
    assert seen[0].missing == (f"{tmp_path}/a/b",)
    assert seen[1].missing == ()


def test_a_list_is_set_and_taken_away(resource: BindDirectories, tmp_path: Path) -> None:
    path = tmp_path / "app"
    path.mkdir(mode=0o750)
    if look(resource, Desired(str(path))).acl is None:
        pytest.skip("the file system of the tests keeps no access control lists")
    desired = Desired(str(path), Ownership(mode=0o2750), parse(["u:33:rwx", "d:g:34:r-x"]))
    assert len(bring_about(resource, desired)) == 1
    assert path.stat().st_mode & 0o7777 == 0o2770
    assert bring_about(resource, desired) == []
    path.chmod(0o700)  # with a list, this takes from the mask and not from the owning group
    assert bring_about(resource, desired) == [f"set mode 0750 → 2750, acl +mask::rwx -mask::--- of directory {path}"]
    assert bring_about(resource, desired) == []
    assert bring_about(resource, replace(desired, acl=None)) == ["set mode 2770 → 2750 of directory " + str(path)]
    assert bring_about(resource, replace(desired, acl=())) != []
    assert path.stat().st_mode & 0o7777 == 0o2750
    assert not [name for name in os.listxattr(path) if "acl" in name]


@pytest.mark.parametrize("below", ["link", "link/deeper", "link/deeper/new"])
def test_links_are_not_followed(resource: BindDirectories, tmp_path: Path, below: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "link").symlink_to(outside)
    (refused,) = resource.observe([Desired(f"{tmp_path}/{below}", OWN)])
    assert isinstance(refused, Problem)
    assert f"{tmp_path}/link is a symbolic link to {outside}" in str(refused)
    assert str(refused).startswith(f"directory {tmp_path}/{below}: ")


def test_a_link_that_comes_after_the_plan_leads_nowhere(resource: BindDirectories, tmp_path: Path) -> None:
    outside, path = tmp_path / "outside", tmp_path / "app"
    outside.mkdir(mode=0o700)
    path.mkdir()
    desired = Desired(str(path), Ownership(mode=0o777))
    (action,) = resource.plan(desired, look(resource, desired)).actions
    path.rmdir()
    path.symlink_to(outside)
    with pytest.raises(Problem, match="app is a symbolic link"):
        resource.apply(desired, action)
    (removal,) = resource.plan(Desired(str(path), present=False), Seen(OWN)).actions
    with pytest.raises(OSError, match="Not a directory"):
        resource.apply(desired, removal)
    with pytest.raises(Problem, match="symbolic link"):
        resource.apply(desired, replace(removal, destroys="3 files"))
    assert outside.stat().st_mode & 0o7777 == 0o700


def test_a_file_in_the_way_is_told(resource: BindDirectories, tmp_path: Path) -> None:
    (tmp_path / "app").touch()
    (refused,) = resource.observe([Desired(f"{tmp_path}/app", OWN)])
    assert "app is there and is no directory" in str(refused)


def test_where_it_lies(resource: BindDirectories, tmp_path: Path, mounts: list[_mountinfo.Mount]) -> None:
    path = f"{tmp_path}/data/app"
    assert look(resource, Desired(path)).file_system == "/"
    mounts.append(_mountinfo.Mount(f"{tmp_path}/data", "ext4", "/dev/vdb"))
    assert look(resource, Desired(path)).file_system == f"{tmp_path}/data"


def test_a_mount_that_goes_after_the_plan_gets_nothing(
    resource: BindDirectories, tmp_path: Path, mounts: list[_mountinfo.Mount]
) -> None:
    (tmp_path / "data").mkdir()
    mounts.append(_mountinfo.Mount(f"{tmp_path}/data", "ext4", "/dev/vdb"))
    desired = Desired(f"{tmp_path}/data/app", OWN, file_system=f"{tmp_path}/data")
    (action,) = resource.plan(desired, look(resource, desired)).actions
    mounts.pop()
    with pytest.raises(Problem, match="was unmounted in the meantime"):
        resource.apply(desired, action)
    assert os.listdir(tmp_path / "data") == []


def test_in_check_mode_a_mount_may_still_come(tmp_path: Path) -> None:
    module: Any = Module(check_mode=True)
    resource = BindDirectories(module)
    desired = Desired(f"{tmp_path}/data/app", OWN, file_system=f"{tmp_path}/data", minimum_free=2**60)
    assert len(resource.plan(desired, look(resource, desired)).actions) == 1
    assert f"nothing is mounted at {tmp_path}/data" in module.warnings[0]


@pytest.mark.parametrize("filled", [False, True])
def test_removal(resource: BindDirectories, tmp_path: Path, filled: bool) -> None:
    outside, path = tmp_path / "outside", tmp_path / "app"
    outside.mkdir()
    (outside / "stranger").touch()
    path.mkdir()
    if filled:
        (path / "deep").mkdir()
        (path / "deep" / "file").touch()
        (path / "deep" / "link").symlink_to(outside)
    gone = Desired(str(path), present=False)
    seen = look(resource, gone)
    assert seen.content.is_empty != filled
    assert bring_about(resource, gone) == [f"remove directory {path}"]
    assert not path.exists()
    assert (outside / "stranger").exists()
    assert bring_about(resource, gone) == []


def test_what_filled_after_the_plan_is_kept(resource: BindDirectories, tmp_path: Path) -> None:
    path = tmp_path / "app"
    path.mkdir()
    gone = Desired(str(path), present=False)
    (action,) = resource.plan(gone, look(resource, gone)).actions
    (path / "file").touch()
    with pytest.raises(Problem, match="was not removed: it was empty when the plan was made and now holds data"):
        resource.apply(gone, action)
    assert (path / "file").exists()


def test_a_mount_beneath_is_seen(resource: BindDirectories, tmp_path: Path, mounts: list[_mountinfo.Mount]) -> None:
    (tmp_path / "app").mkdir()
    mounts += [_mountinfo.Mount(f"{tmp_path}/{name}", "ext4", "/dev/vdb") for name in ("app/data", "application")]
    assert look(resource, Desired(f"{tmp_path}/app", present=False)).mounts == (f"{tmp_path}/app/data",)


def test_a_type_needs_selinux(resource: BindDirectories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_resource._selinux, "_STATUS", f"{tmp_path}/nowhere")
    (refused,) = resource.observe([Desired(str(tmp_path), Ownership(selinux_type="container_file_t"))])
    assert "selinux_type: SELinux does not run on this host" in str(refused)


def test_a_directory_that_vanished_is_not_made_again(resource: BindDirectories, tmp_path: Path) -> None:
    action = Action("set", "set it", details={"wanted": OWN, "acl": None})
    with pytest.raises(Problem, match="was there and is gone"):
        resource.apply(Desired(f"{tmp_path}/app", OWN), action)
