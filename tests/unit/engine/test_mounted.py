# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers from Docker's list."""

from __future__ import annotations

from ansible_collections.holdfast.persistence.plugins.module_utils.engine._mounted import Container, Mount, container_of

DATA = {"Type": "volume", "Name": "data", "Destination": "/data/", "Source": "/v/data", "Driver": "local", "RW": True}


def test_a_container_and_its_mounts() -> None:
    answer = {
        "Id": "1",
        "State": "exited",
        "ImageID": "sha256:a",
        "Image": "app:1",
        "Mounts": [DATA, {"Type": "bind", "Source": "/srv", "Destination": "/srv", "RW": False, "Name": "data"}],
    }
    assert container_of(answer, "app") == Container(
        id="1",
        name="app",
        state="exited",
        image="sha256:a",
        image_name="app:1",
        mounts=(
            Mount("volume", "/data", "data", "/v/data", "local"),
            Mount("bind", "/srv", source="/srv", writable=False),
        ),
    )


def test_what_docker_may_leave_out() -> None:
    assert container_of({"Id": "1", "State": "created", "Mounts": None}, "app") == Container("1", "app", "created", "")


def test_one_volume_in_several_places() -> None:
    answer = {"Id": "1", "State": "paused", "Mounts": [{**DATA, "Destination": "/twice"}, DATA]}
    assert container_of(answer, "app").targets_of("data") == ["/data", "/twice"]
    assert container_of(answer, "app").runs
