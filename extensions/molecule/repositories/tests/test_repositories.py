# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies on the hosts when all is done, looked at without the modules that put it there."""

from __future__ import annotations

import json
from typing import Any

import pytest

KEPT = "/etc/holdfast/repositories"
NAMES = ["disk", "objects", "server"]
RESTIC = (
    f"cd {KEPT}/%s && env $(cat environment) RESTIC_REPOSITORY_FILE=location RESTIC_PASSWORD_FILE=password "
    "restic --no-cache --no-lock "
)


@pytest.fixture(params=NAMES)
def name(request: Any) -> str:
    return str(request.param)


def test_nothing_else_is_known_to_the_host(host: Any) -> None:
    assert sorted(host.file(KEPT).listdir()) == NAMES


def test_root_alone_may_read_what_opens_a_repository(host: Any, name: str) -> None:
    assert host.file(f"{KEPT}/{name}").mode == 0o700
    for part in ("location", "password", "environment", "id"):
        file = host.file(f"{KEPT}/{name}/{part}")
        assert (file.user, file.mode) == ("root", 0o600), part


def test_what_is_stored_opens_the_repository_that_was_noted(host: Any, name: str) -> None:
    config = json.loads(host.check_output(RESTIC + "cat config", name))
    assert config["id"] == host.file(f"{KEPT}/{name}/id").content_string.strip()


@pytest.mark.parametrize(("name", "snapshots"), [("disk", 0), ("objects", 1), ("server", 1)], indirect=["name"])
def test_each_repository_is_sound_and_holds_what_was_saved(host: Any, name: str, snapshots: int) -> None:
    assert host.run(RESTIC + "check --read-data", name).rc == 0
    assert len(json.loads(host.check_output(RESTIC + "snapshots --json", name))) == snapshots


@pytest.mark.parametrize("job", ["to_objects", "to_server"])
def test_the_units_of_a_job_did_their_work_and_its_timer_waits(host: Any, job: str) -> None:
    for unit in (f"holdfast-backup-{job}.service", f"holdfast-retention-{job}.service"):
        shown = host.check_output("systemctl show --property=Result,ExecMainStartTimestampMonotonic %s", unit)
        values = dict(line.split("=") for line in shown.splitlines())
        journal = host.check_output("journalctl --no-pager --unit %s", unit)
        assert values["Result"] == "success", journal
        assert values["ExecMainStartTimestampMonotonic"] != "0", journal
    timer = host.service(f"holdfast-backup-{job}.timer")
    assert timer.is_running
    assert timer.is_enabled


def test_nothing_was_left_behind_by_the_probes(host: Any) -> None:
    assert host.check_output("find /run -maxdepth 1 -name 'holdfast-*'") == ""
