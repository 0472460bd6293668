# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel has mounted for the volumes of the scenario."""

from __future__ import annotations

import json
from typing import Any

SHARED = "/var/lib/docker/volumes/shared/_data"


def test_the_containers_write_to_the_server(host: Any) -> None:
    found = json.loads(host.check_output(f"findmnt --json --output SOURCE,FSTYPE,OPTIONS {SHARED}"))["filesystems"][0]
    assert (found["source"], found["fstype"]) == (":/srv/shared", "nfs4")
    assert {"hard", "vers=4.2", "nosuid", "nodev"} <= set(found["options"].split(","))


def test_nothing_is_left_of_the_first_look(host: Any) -> None:
    assert host.check_output("docker ps --all --quiet --filter label=holdfast.holder") == ""
    assert set(host.file(SHARED).listdir()) == {"starts"}


def test_the_unit_has_done_its_work(host: Any) -> None:
    assert host.service("holdfast-start-held-containers").is_enabled
    assert host.run("systemctl is-failed holdfast-start-held-containers").stdout.strip() == "inactive"
