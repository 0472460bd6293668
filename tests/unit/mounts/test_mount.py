# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from the mount as it is to the mount as it should be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._ownership import Ownership
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import _configuration, _desire, _mount, _seen
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._desire import Desired
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._fstab import Entry
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._place import Place
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._probe import Health
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._seen import Seen
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._systemctl import View
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._units import Texts
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._mountinfo import Mount
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

DEFAULTS = {name: option.get("default") for name, option in _desire.OPTIONS.items()}
SHOWN = "rw,nosuid,nodev,relatime,vers=4.2,hard,proto=tcp,timeo=600,retrans=2,sec=sys,addr=10.0.0.11"
LIVE = Mount("/mnt/a", "nfs4", "storage:/srv/a", options=frozenset(SHOWN.split(",")))
GENERATED = View("loaded", "active", "/run/systemd/generator/mnt-a.mount")
EMPTY = Place(True, Ownership(0, 0, 0o755))


def desire(**options: Any) -> Desired:
    return _desire.desire({**DEFAULTS, "path": "/mnt/a", "src": "storage:/srv/a", **options}, frozenset({"nfs"}))


def line(**options: Any) -> Entry:
    entry = desire(**options).entry
    return replace(entry, line=f"{entry.src} {entry.path} {entry.fstype} {entry.opts}")


def there(**changes: Any) -> Seen:
    """Mounted and configured as declared without options."""
    seen = Seen(entry=line(), view=GENERATED, live=(LIVE,), health=Health())
    return replace(seen, **changes)


NOTHING = Seen(place=Place())


def verbs(desired: Desired, seen: Seen) -> list[str]:
    return [action.verb for action in _mount.plan(desired, seen).actions]


def refused(desired: Desired, seen: Seen) -> str:
    with pytest.raises(Problem) as problem:
        _mount.plan(desired, seen)
    assert str(problem.value).startswith("mount /mnt/a: ")
    return str(problem.value)


def test_what_is_as_declared_is_left_alone() -> None:
    plan = _mount.plan(desire(), there())
    assert plan.actions == ()
    assert plan.before == plan.after


@pytest.mark.parametrize("opts", ["vers=4.2", "nfsvers=4,minorversion=2", ["hard", "rw"], "tcp,nodev,timeo=900"])
def test_other_words_for_the_same_change_nothing(opts: Any) -> None:
    assert verbs(desire(opts=opts), there()) == []


def test_the_first_time_it_is_mounted_before_it_is_written() -> None:
    plan = _mount.plan(desire(), NOTHING)
    assert [action.sentence for action in plan.actions] == [
        "mount storage:/srv/a at /mnt/a, a new directory",
        "write the line of /mnt/a to /etc/fstab",
    ]
    assert plan.before is None
    assert plan.after is not None
    assert plan.after["mounted"]


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        (there(live=(), health=None, place=EMPTY), ["mount"]),
        (there(entry=None, view=View()), ["configure"]),
        (there(view=replace(GENERATED, stale=True)), ["reread"]),
        (there(view=View("loaded", "active")), ["reread"]),
        (there(entry=line(opts="noatime")), ["configure"]),
        (there(entry=replace(line(), passno="2")), ["configure"]),
        (there(entry=replace(line(), src="old:/x"), live=(), place=EMPTY, health=None), ["mount", "configure"]),
    ],
)
def test_each_layer_is_brought_about(seen: Seen, expected: list[str]) -> None:
    assert verbs(desire(), seen) == expected


def test_a_flag_of_the_mount_changes_in_use() -> None:
    assert verbs(desire(opts="noexec"), there()) == ["adjust", "configure"]


@pytest.mark.parametrize(
    ("opts", "told"), [("nfsvers=4.1", "vers=4.2 → vers=4.1"), ("ro", "rw → ro"), ("soft", "hard → soft")]
)
def test_what_needs_an_unmount_says_so(opts: str, told: str) -> None:
    assert f"needs to be unmounted and mounted again: its options differ ({told})" in refused(
        desire(opts=opts), there()
    )
    plan = _mount.plan(desire(opts=opts, remount="allowed"), there())
    assert [action.verb for action in plan.actions] == ["rehearse", "unmount", "mount", "configure"]
    assert told in plan.actions[1].sentence
    assert plan.actions[2].details["before"][0] == "storage:/srv/a"


def test_another_server_is_refused_with_both_named() -> None:
    other = replace(LIVE, source="other:/srv/a")
    for state in ("mounted", "ephemeral", "remounted"):
        told = refused(desire(state=state), there(live=(other,)))
        assert "other:/srv/a (nfs4) is mounted there, and storage:/srv/a is declared" in told


def test_what_is_mounted_twice_is_refused() -> None:
    assert "2 file systems are mounted upon each other" in refused(desire(), there(live=(LIVE, LIVE)))


def test_a_server_that_does_not_answer_is_never_ok() -> None:
    assert "is mounted there and unresponsive" in refused(desire(), there(health=Health("unresponsive")))
    assert "unresponsive (Input/output error)" in refused(
        desire(), there(health=Health("unresponsive", error="Input/output error"))
    )


