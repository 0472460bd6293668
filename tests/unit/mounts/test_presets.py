# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Presets, and what contradicts them."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import _kinds, _options, _presets
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem


def resolved(preset: str, fstype: str = "nfs", own: str = "") -> str:
    return ",".join(_presets.resolve(preset, fstype, _options.split(own)))


def test_the_default() -> None:
    assert resolved("default") == (
        "rw,hard,nfsvers=4.2,proto=tcp,timeo=600,retrans=2,nosuid,nodev,_netdev,nofail,x-systemd.mount-timeout=90s"
    )
    assert resolved("database") == resolved("default").replace("4.2", "4.1")


@pytest.mark.parametrize("fstype", sorted(_kinds.KINDS))
def test_every_type_has_options_that_bound_it_and_let_the_host_boot(fstype: str) -> None:
    options = _presets.resolve("default", fstype, ())
    assert {"_netdev", "nofail"} <= set(options)
    assert _options.value("x-systemd.mount-timeout", options)


@pytest.mark.parametrize("own", ["soft", "softerr", "nolock", "local_lock=all", "udp"])
def test_a_database_takes_nothing_that_loses_data(own: str) -> None:
    with pytest.raises(Problem, match="contradicts preset database"):
        resolved("database", own=own)


def test_the_helper_of_a_cloud_is_taken_where_it_is() -> None:
    assert _presets.fstype_of("efs", None, frozenset()) == "nfs"
    assert _presets.fstype_of("efs", None, frozenset({"efs", "nfs"})) == "efs"
    assert _presets.fstype_of("efs", "nfs4", frozenset({"efs"})) == "nfs4"
    assert _presets.fstype_of("azure_files", None, frozenset({"aznfs"})) == "aznfs"
    assert resolved("efs", "efs", "accesspoint=fsap-1").endswith("accesspoint=fsap-1")
    assert "noresvport" in resolved("efs")
    assert "tls" in resolved("efs", "efs")


def test_a_preset_of_another_type_is_refused() -> None:
    with pytest.raises(Problem, match="preset: database is for NFS, not for fstype cifs"):
        resolved("database", "cifs")


def test_a_share_of_azure_over_smb() -> None:
    assert resolved("azure_files", "cifs").startswith("rw,vers=3.1.1,serverino")


def test_version_three_is_no_nfs4() -> None:
    with pytest.raises(Problem, match="Take fstype nfs for version 3"):
        resolved("default", "nfs4", "vers=3")
