# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands with an end."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import _commands, _systemctl
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._systemctl import Systemd, View
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem


def test_how_a_command_ended() -> None:
    assert _commands.run(["true"], 10).is_done
    failed = _commands.run(["sh", "-c", "echo one >&2; echo two >&2; exit 32"], 10)
    assert (failed.status, failed.words) == (32, "one; two")
    assert _commands.run(["false"], 10).words == "exit status 1"


def test_a_late_command_goes_with_its_children(tmp_path: Path) -> None:
    begun = time.monotonic()
    late = _commands.run(["sh", "-c", f"sleep 60 & echo $! > {tmp_path}/pid; wait"], 0.5)
    assert late.is_late
    assert time.monotonic() - begun < 5
    child = int((tmp_path / "pid").read_text(encoding="ascii"))
    deadline = time.monotonic() + 5
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        if "State:\tZ" in Path(f"/proc/{child}/status").read_text(encoding="ascii"):
            break
        os.sched_yield()
    else:
        assert not Path(f"/proc/{child}").exists()


def test_a_daemon_that_keeps_the_output_open_is_not_waited_for() -> None:
    begun = time.monotonic()
    assert _commands.run(["sh", "-c", "sleep 5 & exit 0"], 10).is_done
    assert time.monotonic() - begun < 4


OUTPUT = """Id=mnt-a.mount
LoadState=loaded
ActiveState=active
FragmentPath=/run/systemd/generator/mnt-a.mount
NeedDaemonReload=yes

Id=docker.service
LoadState=not-found
ActiveState=inactive
FragmentPath=
NeedDaemonReload=no
"""


def test_units_are_read() -> None:
    views = _systemctl.parse(OUTPUT, ["mnt-a.mount", "alias.service"])
    assert views["mnt-a.mount"] == View("loaded", "active", "/run/systemd/generator/mnt-a.mount", True)
    assert views["alias.service"].load_state == "not-found"


def test_no_unit_needs_no_call() -> None:
    assert Systemd(0.0).views([]) == {}


def test_a_host_without_systemd_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Problem, match=r"this host has no systemctl.*ansible\.posix\.mount"):
        Systemd(time.monotonic() + 5).reload()
