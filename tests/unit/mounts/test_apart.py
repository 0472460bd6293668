# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that may never be answered, and what the answers say of a mount."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import _apart, _probe


def test_answers_and_errors_come_back() -> None:
    def fails() -> None:
        raise OSError(errno.ESTALE, "Stale file handle")

    found = _apart.answers({"one": lambda: [1, "x" * 200_000], "two": fails}, 10)
    assert found["one"] == [1, "x" * 200_000]
    assert _apart.error_of(found["two"]) == errno.ESTALE


def test_what_is_late_holds_up_nothing() -> None:
    begun = time.monotonic()
    found = _apart.answers({"late": lambda: time.sleep(60), "quick": lambda: 1}, 0.3)
    assert time.monotonic() - begun < 5
    assert _apart.is_late(found["late"])
    assert found["quick"] == 1


def test_nobody_waits_for_a_child_that_hangs(tmp_path: Path) -> None:
    """The reader of our output gets its end, although the child cannot be killed while it waits (here: it ignores)."""
    code = (
        "import signal, time, os\n"
        "from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import _apart\n"
        "os.kill = lambda *a: None\n"
        f"def hangs():\n open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\n time.sleep(30)\n"
        "print(_apart.answers({'late': hangs}, 0.5))\n"
    )
    path = str(Path(_apart.__file__).parents[6])
    begun = time.monotonic()
    outcome = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=True
    )
    assert time.monotonic() - begun < 15
    assert "'late': True" in outcome.stdout
    child = int((tmp_path / "pid").read_text(encoding="ascii"))
    os.kill(child, 9)


def test_no_child_is_left() -> None:
    _apart.answers({"one": lambda: 1}, 5)
    try:
        found, _status = os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        found = 0
    assert found == 0


def test_health() -> None:
    assert _probe.health({"size": 10, "free": 5}) == _probe.Health("responsive", 10, 5)
    assert _probe.health(_apart.LATE).state == _probe.UNRESPONSIVE
    assert _probe.health({"errno": errno.ESTALE, "message": "Stale"}).state == _probe.STALE
    io_error = _probe.health({"errno": errno.EIO, "message": "Input/output error"})
    assert (io_error.state, io_error.error) == (_probe.UNRESPONSIVE, "Input/output error")


def test_a_real_file_system_is_responsive() -> None:
    answer = _apart.answers({"/": _probe.question("/")}, 10)["/"]
    health = _probe.health(answer)
    assert health.state == _probe.RESPONSIVE
    assert (health.size or 0) > 0
