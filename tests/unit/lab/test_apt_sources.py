# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the lab finds the package archive that this machine uses."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lab"))

from holdfast_lab import apt_sources
from holdfast_lab.apt_sources import Archive, archive
from holdfast_lab.progress import LabError

ONE_LINE = """
# deb http://commented.example/debian bookworm main
deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] http://mirror.example/debian/ bookworm main contrib  # ours
deb-src http://source.example/debian bookworm main
deb http://mirror.example/debian bookworm-updates main
deb http://security.example/debian-security bookworm-security main
deb https://tools.example/debian bookworm stable
"""
DEB822 = """
# A comment
Types: deb deb-src
URIs: https://mirror.example/debian
Suites: bookworm
 bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/a.gpg

Types: deb
URIs: https://mirror.example/debian-security
Suites: bookworm-security
Components: main

Enabled: no
Types: deb
URIs: http://disabled.example/debian
Suites: bookworm
Components: main
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with Debian 12 and no apt sources."""
    apt = tmp_path / "apt"
    (apt / "sources.list.d").mkdir(parents=True)
    release = {"ID": "debian", "VERSION_CODENAME": "bookworm"}
    monkeypatch.setattr(apt_sources, "_APT", apt)
    monkeypatch.setattr(apt_sources, "_os_release", release.__getitem__)
    monkeypatch.delenv(apt_sources.OVERRIDE, raising=False)
    return apt


def test_sources_of_one_line_each(machine: Path) -> None:
    (machine / "sources.list").write_text(ONE_LINE)
    assert archive() == Archive("http://mirror.example/debian", "http://security.example/debian-security")


def test_sources_in_stanzas(machine: Path) -> None:
    (machine / "sources.list.d" / "debian.sources").write_text(DEB822)
    assert archive() == Archive("https://mirror.example/debian", "https://mirror.example/debian-security")


def test_mirror_from_a_list_in_a_file(machine: Path, tmp_path: Path) -> None:
    mirrors = tmp_path / "mirrors.list"
    mirrors.write_text("http://first.example/debian\nhttp://second.example/debian\n")
    (machine / "sources.list").write_text(f"deb mirror+file:{mirrors} bookworm main\n")
    assert archive() == Archive("http://first.example/debian", None)


def test_no_archive_names_the_way_out(machine: Path) -> None:
    (machine / "sources.list").write_text("deb cdrom:[Debian 12] bookworm main\n")
    with pytest.raises(LabError, match="HOLDFAST_LAB_MIRROR="):
        archive()


def test_the_environment_wins(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (machine / "sources.list").write_text(ONE_LINE)
    monkeypatch.setenv(apt_sources.OVERRIDE, "http://a.example/debian http://b.example/security")
    assert archive() == Archive("http://a.example/debian", "http://b.example/security")


def test_hosts_get_updates_and_security_of_their_own_distribution() -> None:
    assert Archive("http://a.example/debian", "http://b.example/security").lines("trixie") == [
        "deb http://a.example/debian trixie main",
        "deb http://a.example/debian trixie-updates main",
        "deb http://b.example/security trixie-security main",
    ]


def test_the_cache_speaks_tls_for_the_hosts() -> None:
    first, _updates = Archive("https://a.example/debian", None).lines("bookworm")
    assert first == "deb http://HTTPS///a.example/debian bookworm main"
