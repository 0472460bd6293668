# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mount options by meaning."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import _options
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from hypothesis import given, strategies as st


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (None, ()),
        ("", ()),
        ("defaults", ()),
        ("ro, hard,,", ("ro", "hard")),
        (["ro", "hard,timeo=5"], ("ro", "hard", "timeo=5")),
        ('context="a:s0:c1,c2",ro', ('context="a:s0:c1,c2"', "ro")),
    ],
)
def test_split(given_: Any, expected: tuple[str, ...]) -> None:
    assert _options.split(given_) == expected


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ({"ro": True}, "neither a string nor a list"),
        ('context="a', "has no second one"),
        ("ro\nrw", "control character"),
    ],
)
def test_malformed(given_: Any, told: str) -> None:
    with pytest.raises(Problem, match=told):
        _options.split(given_)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("nfsvers=4.2", "vers=4.2"),
        ("nfsvers=4.2", "v4.2"),
        ("nfsvers=4.2", "nfsvers=4,minorversion=2"),
        ("nfsvers=4.2", "minorversion=2,vers=4.2"),
        ("vers=3", "v3"),
        ("hard,ro", "ro,hard"),
        ("ro", "ro,hard,async,suid,dev,exec,auto"),
        ("rw", "defaults"),
        ("tcp", "proto=tcp"),
        ("timeo=900", "timeo=600"),
        ("x-systemd.mount-timeout=90s", "x-systemd.mount-timeout=1min 30s"),
        ('context="a,b",ro', 'ro,context="a,b"'),
    ],
)
def test_same_meaning(one: str, other: str) -> None:
    assert _options.differences(_options.split(one), _options.split(other)) == []


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ("ro", "rw", ["-ro"]),
        ("hard", "soft", ["+soft"]),
        ("vers=4.1", "nfsvers=4.2", ["-vers=4.1", "+vers=4.2"]),
        ("noatime,ro", "ro", ["-noatime"]),
    ],
)
def test_other_meaning(one: str, other: str, told: list[str]) -> None:
    assert _options.differences(_options.split(one), _options.split(other)) == told


@given(st.permutations(["ro", "nfsvers=4.1", "soft", "timeo=100", "_netdev", 'context="a,b"']))
def test_order_never_counts(shuffled: list[str]) -> None:
    assert _options.differences(shuffled, sorted(shuffled)) == []
    assert set(_options.split(_options.joined(shuffled))) == set(shuffled)


@pytest.mark.parametrize(
    "contradiction",
    ["ro,rw", "hard,soft", "soft,softerr", "vers=3,nfsvers=4.2", "tcp,udp", "lock,nolock", "timeo=1,timeo=2"],
)
def test_contradictions(contradiction: str) -> None:
    with pytest.raises(Problem, match="contradict each other"):
        _options.check(_options.split(contradiction))


def test_contradictions_are_told_in_the_order_of_the_task() -> None:
    with pytest.raises(Problem, match="opts: hard and soft contradict"):
        _options.check(("hard", "soft"))


def test_saying_one_thing_twice_is_no_contradiction() -> None:
    _options.check(_options.split("ro,ro,vers=4.2,nfsvers=4.2,vers=4.2"))


@pytest.mark.parametrize("secret", ["password=x", "pass=x", "passwd=x", "PASSWORD2=x", "secret=AQ", "token=1"])
def test_secrets_are_refused_without_being_told(secret: str) -> None:
    with pytest.raises(Problem, match="username and password") as refused:
        _options.check((f"{secret}hunter2",))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("fine", ["secretfile=/etc/s", "credentials=/etc/c", "passno=1", "sec=krb5p", "iam"])
def test_what_names_a_file_is_no_secret(fine: str) -> None:
    _options.check((fine,))


@pytest.mark.parametrize(
    ("preset", "own", "result"),
    [
        ("rw,hard,nofail", "ro", "hard,nofail,ro"),
        ("rw,nfsvers=4.2,timeo=600", "vers=3", "rw,timeo=600,vers=3"),
        ("rw,nfsvers=4.2", "nfsvers=4,minorversion=1", "rw,nfsvers=4,minorversion=1"),
        ("rw,nofail,_netdev", "fail", "rw,_netdev"),
        ("hard,proto=tcp", "soft,udp", "soft,udp"),
    ],
)
def test_what_is_written_wins(preset: str, own: str, result: str) -> None:
    assert ",".join(_options.over(_options.split(preset), _options.split(own))) == result


def test_passwords_of_others_are_masked() -> None:
    line = "//s/x /mnt cifs ro,password=hunter2,pass=a 0 0"
    assert _options.masked(line) == "//s/x /mnt cifs ro,password=********,pass=******** 0 0"
    assert _options.masked("password=x") == "password=********"
    assert _options.masked("secretfile=/x,nopass=1") == "secretfile=/x,nopass=1"
