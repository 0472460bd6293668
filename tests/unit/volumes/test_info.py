# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which form volumes are told."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._mounted import Container, Mount
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.trees._content import Content
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._facts import Wanted, nothing
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._info import (
    age,
    as_docker_shows,
    check_name,
    sized,
    told,
    unlisted,
    users_by_volume,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._last_backup import LastBackup
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import Volume, shown

NOW = datetime(2026, 2, 1, 2, 31, tzinfo=timezone.utc)
DATA = Mount("volume", "/data", "data", driver="local")
APP = Container("2", "app", "running", "img", "app:1", (DATA, Mount("volume", "/far", "far", driver="sshfs")))
JOB = Container("1", "job", "exited", "img", "app:1", (DATA,))


@pytest.mark.parametrize(
    ("created", "seconds"),
    [
        ("2026-02-01T02:30:00Z", 60),
        ("2026-02-01T03:30:00+01:00", 60),
        ("2026-02-01T03:30:00.123456789+01:00", 60),
        ("2026-02-01T02:32:00Z", 0),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("long ago", None),
    ],
)
def test_age(created: str, seconds: int | None) -> None:
    assert age(created, NOW) == seconds


@pytest.mark.parametrize("name", ["", ".", "..", "../containers/json", "a//b", "/a", "a/"])
def test_a_name_that_would_ask_for_something_else(name: str) -> None:
    with pytest.raises(Problem, match="is no name for a volume"):
        check_name(name)


@pytest.mark.parametrize("name", ["pgdata", "a.b", "remote/share", "x"])
def test_names_of_any_driver(name: str) -> None:
    assert check_name(name) == name


def test_a_volume_is_told_as_by_the_module_volume_and_with_more() -> None:
    volume = Volume(
        "data", "local", {"o": "username=a,password=secret"}, {"holdfast.uuid": "u"}, "/v/data", "2026-02-01T02:30:00Z"
    )
    row = told(volume, users_by_volume([APP, JOB])["data"], LastBackup("night", "2026-01-31T02:31:00Z", 86400), NOW)
    assert row["driver_options"] == {"o": "username=a,password=********"}
    assert row == {
        **shown(volume),
        "age": 60,
        "anonymous": False,
        "last_backup": {"job": "night", "finished": "2026-01-31T02:31:00Z", "age": 86400, "snapshot": None},
        "consumers": [
            {"id": "2", "name": "app", "state": "running", "paths": ["/data"]},
            {"id": "1", "name": "job", "state": "exited", "paths": ["/data"]},
        ],
    }


def test_docker_s_own_form_hides_secrets_and_keeps_the_rest() -> None:
    answer = {
        "Name": "data",
        "Labels": None,
        "Options": {"o": "password=secret", "type": "cifs"},
        "Status": {"token": "secret", "mounts": 2},
    }
    assert as_docker_shows(answer) == {
        "Name": "data",
        "Labels": None,
        "Options": {"o": "password=********", "type": "cifs"},
        "Status": {"token": "********", "mounts": 2},
    }
    assert as_docker_shows({"Name": "data", "Options": None}) == {"Name": "data", "Options": None}


def test_a_volume_that_docker_did_not_list_is_told_by_its_containers() -> None:
    users = users_by_volume([APP, JOB])
    row = {"id": "2", "name": "app", "state": "running", "paths": ["/far"]}
    assert unlisted(["data"], users) == [{"name": "far", "driver": "sshfs", "consumers": [row]}]
    assert unlisted(["data", "far"], users) == []


def test_what_cannot_be_counted_is_null_and_never_0() -> None:
    assert sized(Content(3, 1, 40)) == {"files": 3, "folders": 1, "size": 40, "complete": True, "unknown": None}
    assert sized(Content(3, 1, 40, more=True))["complete"] is False
    unknown = {"files": None, "folders": None, "size": None, "complete": False, "unknown": "hidden"}
    assert sized(Content(unknown="hidden")) == unknown


def test_a_host_without_docker_has_none_of_the_named() -> None:
    assert nothing(Wanted(("a", "b")))["absent"] == ["a", "b"]
    assert nothing(Wanted(layers=True))["layers"] == []
