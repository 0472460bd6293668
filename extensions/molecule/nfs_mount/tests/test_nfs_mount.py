# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the client's kernel, its systemd and its files say about the mounts."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def only_on_the_client(host: Any) -> None:
    if host.backend.get_hostname() != "app1":
        pytest.skip("the mounts are the client's")


def mounts(host: Any) -> dict[str, tuple[str, str, set[str]]]:
    """Mount point → source, type and options of what is seen there."""
    lines = [line.split() for line in host.file("/proc/mounts").content_string.splitlines()]
    return {path: (source, kind, set(options.split(","))) for source, path, kind, options, *_rest in lines}


def test_the_mounts_are_there_as_declared(host: Any) -> None:
    seen = mounts(host)
    source, kind, options = seen["/mnt/uploads"]
    assert (source, kind) == ("storage:/srv/uploads", "nfs4")
    assert {"rw", "hard", "vers=4.2", "nosuid", "nodev"} <= options
    source, _kind, options = seen["/mnt/my-media"]
    assert source == "storage:/srv/media"
    assert {"ro", "noatime", "vers=4.2"} <= options


def test_on_demand_it_is_mounted_by_a_look(host: Any) -> None:
    assert "systemd-1 /mnt/on\\040demand autofs" in host.file("/proc/mounts").content_string
    assert host.run("ls '/mnt/on demand'").rc == 0
    assert mounts(host)["/mnt/on\\040demand"][:2] == ("storage:/srv/media", "nfs4")


def test_lines_of_others_are_untouched(host: Any) -> None:
    content = host.file("/etc/fstab").content_string
    assert "tmpfs   /mnt/other   tmpfs   noauto  # a line of somebody else\nbroken line\n" in content
    ours = [line for line in content.splitlines() if line.startswith("storage:")]
    assert [line.split()[1] for line in ours] == ["/mnt/uploads", "/mnt/on\\040demand"]
    assert host.run("findmnt --verify --tab-file /etc/fstab").stdout.count("parse error") <= 1


def test_systemd_has_read_all_of_it(host: Any) -> None:
    for unit in ("mnt-uploads.mount", r"mnt-my\x2dmedia.mount", r"mnt-on\x20demand.automount"):
        shown = host.check_output("systemctl show --property=ActiveState,NeedDaemonReload %s", unit)
        assert set(shown.splitlines()) == {"ActiveState=active", "NeedDaemonReload=no"}, unit
    assert host.file(r"/etc/systemd/system/remote-fs.target.wants/mnt-my\x2dmedia.mount").is_symlink


def test_the_service_wrote_to_the_share_and_not_beneath(host: Any) -> None:
    assert host.service("writer").is_running
    assert host.file("/mnt/uploads/written").exists
    beneath = "mkdir -p /run/root && mount --bind / /run/root && ls /run/root/mnt/uploads; umount /run/root"
    assert host.check_output(beneath) == ""


def test_nothing_is_left_of_what_failed(host: Any) -> None:
    assert sorted(host.file("/mnt").listdir()) == ["album", "my-media", "on demand", "uploads"]
    assert host.check_output("find /run -path '/run/holdfast-mounts/*'") == ""
    assert not host.file("/etc/.fstab.holdfast").exists
