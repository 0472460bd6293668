# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work on a real Docker that SIGKILL ends at one of its calls."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

BUSYBOX = Path("/bin/busybox")


def docker(*arguments: str) -> str:
    """The answer of the command-line client, which has to succeed."""
    return subprocess.run(["docker", *arguments], check=True, capture_output=True, text=True).stdout.strip()


def is_possible() -> bool:
    """Whether this is root, with a Docker of this machine and a static busybox."""
    return (
        os.geteuid() == 0
        and BUSYBOX.exists()
        and shutil.which("docker") is not None
        and subprocess.run(["docker", "info"], check=False, capture_output=True).returncode == 0
    )


def in_child(work: Callable[[], object]) -> int:
    """Do the work in a process of its own; its exit status, or the signal that ended it as a negative number."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        except Exception:  # noqa: BLE001  whatever it is, it is told, and this process ends
            traceback.print_exc(file=sys.__stderr__)  # whatever pytest has captured dies with this process
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def killed(turn: int, moment: str, calls: Sequence[tuple[Any, str]], work: Callable[[], object]) -> str:
    """The name of the call at which the work was killed; empty when it came to its end before.

    ``turn`` counts the calls of all the functions in ``calls``, each given as its owner and its name; ``moment`` is
    ``before`` such a call or ``during`` it.
    """
    reading, writing = os.pipe()

    def doomed() -> None:
        _arm(turn, moment, calls, writing)
        work()

    try:
        return os.read(reading, 100).decode() if in_child(doomed) == -signal.SIGKILL else ""
    finally:
        os.close(reading)
        os.close(writing)


def _arm(turn: int, moment: str, calls: Sequence[tuple[Any, str]], told: int) -> None:
    """Let SIGKILL end this process at the so-manieth of the calls, and write the name of that call to ``told``."""
    remaining = turn

    def end(name: str) -> None:
        os.write(told, name.encode())
        os.kill(os.getpid(), signal.SIGKILL)

    def watched(step: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal remaining
            remaining -= 1
            if remaining == 0 and moment == "before":
                end(name)
            if remaining == 0:
                threading.Timer(0.02, end, [name]).start()
            return step(*arguments, **options)

        return call

    for owner, name in calls:
        setattr(owner, name, watched(getattr(owner, name), name))
