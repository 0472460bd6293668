# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names, numbers and modes of owners, as tables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._ownership import (
    Ownership,
    described,
    differences,
    ownership_of,
    shown,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Ownership()),
        ({"owner": None, "group": None, "mode": None, "selinux_type": None}, Ownership()),
        ({"owner": "root", "group": "root"}, Ownership(0, 0)),
        ({"owner": "5432", "group": "4294967294"}, Ownership(5432, 4294967294)),
        ({"mode": "0750"}, Ownership(mode=0o750)),
        ({"mode": "750"}, Ownership(mode=0o750)),
        ({"mode": "2770"}, Ownership(mode=0o2770)),
        ({"selinux_type": "container_file_t"}, Ownership(selinux_type="container_file_t")),
    ],
)
def test_what_is_declared(given: dict[str, Any], expected: Ownership) -> None:
    assert ownership_of(given) == expected


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"owner": "nobody-here"},
            "owner: this host has no user 'nobody-here'. Create the user first, or give its number.",
        ),
        ({"group": "nobody-here"}, "group: this host has no group 'nobody-here'."),
        ({"owner": ""}, "owner: this host has no user ''."),
        ({"owner": "4294967295"}, "owner: 4294967295 is no id, the largest one is 4294967294."),
        ({"mode": 488}, "mode: 488 is no mode. Write three or four octal digits, and put them in quotes"),
        ({"mode": "u=rwx"}, "mode: 'u=rwx' is no mode."),
        ({"mode": "0788"}, "mode: '0788' is no mode."),
        ({"mode": "75"}, "mode: '75' is no mode."),
        ({"mode": True}, "mode: True is no mode."),
        ({"selinux_type": "system_u:object_r:container_file_t:s0"}, "Give the type alone, such as container_file_t."),
    ],
)
def test_what_cannot_be_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(Problem) as refused:
        ownership_of(given)
    assert told in str(refused.value)


def test_only_what_is_declared_differs() -> None:
    seen = Ownership(0, 0, 0o755, "var_lib_t")
    assert differences(seen, Ownership()) == []
    assert differences(seen, seen) == []
    assert differences(seen, Ownership(5432, 0, 0o700)) == ["owner 0 → 5432", "mode 0755 → 0700"]
    assert differences(Ownership(), Ownership(0)) == ["owner unknown → 0"]


def test_what_one_leaves_open_the_other_says() -> None:
    assert Ownership(5432).over(Ownership(0, 0, 0o755)) == Ownership(5432, 0, 0o755)
    assert Ownership(0, 0).over(Ownership(5432)) == Ownership(0, 0)


def test_in_words_and_in_results() -> None:
    assert described(Ownership(5432, 5432, 0o700)) == "owner 5432, group 5432, mode 0700"
    assert described(Ownership(mode=0o2770)) == "mode 2770"
    assert shown(Ownership(5432, None, 0o700)) == {"uid": 5432, "gid": None, "mode": "0700"}
