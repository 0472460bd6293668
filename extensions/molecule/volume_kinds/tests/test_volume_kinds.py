# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Docker and the driver say of the volumes that the scenario declares."""

from __future__ import annotations

import json
from typing import Any

import pytest

OPTIONS = {
    "plain": {},
    "bound": {"type": "none", "o": "bind", "device": "/srv/app"},
    "memory": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,mode=0700,nosuid"},
    "export": {"type": "nfs", "device": ":/srv/export", "o": "addr=localhost,nfsvers=4,soft"},
    "share": {"type": "cifs", "device": "//localhost/share", "o": "username=app,password=not-for-the-log"},
    "far": {},
}


def inspect(host: Any, name: str) -> dict[str, Any]:
    return dict(json.loads(host.check_output("docker volume inspect %s", name))[0])


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_volumes_are_as_declared(host: Any, name: str) -> None:
    volume = inspect(host, name)
    assert (volume["Options"] or {}) == OPTIONS[name]
    assert volume["Driver"] == ("foreign" if name == "far" else "local")
    assert len(volume["Labels"]["holdfast.uuid"]) == 36


def test_nothing_else_was_left_behind(host: Any) -> None:
    assert sorted(host.check_output("docker volume ls --quiet").split()) == sorted(OPTIONS)
    assert host.check_output("docker plugin ls --quiet") == ""


def test_the_drivers_data_outlived_all_that_was_tried(host: Any) -> None:
    assert host.file("/var/lib/volume-driver-foreign/volumes/far/file").content_string == "precious\n"


def test_containers_get_what_is_declared(host: Any) -> None:
    mounts = host.check_output("docker run --rm --network=none -v memory:/m -v bound:/b busybox:local cat /proc/mounts")
    memory = next(line for line in mounts.splitlines() if " /m " in line)
    assert memory.startswith("tmpfs /m tmpfs rw,nosuid")
    assert "size=1024k,mode=700" in memory
    host.check_output("docker run --rm --network=none -v bound:/b busybox:local touch /b/written")
    assert host.file("/srv/app/written").exists
