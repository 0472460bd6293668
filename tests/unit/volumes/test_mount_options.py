# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared mount options against what kernels show."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._mount_options import (
    is_address,
    told,
    told_of_bind,
    value_of,
    words,
)
from hypothesis import given, strategies as some

NFS = (
    "rw,relatime,vers=4.2,rsize=1048576,wsize=1048576,namlen=255,hard,proto=tcp,timeo=600,retrans=2,sec=sys,"
    "clientaddr=192.0.2.1,local_lock=none,addr=192.0.2.10"
)
TMPFS = "rw,nosuid,relatime,size=1024k,mode=700"
CIFS = "rw,relatime,vers=3.1.1,username=app,uid=0,noforceuid,addr=192.0.2.10,file_mode=0755,dir_mode=0755,soft"
ADDRESSES = {"nas": {"192.0.2.10"}, "moved": {"192.0.2.11"}}


@pytest.mark.parametrize(
    ("live", "declared"),
    [
        (NFS, "addr=192.0.2.10,nfsvers=4"),
        (NFS, "addr=nas,vers=4.2,hard,rw"),
        (NFS, "addr=unresolved,vers=4"),
        (NFS, "addr=192.0.2.10,rsize=8192,timeo=600,nolock,tcp,actimeo=3"),
        (TMPFS, "size=1m,mode=0700,nosuid"),
        (TMPFS, "size=1048576,mode=700"),
        (TMPFS, "size=1048000"),
        (TMPFS, "size=50%,uid=0"),
        (CIFS, "addr=nas,user=app,password=geheim,vers=3"),
        (CIFS, "vers=3.11,file_mode=0755"),
        (CIFS, "vers=default"),
        ("rw,addr=2001:db8::1", "addr=2001:0db8:0::1"),
        ("rw", ""),
        ("rw,nosuid,nodev", " , nodev"),
    ],
)
def test_in_force(live: str, declared: str) -> None:
    assert told(declared, live.split(","), ADDRESSES) == []


@pytest.mark.parametrize(
    ("live", "declared", "difference"),
    [
        (NFS, "addr=192.0.2.11", "o: 'addr=192.0.2.10' → 'addr=192.0.2.11'"),
        (NFS, "addr=moved", "o: 'addr=192.0.2.10' → 'addr=moved'"),
        (NFS, "nfsvers=3,addr=nas", "o: 'vers=4.2' → 'nfsvers=3'"),
        (NFS, "vers=4.1", "o: 'vers=4.2' → 'vers=4.1'"),
        (NFS, "soft,ro", "o: 'hard,rw' → 'ro,soft'"),
        (NFS, "timeo=50", "o: 'timeo=600' → 'timeo=50'"),
        (NFS, "noexec", "o: 'exec' → 'noexec'"),
        (TMPFS, "size=2m", "o: 'size=1024k' → 'size=2m'"),
        (TMPFS, "mode=0750", "o: 'mode=700' → 'mode=0750'"),
        (TMPFS, "suid", "o: 'nosuid' → 'suid'"),
        (CIFS, "username=other,password=geheim", "o: 'username=app' → 'username=other'"),
        ("ro", "rw", "o: 'ro' → 'rw'"),
        ("rw,password=one", "password=two", "o: 'password=********' → another 'password=********'"),
    ],
)
def test_not_in_force(live: str, declared: str, difference: str) -> None:
    assert told(declared, live.split(","), ADDRESSES) == [difference]


def test_a_bind_knows_one_option_only() -> None:
    assert told_of_bind("bind,noexec", ["rw"]) == []
    assert told_of_bind("bind,ro", ["rw"]) == ["o: 'rw' → 'ro'"]


@given(
    live=some.lists(some.sampled_from([*NFS.split(","), *TMPFS.split(",")]), unique_by=lambda word: word.split("=")[0])
)
def test_what_the_kernel_shows_is_in_force(live: list[str]) -> None:
    assert told(",".join(live), live, {}) == []


def test_parts_of_options() -> None:
    assert words(" a, b=c,,") == ["a", "b=c"]
    assert value_of("addr", "ro,addr=nas") == "nas"
    assert value_of("addr", "ro,mountaddr=nas") == ""
    assert is_address("192.0.2.10")
    assert not is_address("nas")
