# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No upload that was taken is lost, whichever host took it, and none lies beneath the mount."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def name(host: Any) -> str:
    return str(host.check_output("hostname"))


def as_application(host: Any, script: str) -> Any:
    """Root is nobody on the export."""
    return host.run("runuser -u uploads -- sh -c %s", script)


def test_what_was_taken_is_there(host: Any, name: str) -> None:
    if name == "storage":
        pytest.skip("takes no uploads")
    taken = host.file("/var/lib/uploads/taken-before").content_string.split()
    boots = {line.removeprefix(f"{name}-").rpartition("-")[0] for line in taken}
    assert len(boots) == (3 if name == "app2" else 1)
    missing = as_application(
        host,
        'while read -r name; do [ "$(cat "/mnt/uploads/$name")" = "$name" ] || echo "$name"; done '
        "< /var/lib/uploads/taken-before",
    )
    assert missing.stdout == ""
    assert missing.rc == 0


def test_each_sees_what_the_other_took(host: Any, name: str) -> None:
    if name == "storage":
        pytest.skip("takes no uploads")
    there = {line.split("-")[0] for line in as_application(host, "ls /mnt/uploads").stdout.split()}
    assert there == {"app1", "app2"}


def test_nothing_lies_beneath_the_mount(host: Any, name: str) -> None:
    if name == "storage":
        pytest.skip("mounts nothing")
    host.check_output("mkdir -p /run/beneath")
    host.check_output("mount --bind / /run/beneath")
    try:
        assert host.file("/run/beneath/mnt/uploads").listdir() == []
    finally:
        host.check_output("umount /run/beneath")


def test_the_service_needs_the_mount(host: Any, name: str) -> None:
    if name == "storage":
        pytest.skip("runs no application")
    assert "mnt-uploads.mount" in host.check_output("systemctl show --property=Requires uploads.service")
    assert host.service("uploads.service").is_running
