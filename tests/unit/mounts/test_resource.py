# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps of a plan with everything written to the test's own directory, and nothing mounted for real."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Action
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import (
    _desire,
    _fstab,
    _mounting,
    _observe,
    _place,
    _resource,
    _units,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._desire import Desired
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._resource import NetworkMounts
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._seen import Seen
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._systemctl import Systemd
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

DEFAULTS = {name: option.get("default") for name, option in _desire.OPTIONS.items()}


class Module:
    """As much of AnsibleModule as the resource asks for."""

    def __init__(self) -> None:
        self.check_mode = False
        self.params = {"timeout": 30}


@pytest.fixture(autouse=True)
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was done to the host."""
    done: list[str] = []
    for name, file in (("FSTAB", "fstab"), ("UNITS", "units"), ("STATE", "state")):
        monkeypatch.setattr(_paths, name, tmp_path / file)
    (tmp_path / "units").mkdir()
    monkeypatch.setattr(_observe, "helpers", lambda: frozenset({"nfs"}))

    def mount(desired: Desired, _deadline: float) -> Callable[[], None]:
        done.append(f"mount {desired.path}")
        return lambda: done.append(f"take back {desired.path}")

    monkeypatch.setattr(_mounting, "mount", mount)
    monkeypatch.setattr(_mounting, "mount_again", lambda what, path, _end: done.append(f"again {what[0]} {path}"))
    for verb in ("enable", "disable", "start", "stop"):
        monkeypatch.setattr(Systemd, verb, lambda _self, unit, verb=verb: done.append(f"{verb} {unit}"))
    return done


@pytest.fixture
def resource(monkeypatch: pytest.MonkeyPatch) -> NetworkMounts:
    # The time-out counts from the start of the process, which runs all the other tests too.
    monkeypatch.setattr(_resource, "_age", lambda: 0.0)
    module: Any = Module()
    return NetworkMounts(module)


def desire(resource: NetworkMounts, **options: Any) -> Desired:
    return resource.desire({**DEFAULTS, "path": "/mnt/a", "src": "storage:/srv/a", **options})


def carry_out(resource: NetworkMounts, desired: Desired, seen: Seen) -> list[str]:
    actions = resource.plan(desired, seen).actions
    for action in actions:
        resource.apply(desired, action)
    return [action.verb for action in actions]


MISSING = Seen(place=_place.Place())


def test_a_mount_is_written_after_it_worked(resource: NetworkMounts, told: list[str]) -> None:
    wanted = desire(resource)
    assert carry_out(resource, wanted, MISSING) == ["mount", "configure"]
    assert told == ["mount /mnt/a"]
    assert _fstab.entry_of("/mnt/a", _fstab.read()) is not None


def test_what_cannot_be_written_is_not_left_mounted(
    resource: NetworkMounts, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_anything: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_fstab, "_write_like", full)
    with pytest.raises(Problem, match=r"could not be written: No space left.*It was unmounted again\.$"):
        carry_out(resource, desire(resource), MISSING)
    assert told == ["mount /mnt/a", "take back /mnt/a"]


def test_what_was_there_before_comes_back(
    resource: NetworkMounts, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_anything: Any) -> None:
        raise Problem("the server said no.")

    monkeypatch.setattr(_mounting, "mount", fail)
    action = Action("mount", "mount it", details={"before": ("old:/x", "nfs", ())})
    with pytest.raises(Problem, match=r"mount /mnt/a: the server said no\. What was mounted before is mounted again"):
        resource.apply(desire(resource), action)
    assert told == ["again old:/x /mnt/a"]


def test_without_time_to_mount_it_again_it_is_not_unmounted(
    resource: NetworkMounts, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_mounting, "unmount", lambda *_anything: told.append("unmount"))
    monkeypatch.setattr(_mounting, "rehearse", lambda *_anything: None)
    rehearse, unmount = Action("rehearse", "try"), Action("unmount", "unmount")
    wanted = desire(resource)
    resource.apply(wanted, rehearse)
    resource.apply(wanted, unmount)
    assert told == ["unmount"]
    resource._deadline = 0.0
    with pytest.raises(Problem, match=r"mount /mnt/a: was not unmounted.*longer timeout"):
        resource.apply(wanted, unmount)
    assert told == ["unmount"]


def test_units_and_drop_ins_are_written_and_removed(resource: NetworkMounts, told: list[str], tmp_path: Path) -> None:
    wanted = desire(resource, backend="systemd", required_by=["app.service"])
    assert carry_out(resource, wanted, MISSING) == ["mount", "configure", "require"]
    units = tmp_path / "units"
    assert (units / "mnt-a.mount").read_text(encoding="utf-8").startswith("# Written by")
    assert (units / "app.service.d" / "holdfast-mnt-a.conf").exists()
    assert told == ["mount /mnt/a", "enable mnt-a.mount"]
    gone = desire(resource, state="absent")
    seen = Seen(units=_observe.units_of("/mnt/a"), drop_ins=_observe.drop_ins_of("/mnt/a"))
    assert carry_out(resource, gone, seen) == ["unconfigure_units", "release"]
    assert list(units.iterdir()) == []
    assert told[2:] == ["disable mnt-a.mount"]


def test_a_unit_that_no_longer_is_on_demand_leaves_none_behind(resource: NetworkMounts, tmp_path: Path) -> None:
    configure = Action("configure", "write")
    resource.apply(desire(resource, backend="systemd", automount=True), configure)
    assert (tmp_path / "units" / _units.automount_unit("/mnt/a")).exists()
    resource.apply(desire(resource, backend="systemd"), configure)
    assert not (tmp_path / "units" / _units.automount_unit("/mnt/a")).exists()


def test_one_path_in_two_ways_is_refused(resource: NetworkMounts) -> None:
    desire(resource)
    with pytest.raises(Problem, match="is in the list twice, as /mnt/a too"):
        desire(resource, path="/mnt/a/")


def test_systemd_reads_its_units_only_after_a_change_of_them(resource: NetworkMounts) -> None:
    assert resource.settling([Action("mount", ""), Action("unmount", "")]) == ""
    assert resource.settling([Action("mount", ""), Action("configure", "")]) == "have systemd read its units"
