# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts as exports(5) takes them, and what would be taken for something else."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._clients import checked, is_everybody
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("App1.example.com", "app1.example.com"),
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.0/255.255.255.0", "192.0.2.0/24"),
        ("2001:DB8:0::7", "2001:db8::7"),
        ("2001:db8::/64", "2001:db8::/64"),
        ("*.example.com", "*.example.com"),
        ("app[0-9].example.com", "app[0-9].example.com"),
        ("@web_hosts", "@web_hosts"),
        ("*", "*"),
    ],
)
def test_hosts(host: str, expected: str) -> None:
    assert checked(host) == expected


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("", "is empty, which exportfs takes for every host"),
        ("app1 (rw)", "a blank between a host and its options would export the directory to every host"),
        ("app1(rw)", "holds more than a host"),
        ("app1,app2", "holds more than a host"),
        ("app1\nroot", "holds more than a host"),
        ("#app1", "holds more than a host"),
        ("gss/krb5i", "Name the hosts, and give the option sec=krb5i"),
        ("192.0.2.7/24", "is a host in the network 192.0.2.0/24. Write 192.0.2.0/24, or 192.0.2.7 alone"),
        ("192.0.2.0/33", "is no network"),
        ("web/24", "is no network"),
        ("192.0.2", "is no address"),
        ("192.0.2.300", "is no address"),
        ("2001:db8::x", "is no address"),
        ("-r", "is no host"),
        ("@", "is no host"),
        ("app1!", "is no host"),
    ],
)
def test_what_is_refused(host: str, told: str) -> None:
    with pytest.raises(Problem) as refused:
        checked(host)
    assert told in str(refused.value)


@pytest.mark.parametrize("host", ["*", "*.*", "0.0.0.0/0", "::/0"])
def test_everybody(host: str) -> None:
    assert is_everybody(checked(host))


@pytest.mark.parametrize("host", ["*.example.com", "192.0.2.0/24", "10.0.0.0/8", "@all"])
def test_somebody(host: str) -> None:
    assert not is_everybody(checked(host))
