# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the host itself says after the main job: engine, storage, backups, service."""

from __future__ import annotations

import json
from typing import Any

import pytest


def inspect(host: Any, *arguments: str) -> dict[str, Any]:
    answer = host.run(" ".join(["docker", *["%s"] * len(arguments)]), *arguments)
    assert answer.rc == 0, answer.stderr
    return dict(json.loads(answer.stdout)[0])


@pytest.mark.parametrize("unit", ["docker.service", "holdfast-backup-database.timer"])
def test_units_run_now_and_after_a_boot(host: Any, unit: str) -> None:
    assert host.service(unit).is_running, host.check_output("journalctl --no-pager -n 50 -u %s", unit)
    assert host.service(unit).is_enabled


def test_the_backup_itself_is_not_started_by_a_boot(host: Any) -> None:
    assert host.run("systemctl is-enabled holdfast-backup-database.service").stdout.strip() == "static"


def test_daemon_settings(host: Any) -> None:
    settings = json.loads(host.file("/etc/docker/daemon.json").content_string)
    assert settings["live-restore"] is True
    assert settings["log-driver"] == "json-file"
    assert set(settings["log-opts"]) == {"max-file", "max-size"}


def test_volume(host: Any) -> None:
    volume = inspect(host, "volume", "inspect", "pgdata")
    assert len(volume["Labels"]["holdfast.uuid"]) == 36
    root = host.file(volume["Mountpoint"])
    assert (root.uid, root.gid, root.mode) == (5432, 5432, 0o700)


def test_bind_directory(host: Any) -> None:
    exports = host.file("/srv/exports")
    assert exports.is_directory
    assert (exports.uid, exports.gid, exports.mode) == (5432, 5432, 0o750)


def test_container(host: Any) -> None:
    container = inspect(host, "container", "inspect", "database")
    assert container["State"]["Running"]
    assert container["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert container["HostConfig"]["LogConfig"]["Type"] == "json-file"
    assert {mount["Destination"] for mount in container["Mounts"]} == {"/var/lib/postgresql/data", "/exports"}


@pytest.mark.parametrize("name", ["location", "password", "environment"])
def test_credentials_are_root_s_alone(host: Any, name: str) -> None:
    folder = host.file("/etc/holdfast/repositories/main")
    assert (folder.user, folder.mode) == ("root", 0o700)
    secret = host.file(f"/etc/holdfast/repositories/main/{name}")
    assert (secret.user, secret.mode) == ("root", 0o600)


def test_status_is_healthy(host: Any) -> None:
    status = host.run("holdfast status database")
    assert status.rc == 0, status.stdout + status.stderr


def test_nothing_is_left_over(host: Any) -> None:
    assert [name for name in host.file("/var/tmp").listdir() if name.startswith("holdfast-")] == []
    assert host.check_output("docker volume ls --quiet") == "pgdata"
