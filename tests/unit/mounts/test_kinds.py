# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types, and the forms of their sources."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import _kinds
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem


@pytest.mark.parametrize(
    ("fstype", "src", "host", "path"),
    [
        ("nfs", "storage:/srv/a", "storage", "srv/a"),
        ("nfs", "storage:/srv/a/", "storage", "srv/a"),
        ("nfs4", "[fd00::1]:/", "fd00::1", ""),
        ("nfs", "192.0.2.1:/a b", "192.0.2.1", "a b"),
        ("efs", "fs-0123abcd:/", "", ""),
        ("efs", "fs-0123abcd", "", ""),
        ("aznfs", "acc.file.core.windows.net:/acc/share", "", "acc/share"),
        ("cifs", "//server/Share/sub", "server", "share/sub"),
        ("glusterfs", "one,two:/volume", "one", "volume"),
        ("glusterfs", "one:volume", "one", "volume"),
        ("ceph", "mon1:6789,mon2:/", "", ""),
        ("ceph", "admin@.fs=/data", "", "data"),
        ("fuse.sshfs", "user@server:data", "", "data"),
        ("fuse.sshfs", "sshfs#user@server:/data", "", "data"),
        ("fuse.rclone", "remote:bucket/path", "", "bucket/path"),
    ],
)
def test_sources(fstype: str, src: str, host: str, path: str) -> None:
    kind = _kinds.kind_of(fstype)
    plain = _kinds.source_of(kind, src)
    assert (_kinds.host_of(kind, plain), _kinds.path_of(kind, plain)) == (host, path)


@pytest.mark.parametrize(
    ("fstype", "src"),
    [
        ("nfs", "storage"),
        ("nfs", "storage:srv"),
        ("nfs", "/srv/a"),
        ("nfs", ":/srv/a"),
        ("nfs", "sto rage:/srv"),
        ("nfs", "storage:/srv/../etc"),
        ("nfs", "-o:/srv"),
        ("nfs", "storage:/a\nb"),
        ("cifs", "storage:/a"),
        ("cifs", "//server"),
        ("fuse.sshfs", "server"),
        ("fuse.rclone", "/etc"),
    ],
)
def test_malformed_sources(fstype: str, src: str) -> None:
    kind = _kinds.kind_of(fstype)
    with pytest.raises(Problem, match="Write it as"):
        _kinds.source_of(kind, src)


def test_what_is_no_network_type_is_refused() -> None:
    with pytest.raises(Problem, match=r"fstype: 'ext4' is none of nfs, nfs4.*ansible\.posix\.mount"):
        _kinds.kind_of("ext4")
