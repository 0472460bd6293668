# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes in use against what is mounted for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._docker import Consumer
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._mountinfo import Mount
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._live_mount import (
    Mounts,
    host_in,
    is_live,
    live_differences,
    live_warnings,
    way_out,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import Volume

DATA = "/var/lib/docker/volumes/app/_data"
ROOT = Mount("/", "ext4", "/dev/vda", number="254:0")
DISK = Mount("/srv/disk", "xfs", "/dev/vdb", number="254:16")
BIND = {"type": "none", "device": "/srv/app", "o": "bind"}
NFS = {"type": "nfs", "device": ":/srv/app", "o": "addr=nas,nfsvers=4,soft"}
CIFS = {"type": "cifs", "device": "//nas/App", "o": "username=app,password=geheim"}


def volume(options: Mapping[str, str], *states: str, driver: str = "local") -> Volume:
    consumers = tuple(Consumer(f"{number}", f"c{number}", state) for number, state in enumerate(states))
    return Volume("app", driver, options, {}, DATA, "2026-03-01T02:00:00Z", consumers)


def live(file_system: str, source: str, options: str = "rw", **more: Any) -> Mount:
    return Mount(DATA, file_system, source, options=frozenset(options.split(",")), **more)


@pytest.mark.parametrize(
    ("seen", "is_used"),
    [
        (volume(NFS, "running"), True),
        (volume(NFS, "exited", "paused"), True),
        (volume(NFS, "exited", "created", "restarting"), False),
        (volume(NFS), False),
        (volume({}, "running"), False),
        (volume(NFS, "running", driver="sshfs"), False),
    ],
)
def test_only_what_is_in_use_is_mounted(seen: Volume, is_used: bool) -> None:
    assert is_live(seen) == is_used
    assert bool(live_differences(seen, Mounts((ROOT,)))) == is_used


def test_options_that_are_not_in_force_at_all() -> None:
    told = live_differences(volume(NFS, "running", "exited", "running"), Mounts((ROOT,)))
    assert len(told) == 1
    assert f"nothing is mounted at {DATA}, although containers c0, c2 run" in told[0]
    assert way_out(volume(NFS, "running", "exited")).startswith("Stop c0 and start again")


@pytest.mark.parametrize(
    ("options", "mount", "difference"),
    [
        (NFS, live("nfs4", ":/srv/app", "rw,soft,vers=4.0,addr=192.0.2.10"), ""),
        (NFS, live("nfs4", "nas:/srv/app/", "rw,soft,vers=4.0,addr=192.0.2.10"), ""),
        (NFS, live("nfs4", ":/srv/old", "rw,soft,addr=192.0.2.10"), "device: ':/srv/old' → ':/srv/app'"),
        (NFS, live("nfs4", ":/srv/app", "soft,addr=192.0.2.9"), "o: 'addr=192.0.2.9' → 'addr=nas'"),
        (NFS, live("tmpfs", ":/srv/app", "soft"), "type: 'tmpfs' → 'nfs'"),
        (CIFS, live("cifs", "//192.0.2.10/app", "rw,username=app"), ""),
        (CIFS, live("smb3", "\\\\NAS\\App", "rw,username=app"), ""),
        (CIFS, live("cifs", "//192.0.2.9/app", "rw"), "device: '//192.0.2.9/app' → '//nas/App'"),
        ({"type": "tmpfs", "device": "tmpfs"}, live("tmpfs", "tmpfs"), ""),
        ({"type": "tmpfs", "device": "memory"}, live("tmpfs", "tmpfs"), "device: 'tmpfs' → 'memory'"),
        ({"type": "ext4", "device": "/dev/disk/by-label/a"}, live("ext4", "/dev/vdc", number="254:32"), ""),
        ({"type": "ext4", "device": "/dev/mapper/a"}, live("ext4", "/dev/dm-0", number="253:0"), ""),
        ({"type": "ext4", "device": "/dev/vdd"}, live("ext4", "/dev/vdc"), "device: '/dev/vdc' → '/dev/vdd'"),
    ],
)
def test_mounts(options: Mapping[str, str], mount: Mount, difference: str) -> None:
    mounts = Mounts(
        (ROOT, mount),
        real_paths={"/dev/mapper/a": "/dev/dm-0"},
        numbers={"/dev/disk/by-label/a": "254:32"},
        addresses={"nas": {"192.0.2.10"}},
    )
    expected = [f"what is mounted differs from its options ({difference})"] if difference else []
    assert live_differences(volume(options, "running"), mounts) == expected


@pytest.mark.parametrize(
    ("real", "mount", "difference"),
    [
        ("/srv/app", live("ext4", "/dev/vda", root="/srv/app", number="254:0"), ""),
        ("/srv/disk/app", live("xfs", "/dev/vdb", root="/app", number="254:16"), ""),
        ("/srv/disk", live("xfs", "/dev/vdb", root="/", number="254:16"), ""),
        (None, live("ext4", "/dev/vda", root="/srv/app", number="254:0"), ""),
        ("", live("ext4", "/dev/vda", root="/srv/app//deleted", number="254:0"), "'/srv/app' is not there any more"),
        (
            "/srv/disk/app",
            live("ext4", "/dev/vda", root="/srv/disk/app", number="254:0"),
            "device: '/srv/disk/app' of /dev/vda → '/app' of /dev/vdb, which /srv/app is now",
        ),
    ],
)
def test_binds(real: str | None, mount: Mount, difference: str) -> None:
    mounts = Mounts((ROOT, DISK, mount), real_paths={} if real is None else {"/srv/app": real})
    told = live_differences(volume(BIND, "running"), mounts)
    assert (difference in told[0]) if difference else told == []


@pytest.mark.parametrize(
    ("options", "seen", "is_declared"),
    [
        ({"type": "tmpfs", "device": "tmpfs", "o": "size=1m"}, Mount("/in", "tmpfs", "tmpfs"), True),
        ({"type": "tmpfs", "device": "tmpfs"}, Mount("/in", "ext4", "/dev/vda", f"{DATA}", "254:0"), False),
        (BIND, Mount("/in", "ext4", "/dev/vda", "/srv/app", "254:0"), True),
        (BIND, Mount("/in", "ext4", "/dev/vda", f"{DATA}", "254:0"), False),
    ],
)
def test_what_only_the_container_sees(options: Mapping[str, str], seen: Mount, is_declared: bool) -> None:
    used = volume(options, "running")
    mounts = Mounts((ROOT,), real_paths={"/srv/app": "/srv/app"}, inside={"app": seen})
    assert bool(live_differences(used, mounts)) != is_declared
    assert bool(live_warnings(used, mounts)) == is_declared


def test_nothing_to_warn_of() -> None:
    used = volume({"type": "tmpfs", "device": "tmpfs"}, "running")
    assert live_warnings(used, Mounts((ROOT, live("tmpfs", "tmpfs")))) == []
    assert live_warnings(volume({}, "running"), Mounts((ROOT,))) == []


def test_a_bind_that_should_be_read_only() -> None:
    mount = live("ext4", "/dev/vda", root="/srv/app", number="254:0")
    mounts = Mounts((ROOT, mount), real_paths={"/srv/app": "/srv/app"})
    told = live_differences(volume({**BIND, "o": "bind,ro,noexec"}, "running"), mounts)
    assert told == ["what is mounted differs from its options (o: 'rw' → 'ro')"]


def test_the_server_of_a_share() -> None:
    assert host_in(CIFS) == "nas"
    assert host_in(NFS) == ""
