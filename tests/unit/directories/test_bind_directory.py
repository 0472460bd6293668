# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done about a directory that containers bind, as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Plan
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._acl import Acl, composed, parse
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._bind_directory import (
    Desired,
    Seen,
    desire,
    plan,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._ownership import Ownership
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.trees._content import Content

APP = Ownership(5432, 5432, 0o750)
NO_LIST = composed(0o750, ())
THERE = Seen(APP, NO_LIST, free=10**10)
MISSING = Seen(None, NO_LIST, free=10**10)


def item(**changes: Any) -> dict[str, Any]:
    options = dict.fromkeys(("owner", "group", "mode", "acl", "selinux_type", "file_system", "minimum_free"))
    return {"path": "/srv/app", **options, "sensitive": False, "state": "present", **changes}


def sentences(made: Plan) -> list[str]:
    return [action.sentence for action in made.actions]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Desired("/srv/app")),
        ({"owner": "5432", "group": "5432", "mode": "0750"}, Desired("/srv/app", APP)),
        ({"acl": []}, Desired("/srv/app", acl=())),
        ({"acl": ["u:33:rwx"]}, Desired("/srv/app", acl=parse(["u:33:rwx"]))),
        ({"file_system": "/srv"}, Desired("/srv/app", file_system="/srv")),
        ({"file_system": "/srv/app"}, Desired("/srv/app", file_system="/srv/app")),
        ({"file_system": "/"}, Desired("/srv/app", file_system="/")),
        ({"minimum_free": "5GB"}, Desired("/srv/app", minimum_free=5_000_000_000)),
        ({"minimum_free": "1.5 GiB"}, Desired("/srv/app", minimum_free=1_610_612_736)),
        ({"minimum_free": "500m"}, None),
        ({"minimum_free": "4096"}, Desired("/srv/app", minimum_free=4096)),
        ({"path": "/etc", "sensitive": True}, Desired("/etc")),
        ({"state": "absent"}, Desired("/srv/app", present=False)),
    ],
)
def test_options(given: dict[str, Any], expected: Desired | None) -> None:
    if expected is None:
        with pytest.raises(Problem):
            desire(item(**given))
    else:
        assert desire(item(**given)) == expected


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"path": "srv/app"}, "path: 'srv/app' is not an absolute plain path"),
        ({"path": "/srv/../root"}, "path: '/srv/../root' is not an absolute plain path"),
        ({"path": "/srv/app/"}, "path: '/srv/app/' is not an absolute plain path"),
        ({"path": "//srv"}, "path: '//srv' is not an absolute plain path"),
        (
            {"path": "/"},
            "directory /: refused, since it belongs to the system or to Docker. Take a directory of its own",
        ),
        ({"path": "/run/app"}, "refused, since what lies there does not survive a boot"),
        ({"path": "/var/run/docker.sock"}, "refused, since whoever reaches this socket is root on the host"),
        ({"path": "/etc"}, "such as /srv/etc, or set sensitive: true"),
        ({"owner": "nobody-here"}, "directory /srv/app: owner: this host has no user 'nobody-here'"),
        ({"acl": ["nonsense"]}, "directory /srv/app: acl: 'nonsense' is no entry"),
        ({"file_system": "/data"}, "file_system: /data is a mount point that /srv/app does not lie beneath"),
        ({"file_system": "/sr"}, "file_system: /sr is a mount point that /srv/app does not lie beneath"),
        ({"file_system": "data"}, "file_system: 'data' is not an absolute plain path"),
        ({"minimum_free": "plenty"}, "minimum_free: 'plenty' is no size. Write one such as 500MB, 5GB or 5GiB"),
        ({"minimum_free": "5iB"}, "minimum_free: '5iB' is no size"),
        ({"minimum_free": "-5GB"}, "minimum_free: '-5GB' is no size"),
    ],
)
def test_bad_input_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(Problem) as refused:
        desire(item(**given))
    assert told in str(refused.value)


def test_a_new_directory_is_closed_unless_told_otherwise() -> None:
    made = plan(Desired("/srv/app"), MISSING)
    assert sentences(made) == ["create directory /srv/app with owner 0, group 0, mode 0750"]
    assert made.before is None
    assert made.after == {
        "path": "/srv/app",
        "uid": 0,
        "gid": 0,
        "mode": "0750",
        "acl": [],
        "selinux_type": None,
        "file_system": "/",
    }


def test_a_new_directory_with_everything() -> None:
    desired = Desired("/srv/app", APP, parse(["u:33:r-x"]))
    made = plan(desired, replace(MISSING, missing=("/srv",)))
    (sentence,) = sentences(made)
    assert sentence == (
        "create directory /srv/app with owner 5432, group 5432, mode 0750, acl +user:33:r-x +mask::r-x, "
        "and /srv above it"
    )
    assert made.after is not None
    assert made.after["acl"] == ["user:33:r-x", "mask::r-x"]


