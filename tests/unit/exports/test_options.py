# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client's options: hardened, in one order, refused by name."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._options import (
    ACCEPTABLE,
    flavours,
    hardened,
    transports,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from hypothesis import given, strategies as some

WORDS = ("rw", "sync", "root_squash", "all_squash", "no_wdelay", "crossmnt", "anonuid=5", "sec=sys:krb5p", "no_acl")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], "ro,sync,secure,root_squash,no_subtree_check"),
        (["rw"], "rw,sync,secure,root_squash,no_subtree_check"),
        (["no_subtree_check", " sync", "rw", "rw"], "rw,sync,secure,root_squash,no_subtree_check"),
        (["subtree_check", "ro"], "ro,sync,secure,root_squash,subtree_check"),
        (["no_auth_nlm"], "ro,sync,secure,root_squash,no_subtree_check,insecure_locks"),
        (["sec=krb5p", "rw"], "rw,sync,secure,root_squash,no_subtree_check,sec=krb5p"),
        (
            ["sec=krb5p", "rw", "sec=sys", "ro", "async"],
            "ro,async,secure,root_squash,no_subtree_check,sec=krb5p,rw,sec=sys,ro",
        ),
        (["xprtsec=tls:mtls"], "ro,sync,secure,root_squash,no_subtree_check,xprtsec=tls:mtls"),
        (["refer=/a@b.example.com"], "ro,sync,secure,root_squash,no_subtree_check,refer=/a@b.example.com"),
    ],
)
def test_what_is_written(given: list[str], expected: str) -> None:
    assert ",".join(hardened(given, ACCEPTABLE)) == expected


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["bogus"], "options: 'bogus' is no option of exports(5). Known are rw, ro,"),
        (["rw=yes"], "'rw=yes' is no option"),
        (["security_label=x"], "is no option"),
        ([""], "'' is no option"),
        (["rw", "ro"], "rw and ro contradict each other"),
        (["sync", "async"], "sync and async contradict"),
        (["secure_locks", "no_auth_nlm"], "secure_locks and insecure_locks contradict"),
        (["anonuid=5", "anonuid=6"], "anonuid=5 and anonuid=6 contradict"),
        (["sec=krb5", "rw", "sec=sys", "ro", "rw"], "ro and rw contradict"),
        (["sec=krb5", "sec=sys:krb5"], "sec=krb5 is there twice"),
        (["sec=kerberos"], "sec=kerberos: 'kerberos' is not known"),
        (["sec="], "'' is not known"),
        (["xprtsec=ssl"], "'ssl' is not known or there twice. Write one or more of none, tls, mtls"),
        (["anonuid=nobody"], "'nobody' is no number up to 4294967294"),
        (["refer=/a b"], "the value is empty or has signs"),
        (["fsid=0"], "fsid=0 belongs to the export and not to one client. Write it as the export's own option fsid"),
        (["mp"], "own option mountpoint"),
        (
            ["no_root_squash"],
            "root on the client would be root on this server's data. Leave it out, or put no_root_squash",
        ),
        (["all_squash", "anonuid=0"], "anonuid=0: refused"),
        (["insecure"], "put insecure into accept"),
        (["async"], "put async into accept"),
        (["sec=krb5", "rw", "sec=sys", "no_root_squash"], "no_root_squash: refused"),
    ],
)
def test_what_is_refused(given: list[str], told: str) -> None:
    with pytest.raises(Problem) as refused:
        hardened(given, [])
    assert told in str(refused.value)


def test_one_word_does_not_accept_another() -> None:
    with pytest.raises(Problem, match="put async into accept"):
        hardened(["async"], ["insecure", "no_root_squash", "any_host"])


@given(some.permutations(WORDS))
def test_order_and_a_second_pass_change_nothing(words: list[str]) -> None:
    once = hardened(words, [])
    assert once == hardened(WORDS, [])
    assert hardened(once, []) == once


def test_what_needs_more_on_the_host() -> None:
    assert flavours(["rw", "sec=sys:krb5p", "sec=krb5"]) == {"sys", "krb5p", "krb5"}
    assert transports(["rw", "xprtsec=tls:mtls"]) == {"tls", "mtls"}
    assert not flavours(["rw"])
