# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host looks like when all is done, looked at without the modules."""

from __future__ import annotations

import json
from typing import Any

RESTIC = (
    "cd /etc/holdfast/repositories/main && env RESTIC_REPOSITORY_FILE=location RESTIC_PASSWORD_FILE=password "
    "restic --no-cache --no-lock "
)
DUMPS = "/var/lib/holdfast/dumps/databases"


def test_the_one_snapshot_holds_every_dump_and_both_manifests(host: Any) -> None:
    snapshots = json.loads(host.check_output(RESTIC + "snapshots --json"))
    assert len(snapshots) == 1
    listed = host.check_output(RESTIC + "ls --recursive %s", snapshots[0]["id"]).splitlines()
    files = {f"{DUMPS}/{name}" for name in ("postgres.sql", "mariadb.sql", "redis.rdb", "app.sqlite", "routes")}
    assert files <= set(listed)
    assert "/var/lib/holdfast/manifests/databases.entries.jsonl" in listed
    entries = host.check_output(
        RESTIC + "dump %s /var/lib/holdfast/manifests/databases.entries.jsonl", snapshots[0]["id"]
    )
    dumped = [json.loads(line) for line in entries.splitlines()]
    assert {entry["path"] for entry in dumped if entry.get("path", "").startswith(("postgres", "redis"))} == {
        "postgres.sql",
        "redis.rdb",
    }
    assert all(entry["mode"] == "0600" for entry in dumped if entry.get("path") in ("postgres.sql", "app.sqlite"))


def test_no_dump_lies_on_the_host(host: Any) -> None:
    assert host.check_output("find /var/lib/holdfast/dumps -type f") == ""


def test_the_hooks_ran_in_their_order(host: Any) -> None:
    ran = host.check_output("journalctl --no-pager --output=cat --identifier=hooks").split()
    assert ran[-3:] == ["before", "after", "on_success"]


def test_the_unit_with_dumps_is_as_confined_as_any(host: Any) -> None:
    done = host.run(
        "systemd-analyze security --offline=true --threshold=25 /etc/systemd/system/holdfast-backup-databases.service"
    )
    assert done.rc == 0, done.stdout


def test_no_password_is_told_anywhere(host: Any) -> None:
    for place in ("/etc/holdfast", "/etc/systemd/system", "/var/lib/holdfast", "/run/systemd"):
        assert host.run("grep --recursive --files-with-matches canary-of %s", place).stdout == "", place
    assert "canary-of" not in host.check_output("journalctl --no-pager --boot --unit='holdfast-*'")
