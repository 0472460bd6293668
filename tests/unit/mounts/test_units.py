# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and texts of units, held against systemd's own programs where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import _fstab, _options, _presets, _units
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._fstab import Entry
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

GENERATOR = Path("/usr/lib/systemd/system-generators/systemd-fstab-generator")


@pytest.mark.parametrize(
    ("path", "unit"),
    [
        ("/mnt/a", "mnt-a.mount"),
        ("/mnt/my-data", "mnt-my\\x2ddata.mount"),
        ("/mnt/a b", "mnt-a\\x20b.mount"),
        ("/.hidden/.b", "\\x2ehidden-.b.mount"),
        ("/mnt/ü%", "mnt-\\xc3\\xbc\\x25.mount"),
    ],
)
def test_unit_names(path: str, unit: str) -> None:
    assert _units.mount_unit(path) == unit
    if shutil.which("systemd-escape"):
        command = ["systemd-escape", "--path", "--suffix=mount", path]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == unit


def test_the_unit_of_a_mount() -> None:
    options = _options.over(_presets.resolve("default", "nfs", ()), ("x-systemd.requires=vpn.service",))
    assert _units.texts("storage:/a%b", "/mnt/a", "nfs", options) == _units.Texts(
        """# Written by holdfast.persistence.nfs_mount, which replaces it.
[Unit]
Description=Network mount at /mnt/a
Requires=vpn.service

[Mount]
What=storage:/a%%b
Where=/mnt/a
Type=nfs
Options=rw,hard,nfsvers=4.2,proto=tcp,timeo=600,retrans=2,nosuid,nodev,_netdev,nofail
TimeoutSec=90s

[Install]
WantedBy=remote-fs.target
"""
    )


def test_the_units_of_a_mount_on_demand() -> None:
    texts = _units.texts("s:/a", "/mnt/a", "nfs", ("ro", "x-systemd.automount", "x-systemd.idle-timeout=20s"))
    assert texts.mount is not None
    assert texts.automount is not None
    assert "[Install]" not in texts.mount
    assert "Options=ro\n" in texts.mount
    assert texts.automount.endswith("TimeoutIdleSec=20s\n\n[Install]\nRequiredBy=remote-fs.target\n")
    assert _units.enabled_in(texts.automount) == "remote-fs.target.requires"
    assert _units.enabled_in(texts.mount) == ""


def test_what_a_unit_cannot_say_is_refused() -> None:
    with pytest.raises(Problem, match=r"a unit cannot say x-systemd\.growfs.*backend: fstab"):
        _units.texts("s:/a", "/mnt/a", "nfs", ("x-systemd.growfs",))


def test_a_boot_does_not_mount_noauto() -> None:
    texts = _units.texts("s:/a", "/mnt/a", "nfs", ("noauto",))
    assert "[Install]" not in (texts.mount or "")


def test_drop_ins() -> None:
    assert _units.drop_in("/mnt/my-data").endswith("[Unit]\nRequiresMountsFor=/mnt/my-data\n")
    assert _units.drop_in("/mnt/a %b").endswith('RequiresMountsFor="/mnt/a %%b"\n')
    assert _units.drop_in_name("/mnt/my-data") == "holdfast-mnt-my\\x2ddata.conf"


@pytest.mark.parametrize("name", ["docker", "../docker.service", "a b.service", "docker.service/x", ""])
def test_what_is_no_unit(name: str) -> None:
    with pytest.raises(Problem, match="is no name of a unit"):
        _units.check_unit(name)


def test_settings_are_read_back() -> None:
    text = _units.texts("s:/a%b", "/mnt/a b", "nfs", ("ro",)).mount or ""
    settings = _units.settings(text)
    assert (settings["What"], settings["Where"], settings["Options"]) == ("s:/a%b", "/mnt/a b", "ro")


@pytest.mark.skipif(not GENERATOR.exists(), reason="this machine has no systemd")
def test_systemd_makes_of_our_line_what_we_mean(tmp_path: Path) -> None:
    """The line in fstab, and what systemd's own generator says about it."""
    for name in ("normal", "early", "late"):
        (tmp_path / name).mkdir()
    options = _options.joined(_presets.resolve("default", "nfs", ()))
    (tmp_path / "fstab").write_bytes(_fstab.with_entry(b"", Entry("storage:/srv/a b", "/mnt/my-data", "nfs", options)))
    command = [str(GENERATOR), *(str(tmp_path / name) for name in ("normal", "early", "late"))]
    subprocess.run(command, env={**os.environ, "SYSTEMD_FSTAB": str(tmp_path / "fstab")}, check=True)
    settings = _units.settings((tmp_path / "normal" / "mnt-my\\x2ddata.mount").read_text(encoding="utf-8"))
    assert (settings["What"], settings["Where"], settings["Type"]) == ("storage:/srv/a b", "/mnt/my-data", "nfs")
    assert settings["TimeoutSec"].startswith(("1min 30s", "90s"))
    assert (tmp_path / "normal" / "remote-fs.target.wants" / "mnt-my\\x2ddata.mount").is_symlink()
