# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done about an export, as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Plan
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._ownership import Ownership
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._declared import desire
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._export import Seen, plan, text_of
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._syntax import entries
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

OWNED = Ownership(0, 0, 0o755)
FSID = "fsid=5f5cfb15-5985-5df1-95c3-6947085cfbae"
TABLE = entries("/srv/a\t192.0.2.1(ro,sync)")
THERE = Seen(directory=OWNED, rehearsed=TABLE)


def item(**changes: Any) -> dict[str, Any]:
    clients = [{"host": "192.0.2.1", "options": [], "accept": []}]
    options = dict.fromkeys(("mountpoint", "fsid", "owner", "group", "mode"))
    return {"path": "/srv/a", "clients": clients, **options, "state": "present", **changes}


def client(host: str = "192.0.2.1", *options: str) -> dict[str, Any]:
    return {"host": host, "options": list(options), "accept": []}


DESIRED = desire(item())
LIVE = replace(THERE, file=text_of(DESIRED, THERE), live=TABLE)


def sentences(made: Plan) -> list[str]:
    return [action.sentence for action in made.actions]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"path": "srv/a"}, "export srv/a: path: 'srv/a' is not an absolute plain path"),
        ({"path": "/srv/../a"}, "is not an absolute plain path"),
        ({"path": "/srv/a/"}, "is not an absolute plain path"),
        ({"path": "/srv/a\nb"}, "is not an absolute plain path"),
        ({"path": "/"}, "would give the whole host away"),
        ({"clients": []}, "clients: is empty, so nobody could mount it"),
        ({"clients": None}, "clients: is empty"),
        ({"clients": [client("*")]}, "clients: * is every host that reaches this server"),
        ({"clients": [client(), client("192.0.2.1/32"), client()]}, "clients: 192.0.2.1 is in the list twice"),
        (
            {"clients": [client("192.0.2.1", "bogus")]},
            "export /srv/a: clients: 192.0.2.1: options: 'bogus' is no option",
        ),
        ({"mountpoint": "srv"}, "mountpoint: 'srv' is not an absolute plain path"),
        ({"mountpoint": "/sr"}, "mountpoint: /srv/a does not lie beneath /sr"),
        ({"path": "/a,b/c", "mountpoint": "/a,b"}, "has a sign that exportfs takes for an end"),
        ({"fsid": "x"}, "fsid: 'x' is none"),
        ({"mode": "rwx"}, "mode: 'rwx' is no mode"),
    ],
)
def test_bad_input_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(Problem) as refused:
        desire(item(**given))
    assert told in str(refused.value)


def test_every_host_with_the_word() -> None:
    given = {"host": "*", "options": [], "accept": ["any_host"]}
    assert desire(item(clients=[given])).clients[0].host == "*"


def test_a_new_export() -> None:
    made = plan(DESIRED, THERE)
    assert sentences(made) == [f"export /srv/a to 192.0.2.1 (ro,sync,secure,root_squash,no_subtree_check,{FSID})"]
    assert made.before is None
    assert made.after == {
        "path": "/srv/a",
        "clients": [
            {"host": "192.0.2.1", "options": ["ro", "sync", "secure", "root_squash", "no_subtree_check", FSID]}
        ],
        "file": "/etc/exports.d/holdfast-srv-a.exports",
        "live": True,
        "uid": 0,
        "gid": 0,
        "mode": "0755",
    }


def test_what_is_live_stays() -> None:
    made = plan(DESIRED, LIVE)
    assert made.actions == ()
    assert made.before == made.after


def test_a_change_is_told() -> None:
    other = desire(item(clients=[client("192.0.2.1", "rw"), client("app1")]))
    (sentence,) = sentences(plan(other, LIVE))
    assert sentence.startswith("change export /srv/a now 192.0.2.1 (+rw -ro), app1 (ro,sync,")
    (sentence,) = sentences(plan(desire(item(clients=[client("app1")])), LIVE))
    assert sentence.endswith("no longer 192.0.2.1")


@pytest.mark.parametrize(
    "seen",
    [
        replace(LIVE, live=()),
        replace(LIVE, live=entries("/srv/a\t192.0.2.1(rw,sync)")),
        replace(LIVE, live=entries("/srv/a\t192.0.2.1(ro,sync)\n/srv/a\tx(ro)")),
        replace(LIVE, kernel=entries("/srv/a\t192.0.2.1(rw,sync)")),
    ],
)
def test_a_table_that_says_something_else(seen: Seen) -> None:
    made = plan(DESIRED, seen)
    assert sentences(made) == ["export /srv/a again, as the server's table does not say what its file says"]
    assert made.before is not None
    assert made.before["live"] is False


