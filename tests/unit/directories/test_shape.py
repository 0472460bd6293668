# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done about the shape of a volume, as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._ownership import Ownership
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._shape import (
    NEW,
    UNSEEN,
    Seen,
    Wish,
    actions,
    heir,
    predicted,
    shown,
    wish_of,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

POSTGRES = Ownership(5432, 5432, 0o700)
WISH = Wish(POSTGRES, {"wal": Ownership(), "wal/archive": Ownership(gid=33, mode=0o750)})


def sentences(wish: Wish, seen: Seen) -> list[str]:
    return [action.sentence for action in actions("volume pgdata", wish, seen)]


@pytest.mark.parametrize(
    "item",
    [{}, {"owner": None, "group": None, "mode": None, "selinux_type": None, "directories": None, "recurse": False}],
)
def test_nothing_declared_is_no_wish(item: dict[str, Any]) -> None:
    assert wish_of(item) is None


def test_a_directory_stands_before_those_in_it() -> None:
    wish = wish_of({"directories": [{"path": "b/c"}, {"path": "a-b"}, {"path": "a/z"}, {"path": "a"}, {"path": "b"}]})
    assert wish is not None
    assert list(wish.directories) == ["a", "a/z", "a-b", "b", "b/c"]


@pytest.mark.parametrize("path", ["/etc", "..", "../x", "a/../b", ".", "", "a//b", "a/", "./a", "a\0b"])
def test_paths_that_lead_out_are_refused(path: str) -> None:
    with pytest.raises(Problem, match="does not lie in the volume"):
        wish_of({"directories": [{"path": path}]})


@pytest.mark.parametrize("path", ["..data", ".hidden", "a b", "ä/ö"])
def test_paths_that_only_look_like_it_are_not(path: str) -> None:
    wish = wish_of({"directories": [{"path": path}]})
    assert wish is not None
    assert list(wish.directories) == [path]


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ({"owner": "nobody-here"}, "owner: this host has no user"),
        ({"directories": [{"path": "a", "mode": 493}]}, "directories: a: mode: 493 is no mode"),
        ({"directories": [{"path": "a"}, {"path": "a", "mode": "0700"}]}, "directories: a is in the list twice"),
        ({"recurse": True, "mode": "0700"}, "recurse: there is nothing to hand down"),
    ],
)
def test_bad_input_names_the_option(item: dict[str, Any], told: str) -> None:
    with pytest.raises(Problem) as refused:
        wish_of(item)
    assert told in str(refused.value)


def test_a_new_volume_gets_all_of_its_shape() -> None:
    assert sentences(WISH, NEW) == [
        "set owner 0 → 5432, group 0 → 5432, mode 0755 → 0700 of volume pgdata",
        "create directory wal in volume pgdata with owner 5432, group 5432, mode 0755",
        "create directory wal/archive in volume pgdata with owner 5432, group 33, mode 0750",
    ]


def test_what_nobody_can_see_yet_is_set_in_any_case() -> None:
    assert (
        sentences(WISH, UNSEEN)[0]
        == "set owner unknown → 5432, group unknown → 5432, mode unknown → 0700 of volume pgdata"
    )


def test_only_what_is_declared_and_differs_is_changed() -> None:
    seen = Seen(POSTGRES, {"wal": Ownership(0, 0, 0o777), "wal/archive": Ownership(0, 33, 0o700)})
    assert sentences(WISH, seen) == ["set mode 0700 → 0750 of directory wal/archive in volume pgdata"]
    right = replace(seen, directories={"wal": Ownership(0, 0, 0o777), "wal/archive": Ownership(0, 33, 0o750)})
    assert sentences(WISH, right) == []


@pytest.mark.parametrize(
    ("strangers", "told"),
    [
        (1204, ["hand owner and group down to 1,204 entries in volume pgdata"]),
        (1, ["hand owner and group down to 1 entry in volume pgdata"]),
        (None, ["hand owner and group down to all in volume pgdata"]),
        (0, []),
    ],
)
def test_a_recursion_says_how_much_it_changes(strangers: int | None, told: list[str]) -> None:
    assert sentences(Wish(POSTGRES, {}, recurse=True), Seen(POSTGRES, {}, strangers)) == told
    assert sentences(Wish(POSTGRES, {}), Seen(POSTGRES, {}, strangers)) == []


def test_what_lies_in_a_declared_directory_inherits_from_it() -> None:
    assert heir(WISH, ["base", "1"]) == Ownership(5432, 5432)
    assert heir(WISH, ["wal", "1"]) == Ownership(5432, 5432)
    assert heir(WISH, ["wal", "archive", "1"]) == Ownership(5432, 33)


def test_what_lies_in_a_directory_of_another_owner_is_its_too() -> None:
    wish = Wish(POSTGRES, {"wal": Ownership(34), "wal/archive": Ownership(gid=33)}, recurse=True)
    seen = Seen(POSTGRES, {"wal": Ownership(0, 0, 0o755)}, strangers=3)
    assert sentences(wish, seen)[:2] == [
        "set owner 0 → 34 of directory wal in volume pgdata",
        "create directory wal/archive in volume pgdata with owner 34, group 33, mode 0755",
    ]
    assert predicted(wish, seen)["directories"] == [
        {"path": "wal", "uid": 34, "gid": 5432, "mode": "0755"},
        {"path": "wal/archive", "uid": 34, "gid": 33, "mode": "0755"},
    ]


def test_what_is_predicted_is_what_is_seen_afterwards() -> None:
    after = Seen(POSTGRES, {"wal": Ownership(5432, 5432, 0o755), "wal/archive": Ownership(5432, 33, 0o750)})
    assert sentences(WISH, after) == []
    assert predicted(WISH, NEW) == predicted(WISH, after) == shown(WISH, after)
    assert shown(WISH, NEW) == {"uid": 0, "gid": 0, "mode": "0755", "selinux_type": None, "directories": []}