def test_a_stale_handle_is_told_and_mended_on_request() -> None:
    stale = there(health=Health("stale"))
    assert "its handle is stale" in refused(desire(), stale)
    assert verbs(desire(remount="allowed"), stale) == ["rehearse", "unmount", "mount"]


@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (Seen(place=replace(EMPTY, entries=("a", "b", "c", "d"))), "not empty (a, b, c, …)"),
        (Seen(place=Place(True, problem="/mnt/a is a symbolic link to /x")), "is a symbolic link"),
        (Seen(hidden_by="/mnt"), "since /mnt above it does not answer"),
        (
            replace(NOTHING, helper_missing=True),
            "has no mount.nfs, which fstype nfs needs. Install it",
        ),
        (replace(NOTHING, unresolved="Name or service not known"), "the server 'storage' cannot be resolved"),
    ],
)
def test_what_stops_the_first_mount(seen: Seen, told: str) -> None:
    assert told in refused(desire(), seen)


def test_a_directory_with_content_can_be_hidden_on_request() -> None:
    full = Seen(place=replace(EMPTY, entries=("a",)))
    assert verbs(desire(require_empty=False), full) == ["mount", "configure"]


def test_check_mode_warns_of_what_an_earlier_task_may_bring() -> None:
    plan = _mount.plan(desire(), replace(NOTHING, predicting=True, helper_missing=True, unresolved="no"))
    assert len(plan.actions) == 2
    assert len(plan.warnings) == 2


def test_two_configurations_are_refused() -> None:
    unit = Texts("# Written by holdfast.persistence.nfs_mount\n[Mount]\nWhat=storage:/srv/a\nType=nfs\n")
    assert "would win over fstab without a word" in refused(desire(), there(units=unit))
    assert "fstab configures it too" in refused(desire(backend="systemd"), there())
    foreign = View("loaded", "active", "/usr/lib/systemd/system/mnt-a.mount")
    assert "/usr/lib/systemd/system/mnt-a.mount of somebody else" in refused(desire(), there(view=foreign))


def test_a_local_line_is_never_touched() -> None:
    local = Entry("/dev/sda1", "/mnt/a", "ext4", "defaults", line="/dev/sda1 /mnt/a ext4 defaults")
    for state in ("mounted", "present", "absent"):
        assert "is no network mount" in refused(desire(state=state), Seen(entry=local, place=EMPTY))


def test_a_local_mount_is_never_unmounted() -> None:
    disk = Mount("/mnt/a", "ext4", "/dev/sda1")
    for state in ("absent", "unmounted"):
        assert "is no network mount" in refused(desire(state=state), Seen(live=(disk,)))


def units_of(desired: Desired) -> Seen:
    seen = there(entry=None, units=_configuration.texts(desired), enabled=True)
    return replace(seen, view=View("loaded", "active", "/etc/systemd/system/mnt-a.mount"))


def test_units_of_systemd() -> None:
    wanted = desire(backend="systemd")
    assert verbs(wanted, NOTHING) == ["mount", "configure"]
    assert verbs(wanted, units_of(wanted)) == []
    assert verbs(desire(backend="systemd", opts=["hard", "nodev", "vers=4.2"]), units_of(wanted)) == []
    assert verbs(wanted, replace(units_of(wanted), enabled=False)) == ["configure"]
    assert verbs(desire(backend="systemd", opts="noexec"), units_of(wanted)) == ["adjust", "configure"]


def test_a_unit_of_somebody_else_is_not_overwritten() -> None:
    wanted = desire(backend="systemd")
    foreign = replace(units_of(wanted), units=Texts("[Mount]\nWhat=storage:/srv/a\nType=nfs\nOptions=ro\n"))
    assert "was written by somebody else" in refused(wanted, foreign)


def test_on_demand_is_tried_out_first_and_started_after_the_reload() -> None:
    wanted = desire(automount=True)
    plan = _mount.plan(wanted, NOTHING)
    assert [action.verb for action in plan.actions] == ["rehearse", "place", "configure", "start_automount"]
    assert plan.actions[-1].settled
    assert plan.after is not None
    assert (plan.after["automount"], plan.after["mounted"]) == (True, False)
    waiting = Seen(entry=line(automount=True), view=GENERATED, autofs=True)
    assert verbs(wanted, waiting) == []
    assert verbs(wanted, replace(waiting, live=(LIVE,), health=Health())) == []
    assert verbs(wanted, replace(waiting, unresolved="no answer in time")) == []
    assert verbs(desire(automount=True, automount_idle=5), waiting) == [
        *("rehearse", "stop_automount", "configure", "start_automount")
    ]


def test_on_demand_comes_and_goes_only_on_request() -> None:
    assert "it is not mounted on demand" in refused(desire(automount=True), there())
    wanted = desire(automount=True, remount="allowed")
    assert verbs(wanted, there()) == ["rehearse", "unmount", "configure", "start_automount"]
    waiting = Seen(entry=line(automount=True), view=GENERATED, autofs=True)
    assert verbs(desire(), waiting) == ["stop_automount", "mount", "configure"]
    used = replace(waiting, live=(LIVE,), health=Health())
    assert verbs(desire(remount="allowed"), used) == ["rehearse", "unmount", "stop_automount", "mount", "configure"]


