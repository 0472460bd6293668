# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Access control lists: read as setfacl writes them, composed as setfacl does, kept as the kernel does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._acl import (
    GROUP,
    MASK,
    OTHER,
    USER,
    Acl,
    Entry,
    composed,
    difference,
    parse,
    unpacked,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from hypothesis import given, strategies as some

NAMED = some.builds(
    Entry,
    some.sampled_from([USER, GROUP]),
    some.integers(0, 2**32 - 2),
    some.integers(0, 7),
    some.booleans(),
)
DECLARED = some.lists(NAMED, unique_by=lambda entry: (entry.default, entry.tag, entry.id))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("user:5432:rwx", Entry(USER, 5432, 7)),
        ("u:root:r-x", Entry(USER, 0, 5)),
        ("g:33:7", Entry(GROUP, 33, 7)),
        ("group:root:rX", Entry(GROUP, 0, 5)),
        ("m::rw", Entry(MASK, None, 6)),
        ("d:u:33:-", Entry(USER, 33, 0, default=True)),
        ("default:other::---", Entry(OTHER, None, 0, default=True)),
        ("default:user::rwx", Entry(USER, None, 7, default=True)),
    ],
)
def test_words(word: str, expected: Entry) -> None:
    assert parse([word]) == (expected,)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["user:5432"], "acl: 'user:5432' is no entry. Write it as setfacl takes it"),
        (["user:5432:rwy"], "is no entry"),
        (["5432:rwx"], "is no entry"),
        (["mask:5:rwx"], "is no entry"),
        (["u:1:2:rwx"], "is no entry"),
        ([""], "is no entry"),
        (["user::rwx"], "acl: 'user::rwx' is what mode says. Set mode"),
        (["user:nobody-here:rwx"], "acl: this host has no user 'nobody-here'"),
        (["g:nobody-here:rwx"], "acl: this host has no group 'nobody-here'"),
        (["u:5:rwx", "user:5:r--"], "acl: user:5 is in the list twice"),
    ],
)
def test_what_is_no_list(words: list[str], told: str) -> None:
    with pytest.raises(Problem) as refused:
        parse(words)
    assert told in str(refused.value)


def test_the_mask_is_what_all_but_owner_and_others_may_together() -> None:
    acl = composed(0o750, parse(["user:33:-w-", "default:user:33:rwx"]))
    assert acl.own == [
        "user:33:-w-",
        "mask::rwx",
        "default:user::rwx",
        "default:user:33:rwx",
        "default:group::r-x",
        "default:mask::rwx",
        "default:other::---",
    ]
    assert acl.base == 0o750


def test_a_mask_that_is_declared_stays() -> None:
    assert composed(0o770, parse(["user:33:rwx", "mask::r-x"])).own == ["user:33:rwx", "mask::r-x"]


def test_no_entries_are_no_list() -> None:
    acl = composed(0o750, ())
    assert (acl.own, acl.base) == ([], 0o750)
    assert acl.packed(default=False) == acl.packed(default=True) == b""


@given(some.integers(0, 0o777), DECLARED)
def test_what_is_packed_is_unpacked(mode: int, declared: list[Entry]) -> None:
    acl = composed(mode, declared)
    assert unpacked(mode, acl.packed(default=False), acl.packed(default=True)) == acl
    assert acl.base == mode
    assert difference(acl, acl) == ""
    assert set(acl.own) >= {str(entry) for entry in declared}


def test_a_difference_tells_what_comes_and_goes() -> None:
    before, after = (composed(0o750, parse([word])) for word in ("user:33:r--", "user:34:r--"))
    assert difference(before, after) == "acl +user:34:r-- -user:33:r--"
    assert difference(composed(0o750, ()), before) == "acl +user:33:r-- +mask::r-x"
    assert difference(Acl(), Acl()) == ""


def test_the_kernel_takes_it(tmp_path: Path) -> None:
    acl = composed(0o750, parse(["user:33:rwx", "group:34:r-x", "default:user:33:rwx"]))
    try:
        os.setxattr(tmp_path, "system.posix_acl_access", acl.packed(default=False))
    except OSError:
        pytest.skip("the file system of the tests keeps no access control lists")
    os.setxattr(tmp_path, "system.posix_acl_default", acl.packed(default=True))
    kept = [os.getxattr(tmp_path, f"system.posix_acl_{which}") for which in ("access", "default")]
    assert unpacked(tmp_path.stat().st_mode, *kept) == acl
    assert tmp_path.stat().st_mode & 0o777 == 0o770
