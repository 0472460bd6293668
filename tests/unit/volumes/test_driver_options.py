# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver options: their secrets, and how their differences are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._driver_options import (
    differences,
    masked,
    secrets,
)
from hypothesis import given, strategies as some


@pytest.mark.parametrize(
    ("options", "shown", "hidden"),
    [
        ({"type": "nfs", "device": ":/srv/a", "o": "addr=nas,soft"}, {}, []),
        ({"o": "username=u,password=geheim,vers=3.0"}, {"o": "username=u,password=********,vers=3.0"}, ["geheim"]),
        ({"o": "credentials=/root/.smb"}, {"o": "credentials=********"}, ["/root/.smb"]),
        ({"o": "user=ann%geheim,ro"}, {"o": "user=ann%********,ro"}, ["geheim"]),
        ({"o": "name=admin,secret=geheim"}, {"o": "name=admin,secret=********"}, ["geheim"]),
        ({"o": "nopass"}, {}, []),
        ({"device": "https://ann:geheim@dav/a"}, {"device": "https://ann:********@dav/a"}, ["geheim"]),
        ({"device": "//nas/share@home"}, {}, []),
        ({"sas_token": "geheim"}, {"sas_token": "********"}, ["geheim"]),
        ({"o": "password=ab"}, {"o": "password=********"}, []),
        ({"size": 10, "password": 123456}, {"password": "********"}, ["123456"]),
    ],
)
def test_secrets(options: Mapping[str, Any], shown: Mapping[str, str], hidden: list[str]) -> None:
    given = {name: str(value) for name, value in options.items()}
    assert masked(given) == {**given, **shown}
    assert list(secrets(options)) == hidden


@given(options=some.dictionaries(some.sampled_from(["o", "device", "type"]), some.text("pas=w,:/@%u.", max_size=20)))
def test_what_is_no_secret_stays_as_it_is(options: Mapping[str, str]) -> None:
    for name, value in masked(options).items():
        if "********" not in value:
            assert value == options[name]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, {}, []),
        ({"o": "ro"}, {"o": "ro,ro"}, []),
        ({"o": ""}, {"o": "ro"}, ["o: 'ro' added"]),
        ({}, {"o": "ro"}, ["o: unset → 'ro'"]),
        ({"size": ""}, {}, ["size: '' → unset"]),
        ({"password": "geheim"}, {"password": "other"}, ["password: '********' → another '********'"]),
        ({"o": "password=geheim"}, {"o": "password=other"}, ["o: 'password=********' → another 'password=********'"]),
    ],
)
def test_differences(before: Mapping[str, str], after: Mapping[str, str], told: list[str]) -> None:
    assert differences(before, after) == told
