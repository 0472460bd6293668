# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the short way to an NFS volume means to Docker's local driver."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._kind import check
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._nfs import driver_options
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import OPTIONS, desire


def given(**options: Any) -> dict[str, Any]:
    return {"server": "nas", "path": "/srv/up", "preset": "default", "opts": None, **options}


def test_the_default_waits_for_its_server_and_has_no_words_for_fstab() -> None:
    assert driver_options(given()) == {
        "type": "nfs",
        "device": ":/srv/up",
        "o": "addr=nas,rw,hard,nfsvers=4.2,proto=tcp,timeo=600,retrans=2,nosuid,nodev",
    }


@pytest.mark.parametrize("preset", ["default", "database", "efs", "filestore", "azure_files"])
@pytest.mark.parametrize("server", ["nas", "nas.example.com", "192.0.2.10", "2001:db8::10"])
def test_every_preset_is_something_that_docker_can_mount(preset: str, server: str) -> None:
    check(driver_options(given(preset=preset, server=server)))


def test_what_is_written_wins() -> None:
    told = driver_options(given(opts=["nfsvers=4.1", "ro", "bg"]))["o"]
    assert "nfsvers=4.1" in told.split(",")
    assert "ro" in told.split(",")
    assert not {"nfsvers=4.2", "rw", "bg"} & set(told.split(","))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"server": "nas:/srv"}, "nfs.server: 'nas:/srv' is neither a host name nor an address."),
        ({"server": ""}, "nfs.server: '' is neither"),
        ({"path": "srv"}, "nfs.path: 'srv' is not the path of an export."),
        ({"path": "/srv/../etc"}, "nfs.path: '/srv/../etc' is not the path"),
        ({"path": "/srv/"}, "nfs.path: '/srv/' is not the path"),
        ({"preset": "database", "opts": "soft"}, "nfs.opts: soft contradicts preset database"),
        ({"opts": "addr=other"}, "nfs.opts: addr= is what server says."),
    ],
)
def test_what_cannot_be_meant(options: dict[str, Any], told: str) -> None:
    with pytest.raises(Problem) as problem:
        driver_options(given(**options))
    assert str(problem.value).startswith(told)


@pytest.mark.parametrize(
    ("options", "told"),
    [({"driver_options": {}}, "nfs, driver_options: say"), ({"driver": "cloud"}, "nfs, driver: cloud: say")],
)
def test_one_place_is_declared_in_one_way(options: dict[str, Any], told: str) -> None:
    item = {name: option.get("default") for name, option in OPTIONS.items()}
    with pytest.raises(Problem, match=f"volume uploads: {told}"):
        desire({**item, "name": "uploads", "nfs": given(), **options})
