# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that must come to their end, with real processes."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _child

ENVIRONMENT = {"PATH": os.environ["PATH"], "SECRET": "s3cret"}
DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()  # another session and group: only its descent tells whose it is
    if os.fork() == 0:
        open(sys.argv[1], "w").write(str(os.getpid()))
        time.sleep(60)
    os._exit(0)
while not os.path.exists(sys.argv[1]) or not open(sys.argv[1]).read():
    time.sleep(0.01)
time.sleep(60)
"""


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_its_output_goes_into_the_file_and_its_words_are_kept(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as output:
        code = "import sys, os; print(sys.stdin.read(), os.environ['SECRET']); sys.exit('no\\nway')"
        ended = _child.run([sys.executable, "-c", code], 30, ENVIRONMENT, output, b"given")
    assert (tmp_path / "out").read_text() == "given s3cret\n"
    assert (ended.code, ended.errors, ended.words) == (1, "no; way", "ended with 1: no; way")


def test_a_signal_has_its_name() -> None:
    assert _child.run(["/bin/sh", "-c", "kill -9 $$"], 30, ENVIRONMENT).words == "was ended by SIGKILL"


def test_what_hangs_is_killed_with_all_that_it_has_started(tmp_path: Path) -> None:
    begun = time.monotonic()
    with pytest.raises(_child.TimeOut):
        _child.run([sys.executable, "-c", DAEMON, str(tmp_path / "pid")], 3, ENVIRONMENT)
    assert time.monotonic() - begun < 20
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_what_does_not_heed_the_first_word_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_child, "_GRACE", 0.5)
    with pytest.raises(_child.TimeOut):
        _child.run(
            ["/bin/sh", "-c", f"trap '' TERM; echo $$ > {tmp_path}/pid; sleep 60 & wait; sleep 60"], 1, ENVIRONMENT
        )
    assert not is_alive(int((tmp_path / "pid").read_text()))


def test_who_is_not_there_runs_nothing() -> None:
    with pytest.raises(FileNotFoundError, match="no user nobody-here"):
        _child.run(["/bin/true"], 5, ENVIRONMENT, user="nobody-here")


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become another")
def test_it_runs_as_another(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as output:
        _child.run(["/usr/bin/id", "-un"], 30, ENVIRONMENT, output, user="nobody")
    assert (tmp_path / "out").read_text() == "nobody\n"
