# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab itself: what every other scenario takes for granted of its hosts."""

from __future__ import annotations

from typing import Any

import pytest


def test_systemd_is_up_and_nothing_failed(host: Any) -> None:
    state = host.run("systemctl is-system-running --wait")
    failed = host.check_output("systemctl --failed --no-legend --plain")
    assert state.stdout.strip() == "running", failed


@pytest.mark.parametrize("name", ["storage", "app1"])
def test_hosts_see_each_other_by_name(host: Any, name: str) -> None:
    assert host.run("ping -c 1 -W 5 %s", name).rc == 0


def test_a_host_knows_its_own_name(host: Any) -> None:
    assert host.check_output("hostname") == host.backend.get_hostname()


def test_packages_include_updates_and_security(host: Any) -> None:
    distro = host.check_output("sed -n 's/^VERSION_CODENAME=//p' /etc/os-release")
    policy = host.check_output("apt-cache policy")
    for suite in (distro, f"{distro}-updates", f"{distro}-security"):
        assert f"n={suite}," in policy


def test_docker_runs_a_container_made_from_a_package(host: Any) -> None:
    if host.backend.get_hostname() != "app1":
        pytest.skip("only app1 is given a Docker")
    image = "tar --create --directory /bin busybox | docker import --change 'ENTRYPOINT [\"/busybox\"]' - lab-busybox"
    assert host.run(image).rc == 0
    assert host.check_output("docker run --rm lab-busybox echo hello") == "hello"
