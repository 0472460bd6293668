# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kinds of volumes: which is which, and definitions with which no container would ever start."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes import _kind

BIND = {"type": "none", "device": "/srv/app", "o": "bind"}
NFS = {"type": "nfs", "device": ":/srv/app", "o": "addr=nas,nfsvers=4,soft"}
CIFS = {"type": "cifs", "device": "//nas/app", "o": "addr=nas,username=app,password=geheim"}


@pytest.mark.parametrize(
    ("driver", "options", "kind"),
    [
        ("local", {}, _kind.PLAIN),
        ("local", {"size": "10g"}, _kind.PLAIN),
        ("local", BIND, _kind.BIND),
        ("local", {**BIND, "o": "ro, rbind"}, _kind.BIND),
        ("local", NFS, _kind.NFS),
        ("local", {**NFS, "type": "nfs4"}, _kind.NFS),
        ("local", CIFS, _kind.CIFS),
        ("local", {"type": "tmpfs", "device": "tmpfs"}, _kind.TMPFS),
        ("local", {"type": "ext4", "device": "/dev/vdb"}, _kind.DEVICE),
        ("sshfs", BIND, _kind.FOREIGN),
    ],
)
def test_kinds(driver: str, options: Mapping[str, str], kind: _kind.Kind) -> None:
    assert _kind.kind_of(driver, options) is kind


@pytest.mark.parametrize(
    ("declared", "driver", "same"),
    [
        ("local", "local", True),
        ("vieux/sshfs", "vieux/sshfs:latest", True),
        ("vieux/sshfs:1", "vieux/sshfs:1", True),
        ("vieux/sshfs:1", "vieux/sshfs:latest", False),
        ("sshfs", "local", False),
    ],
)
def test_names_of_drivers(declared: str, driver: str, same: bool) -> None:
    assert _kind.is_same_driver(declared, driver) == same


def test_only_memory_forgets() -> None:
    assert not _kind.TMPFS.is_persistent
    kinds = (_kind.PLAIN, _kind.FOREIGN, _kind.BIND, _kind.NFS, _kind.CIFS, _kind.DEVICE)
    assert all(kind.is_persistent for kind in kinds)
    assert not _kind.FOREIGN.is_mounted_by_docker


@pytest.mark.parametrize(
    "options",
    [
        {},
        BIND,
        NFS,
        CIFS,
        {**NFS, "type": "nfs4", "o": "addr=192.0.2.10"},
        {**NFS, "type": "nfs4", "o": "addr=2001:db8::1"},
        {**NFS, "device": "nas:/srv/app"},
        {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,mode=0700"},
        {"type": "ext4", "device": "/dev/vdb", "o": "noatime"},
        {"size": "10g"},
        {"size": "1.5GiB"},
        {"size": "1000"},
    ],
)
def test_good_definitions(options: Mapping[str, str]) -> None:
    _kind.check(options)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"size": "large"}, "driver_options.size: 'large' is no size"),
        ({"size": "10 gigs"}, "driver_options.size: '10 gigs' is no size"),
        ({**BIND, "device": "srv/app"}, "driver_options.device: 'srv/app' is no absolute path"),
        ({**BIND, "o": "ro"}, "write type: none and o: bind"),
        ({"type": "bind", "device": "/srv/app"}, "'bind' is no file system"),
        ({**NFS, "device": "/srv/app"}, "'/srv/app' is no export"),
        ({**NFS, "o": "soft"}, "driver_options.o: has no addr="),
        ({"type": "nfs", "device": "nas:/srv/app"}, "driver_options.o: has no addr="),
        ({**NFS, "type": "nfs4"}, "addr=nas is a name, .* Write type: nfs and add nfsvers=4 to o"),
        ({**NFS, "o": "addr=nas,_netdev"}, "_netdev is a word for /etc/fstab"),
        ({**NFS, "o": "addr=nas,x-systemd.automount"}, "x-systemd.automount is a word for /etc/fstab"),
        ({**CIFS, "o": "credentials=/root/.smb"}, "credentials= names a file that mount.cifs would read"),
        ({**CIFS, "o": "cred=/root/.smb"}, "cred= names a file"),
    ],
)
def test_definitions_with_which_no_container_starts(options: Mapping[str, str], words: str) -> None:
    with pytest.raises(Problem, match=words) as refused:
        _kind.check(options)
    assert "/root/.smb" not in str(refused.value)


def test_the_refusal_of_a_quota_is_explained() -> None:
    refusal = Problem("Docker refused, while creating volume app: quota size requested but no quota support.")
    assert "needs Docker's root directory on a file system with project quotas" in str(
        _kind.explained(refusal, {"size": "10g"})
    )
    assert _kind.explained(refusal, {}) is refusal
    other = Problem("Docker refused, while creating volume app: no space left.")
    assert _kind.explained(other, {"size": "10g"}) is other