def test_what_is_not_declared_stays() -> None:
    has = Seen(Ownership(1, 2, 0o2777), composed(0o777, parse(["u:33:rwx"])))
    made = plan(Desired("/srv/app"), has)
    assert made.actions == ()
    assert made.before == made.after


def test_what_differs_is_set() -> None:
    made = plan(Desired("/srv/app", APP), Seen(Ownership(0, 5432, 0o755), NO_LIST))
    assert sentences(made) == ["set owner 0 → 5432, mode 0755 → 0750 of directory /srv/app"]


def test_with_a_list_the_mode_is_what_the_owning_group_may_and_not_the_mask() -> None:
    desired = Desired("/srv/app", Ownership(mode=0o750), parse(["u:33:rwx"]))
    listed = Seen(Ownership(0, 0, 0o2770), composed(0o750, parse(["u:33:rwx"])))
    made = plan(desired, listed)
    assert sentences(made) == ["set mode 2750 → 0750 of directory /srv/app"]
    assert plan(desired, replace(listed, ownership=Ownership(0, 0, 0o770))).actions == ()


def test_a_mask_that_somebody_narrowed_is_put_right() -> None:
    desired = Desired("/srv/app", Ownership(mode=0o750), parse(["u:33:rwx"]))
    narrowed = Seen(Ownership(0, 0, 0o750), composed(0o750, parse(["u:33:rwx", "mask::r-x"])))
    assert sentences(plan(desired, narrowed)) == ["set acl +mask::rwx -mask::r-x of directory /srv/app"]


def test_an_empty_list_takes_the_entries_away() -> None:
    listed = Seen(Ownership(0, 0, 0o770), composed(0o750, parse(["u:33:rwx"])))
    made = plan(Desired("/srv/app", acl=()), listed)
    assert sentences(made) == ["set acl -user:33:rwx -mask::rwx of directory /srv/app"]
    (action,) = made.actions
    assert action.details["wanted"].mode == 0o750
    assert action.details["acl"] == composed(0o750, ())


def test_a_file_system_without_lists_is_told() -> None:
    with pytest.raises(Problem, match="the file system at / keeps no access control lists"):
        plan(Desired("/srv/app", acl=()), replace(THERE, acl=None))
    assert plan(Desired("/srv/app"), replace(THERE, acl=None)).actions == ()


@pytest.mark.parametrize("seen", [THERE, MISSING])
@pytest.mark.parametrize("present", [True, False])
@pytest.mark.parametrize(
    ("place", "told"),
    [
        (
            "/",
            "mounted at /srv, but nothing is mounted there, and it would land in the one at /.",
        ),
        ("/srv/app", "mounted at /srv, but it lies in another one, mounted at /srv/app."),
    ],
)
def test_the_wrong_file_system_is_refused(seen: Seen, present: bool, place: str, told: str) -> None:
    with pytest.raises(Problem) as refused:
        plan(Desired("/srv/app", file_system="/srv", present=present), replace(seen, file_system=place))
    assert told in str(refused.value)


def test_the_right_file_system_is_not() -> None:
    assert plan(Desired("/srv/app", file_system="/srv"), replace(MISSING, file_system="/srv")).actions


def test_too_little_room_is_refused_with_both_figures() -> None:
    with pytest.raises(Problem) as refused:
        plan(Desired("/srv/app", minimum_free=5 * 1024**3), replace(MISSING, free=3 * 1024**3))
    assert "3.0 GiB are free in the file system at /, and minimum_free asks for 5.0 GiB" in str(refused.value)
    assert plan(Desired("/srv/app", minimum_free=10**10), MISSING).actions
    assert plan(Desired("/srv/app", minimum_free=10**10), replace(MISSING, free=None)).actions


def test_removal() -> None:
    gone = Desired("/srv/app", present=False)
    assert plan(gone, MISSING).actions == ()
    (empty,) = plan(gone, THERE).actions
    assert (empty.sentence, empty.destroys) == ("remove directory /srv/app", "")
    (full,) = plan(gone, replace(THERE, content=Content(files=3, size=1200))).actions
    assert full.destroys == "3 files (1.2 kB)"
    with pytest.raises(Problem, match=r"something is mounted at /srv/app/data. Unmount it first"):
        plan(gone, replace(THERE, mounts=("/srv/app/data",)))
    with pytest.raises(Problem, match=r"is mounted elsewhere, .* by process 4711 \(postgres\)\. Stop them first"):
        plan(gone, replace(THERE, users=("process 4711 (postgres)",)))


def test_what_is_predicted_needs_nothing_more() -> None:
    desired = Desired("/srv/app", APP, parse(["u:33:rwx", "d:u:33:rwx"]))
    after = Seen(Ownership(5432, 5432, 0o770), composed(0o750, parse(["u:33:rwx", "d:u:33:rwx"])))
    again = plan(desired, after)
    assert again.actions == ()
    assert again.before == plan(desired, MISSING).after
    assert plan(desired, replace(after, acl=Acl(after.acl.entries) if after.acl else None)).actions == ()
