# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab remembers, and how it tells its own processes from others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lab"))

from holdfast_lab.processes import Process
from holdfast_lab.progress import LabError
from holdfast_lab.state import Host, Lab, check_host_name, load


def test_a_lab_is_read_as_it_was_written(tmp_path: Path) -> None:
    lab = Lab(tmp_path, "vm", network_port=20001)
    lab.hosts["app1"] = Host("app1", "bookworm", 1, 20002, 1536, "/images/vm", Process(4711, 99))
    lab.hosts["app2"] = Host("app2", "trixie", 2, 20003)
    lab.save()
    assert load(tmp_path) == lab


def test_no_lab(tmp_path: Path) -> None:
    assert load(tmp_path) is None


def test_two_labs_have_two_identities(tmp_path: Path) -> None:
    assert Lab(tmp_path / "a", "vm").identity != Lab(tmp_path / "b", "vm").identity


@pytest.mark.parametrize("name", ["app1", "a", "db-2"])
def test_names_that_hosts_may_have(name: str) -> None:
    assert check_host_name(name) == name


@pytest.mark.parametrize("name", ["", "1app", "App", "a_b", "-a", "a.b", "lab", "all", "localhost", "a" * 32])
def test_names_that_hosts_may_not_have(name: str) -> None:
    with pytest.raises(LabError, match="host name"):
        check_host_name(name)


def test_a_process_is_known_by_its_start_and_not_by_its_id_alone() -> None:
    mine = Process.of(os.getpid())
    assert mine is not None
    assert mine.runs()
    assert not Process(mine.pid, mine.started + 1).runs()


def test_stopping_ends_the_process() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        process = Process.of(child.pid)
        assert process is not None
        process.stop()
        assert not process.runs()
