# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients know an export by."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.exports import _fsid
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._syntax import entries
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem


def test_it_is_the_same_for_ever() -> None:
    assert _fsid.derived("/srv/a") == "5f5cfb15-5985-5df1-95c3-6947085cfbae"
    assert _fsid.derived("/srv/a") != _fsid.derived("/srv/b")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("root", "0"),
        ("007", "7"),
        ("5F5CFB15-5985-5df1-95c3-6947085cfbae", "5f5cfb15-5985-5df1-95c3-6947085cfbae"),
    ],
)
def test_declared(given: str, expected: str) -> None:
    assert _fsid.checked(given) == expected


@pytest.mark.parametrize("given", ["", "4294967296", "-1", "5f5cfb15", "5f5cfb15598553f195c36947085cfbag"])
def test_what_is_none(given: str) -> None:
    with pytest.raises(Problem, match=r"is none\. Write a UUID"):
        _fsid.checked(given)


@pytest.mark.parametrize(
    "options", ["fsid=5F5CFB15:59855df1:95c36947:085cfbae", "ro,fsid=5f5cfb15-5985-5df1-95c3-6947085cfbae"]
)
def test_one_that_is_taken(options: str) -> None:
    others = entries(f"/srv/x a(rw)\n/srv/b a({options})", "/etc/exports")
    taken = _fsid.taken(_fsid.derived("/srv/a"), others)
    assert taken is not None
    assert taken.place == "/etc/exports:2"


def test_the_root_has_two_names() -> None:
    assert _fsid.taken("0", entries("/srv a(fsid=root)"))
    assert _fsid.taken("1", entries("/srv a(fsid=root)")) is None