def test_a_server_that_stands_still_takes_over_the_file() -> None:
    made = plan(DESIRED, replace(LIVE, live=(), running=False))
    assert made.actions == ()
    assert made.after is not None
    assert made.after["live"] is False


@pytest.mark.parametrize(
    ("given", "seen", "expected"),
    [
        ({}, replace(THERE, mounts=frozenset({"/srv/a"})), "mountpoint"),
        ({"mountpoint": "/srv"}, replace(THERE, mounts=frozenset({"/srv"})), "mountpoint=/srv"),
        ({"mountpoint": "/srv/a"}, replace(THERE, mounts=frozenset({"/srv/a"})), "mountpoint"),
        ({}, replace(THERE, mounts=frozenset({"/srv"})), ""),
    ],
)
def test_the_mount_point_is_written(given: dict[str, Any], seen: Seen, expected: str) -> None:
    made = plan(desire(item(**given)), seen)
    assert made.after is not None
    options = made.after["clients"][0]["options"]
    assert [option for option in options if option.startswith("mountpoint")] == ([expected] if expected else [])


def test_a_disk_that_is_gone_is_not_forgotten() -> None:
    mounted = replace(THERE, mounts=frozenset({"/srv/a"}))
    gone = replace(LIVE, file=text_of(DESIRED, mounted))
    with pytest.raises(Problem, match="nothing is mounted at /srv/a, and what lies beneath is not what"):
        plan(DESIRED, gone)
    with pytest.raises(Problem, match="nothing is mounted at /srv, and"):
        plan(desire(item(mountpoint="/srv")), THERE)


def test_flavours_come_last() -> None:
    two = desire(item(clients=[client("192.0.2.1", "sec=krb5p", "rw", "sec=sys", "ro")]))
    assert f"no_subtree_check,{FSID},sec=krb5p,rw,sec=sys,ro)" in text_of(two, THERE)


def test_a_directory_is_made_only_when_asked() -> None:
    with pytest.raises(Problem, match="the directory does not exist"):
        plan(DESIRED, Seen())
    first, second = sentences(plan(desire(item(owner="5", mode="0700")), Seen(missing=("/srv",))))
    assert first == "make directory /srv/a with owner 5, group 0, mode 0700, and /srv above it"
    assert second.startswith("export /srv/a")


def test_only_an_empty_directory_is_changed() -> None:
    wanted = desire(item(owner="5"))
    assert sentences(plan(wanted, LIVE)) == ["set owner 0 → 5 of the empty directory /srv/a"]
    with pytest.raises(Problem, match="holds data and is not what the task says: owner 0 → 5"):
        plan(wanted, replace(LIVE, is_empty=False))
    assert plan(desire(item(owner="0")), replace(LIVE, is_empty=False)).actions == ()


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_line_of_somebody_else(state: str) -> None:
    others = entries("\n/srv/a/ app9(rw)", "/etc/exports")
    with pytest.raises(Problem, match="/etc/exports:2 exports it already, to app9"):
        plan(desire(item(state=state)), replace(LIVE, others=others))


def test_an_fsid_of_somebody_else() -> None:
    others = entries(f"/srv/b app9({FSID})", "/etc/exports")
    for seen in (replace(LIVE, others=others), replace(LIVE, siblings=others)):
        with pytest.raises(Problem, match="is that of /srv/b in /etc/exports:1"):
            plan(DESIRED, seen)


def test_what_exportfs_would_not_take() -> None:
    with pytest.raises(Problem, match="export /srv/a: no"):
        plan(DESIRED, replace(LIVE, refusals=("no",)))


def test_a_hindrance_counts_only_when_exportfs_would_run() -> None:
    hindered = replace(LIVE, hindrance="lost")
    assert plan(DESIRED, hindered).actions == ()
    absent = desire(item(state="absent"))
    assert plan(absent, Seen(hindrance="lost")).actions == ()
    for wanted in (absent, desire(item(clients=[client("app1")]))):
        with pytest.raises(Problem, match="export /srv/a: lost"):
            plan(wanted, hindered)


@pytest.mark.parametrize(
    "seen",
    [LIVE, Seen(live=TABLE), replace(LIVE, live=()), Seen(kernel=TABLE), replace(LIVE, refusals=("no",))],
)
def test_an_export_ends_and_its_directory_stays(seen: Seen) -> None:
    made = plan(desire(item(state="absent")), seen)
    assert sentences(made) == ["end export /srv/a; the directory stays"]
    assert made.after is None


def test_nothing_is_to_be_ended() -> None:
    assert plan(desire(item(state="absent", clients=None)), Seen()).actions == ()