def test_consumers_wait_and_no_longer_wait() -> None:
    wanted = desire(required_by=["docker.service", "app.service"])
    entry = line(required_by=["docker.service"])
    plan = _mount.plan(wanted, there(entry=entry, drop_ins={"docker.service": True, "old.service": True}))
    assert [(action.verb, action.details["units"]) for action in plan.actions] == [
        ("require", ["app.service"]),
        ("release", ["old.service"]),
    ]
    assert verbs(desire(), there(drop_ins={"old.service": True})) == []
    assert verbs(wanted, there(drop_ins=dict.fromkeys(wanted.required_by or (), True))) == ["configure"]
    assert verbs(wanted, there(entry=entry, drop_ins={"docker.service": True, "app.service": False})) == ["require"]
    assert _mount.plan(wanted, there(unknown_units=("app.service",))).warnings


def test_removal_unmounts_first() -> None:
    seen = there(drop_ins={"docker.service": True}, credentials_written=False)
    assert verbs(desire(state="absent"), seen) == ["unmount", "unconfigure_fstab", "release", "forget"]
    assert verbs(desire(state="absent"), NOTHING) == []
    assert verbs(desire(state="unmounted"), there()) == ["unmount"]
    assert verbs(desire(state="unmounted"), there(live=(), autofs=True)) == ["stop_automount"]
    assert verbs(desire(state="unmounted"), there(live=())) == []
    dead = there(health=Health("unresponsive"))
    assert "lazily" in _mount.plan(desire(state="absent", lazy=True), dead).actions[0].sentence


def test_present_leaves_the_mount_alone() -> None:
    assert verbs(desire(state="present"), NOTHING) == ["configure"]
    assert verbs(desire(state="present", opts="soft"), there()) == ["configure"]
    assert verbs(desire(state="present"), there()) == []
    assert verbs(desire(state="present", mode="0700"), there(live=(), place=EMPTY)) == ["place"]


def test_ephemeral_configures_nothing() -> None:
    assert verbs(desire(state="ephemeral"), NOTHING) == ["mount"]
    assert verbs(desire(state="ephemeral"), there(entry=None)) == []
    assert verbs(desire(state="ephemeral", opts="noexec"), there(entry=None)) == ["adjust"]


def test_remounted_does_it_each_time_but_once_a_run() -> None:
    assert verbs(desire(state="remounted", src=None), there()) == ["refresh"]
    assert verbs(desire(state="remounted", src=None), there(refreshed=True)) == []
    assert verbs(desire(state="remounted", src=None, remount="allowed"), there()) == ["unmount", "mount"]
    assert "nothing is mounted there" in refused(desire(state="remounted", src=None), NOTHING)


def test_a_process_of_the_host_is_left_to_systemd() -> None:
    wanted = desire(src="u@h:/x", fstype="fuse.sshfs")
    assert verbs(wanted, NOTHING) == ["rehearse", "place", "configure", "start"]
    live = Mount("/mnt/a", "fuse.sshfs", "u@h:/x", options=frozenset({"rw", "nosuid", "nodev", "relatime"}))
    seen = Seen(entry=replace(wanted.entry, line="x"), view=GENERATED, live=(live,), health=Health())
    assert verbs(wanted, seen) == []


def test_credentials() -> None:
    wanted = desire(src="//s/x", fstype="cifs", username="u", password="hunter2")
    live = Mount("/mnt/a", "cifs", "//s/x", options=frozenset({"rw", "nosuid", "nodev", "relatime", "username=u"}))
    seen = Seen(entry=replace(wanted.entry, line="x"), view=GENERATED, live=(live,), health=Health())
    assert verbs(wanted, seen) == []
    assert verbs(wanted, replace(seen, credentials_written=False)) == ["credentials"]
    plan = _mount.plan(wanted, Seen(place=Place(), credentials_written=False))
    assert [action.verb for action in plan.actions] == ["mount", "configure"]
    assert "hunter2" not in repr(plan)


def test_hidden_options_are_in_nothing_that_is_told() -> None:
    wanted = desire(opts="iocharset=word", opts_no_log=True)
    for seen in (NOTHING, there(entry=line(opts="iocharset=word2"))):
        plan = _mount.plan(wanted, seen)
        assert "word" not in repr((plan.before, plan.after, [action.sentence for action in plan.actions]))


def test_layers_that_disagree_are_told() -> None:
    assert _seen.layers(there()) == []
    assert _seen.layers(there(live=())) == ["it is configured and not mounted"]
    assert _seen.layers(there(live=(replace(LIVE, source="other:/x"),))) == [
        "storage:/srv/a is configured, and other:/x is mounted"
    ]
    assert _seen.layers(there(entry=line(opts="soft"))) == ["mounted with other options than configured: hard → soft"]
    assert "daemon-reload is due" in _seen.layers(there(view=View()))[0]
