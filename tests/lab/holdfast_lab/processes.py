# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running programs: commands that are waited for, and servers that outlive the command which started them."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterator, Sequence

from holdfast_lab.progress import LabError, say

HEARTBEAT = 10.0
"""Seconds between two lines of progress while a long command runs."""


@dataclass(frozen=True)
class Process:
    """A server the lab started. The start time tells it from a later process that was given the same id."""

    pid: int
    started: int
    """Clock ticks after boot, field 22 of /proc/PID/stat (proc(5))."""

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process that has this id now, None when there is none or only its remains."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            threads = os.listdir(f"/proc/{pid}/task")
        except OSError:
            return None
        fields = stat[stat.rindex(")") + 2 :].split()  # the name before it may hold spaces
        # The first thread may be gone while others still hold on to the machine's disk.
        is_gone = fields[0] in "ZX" and len(threads) < 2
        return None if is_gone else cls(pid, int(fields[19]))

    def runs(self) -> bool:
        """Whether this very process still runs."""
        return Process.of(self.pid) == self

    def stop(self, number: int = signal.SIGTERM, patience: float = 10.0) -> None:
        """Send the signal, wait up to ``patience`` seconds, then kill; return when the process is gone."""
        for attempt in (number, signal.SIGKILL):
            if not self.runs():
                return
            os.kill(self.pid, attempt)
            if wait_for(lambda: not self.runs(), patience):
                return
        raise LabError(f"process {self.pid} does not end, not even when killed: look at it with `ps -fp {self.pid}`.")


def wait_for(reached: Callable[[], bool], seconds: float, pause: float = 0.1) -> bool:
    """Ask ``reached()`` until it says yes; False when ``seconds`` have passed without."""
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            return False
        _reap()
        time.sleep(pause)
    return True


def _reap() -> None:
    """Collect ended children, as servers started by this very command are its children until it ends."""
    for server in _servers:
        server.poll()


_servers: list[subprocess.Popen[bytes]] = []


def start(arguments: Sequence[str], log: Path, directory: Path) -> Process:
    """Start a server in a session of its own, which Ctrl-C does not reach; output goes to ``log``."""
    with log.open("ab") as output:
        server = subprocess.Popen(
            list(arguments),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=directory,
            start_new_session=True,
        )
    _servers.append(server)
    process = Process.of(server.pid)
    if process is None:
        raise LabError(f"{arguments[0]} ended at once: its last words are in {log}.")
    return process


def run(arguments: Sequence[str], *, stdin: bytes = b"", timeout: float = 120.0, check: bool = True) -> str:
    """Run a command and return its standard output.

    :param timeout: seconds after which it is killed
    :raises LabError: when it fails and ``check`` is set, or takes too long
    """
    try:
        done = subprocess.run(list(arguments), input=stdin, capture_output=True, timeout=timeout, check=False)
    except subprocess.TimeoutExpired as late:
        raise LabError(f"`{' '.join(arguments)}` did not end within {timeout:.0f} s.") from late
    if check and done.returncode != 0:
        words = (done.stderr or done.stdout).decode(errors="replace").strip()
        raise LabError(f"`{' '.join(arguments)}` ended with {done.returncode}: {words[-2000:]}")
    return done.stdout.decode(errors="replace")


def succeeds(arguments: Sequence[str], timeout: float = 30.0) -> bool:
    """Whether a command ends with 0 in time."""
    try:
        return subprocess.run(list(arguments), capture_output=True, timeout=timeout, check=False).returncode == 0
    except (subprocess.TimeoutExpired, FileNotFoundError):
        return False


def ignore_interruption() -> None:
    """From here on the command takes things away: another Ctrl-C must not leave half of them."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def run_long(arguments: Sequence[str], log: Path, what: str) -> None:
    """Run a command of many seconds with its output in ``log``, saying its last line now and then.

    :raises LabError: when it fails, with the end of its log
    """
    with log.open("wb") as output:
        # In a session of its own, so that it and its children are ended once, and not by every Ctrl-C.
        child = subprocess.Popen(
            list(arguments), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    began = time.monotonic()
    try:
        while child.poll() is None:
            try:
                child.wait(HEARTBEAT)
            except subprocess.TimeoutExpired:
                say(f"  {what}, {time.monotonic() - began:.0f} s so far: {_last_line(log)[:100]}")
    finally:
        if child.poll() is None:
            ignore_interruption()
            os.killpg(child.pid, signal.SIGTERM)  # not kill: mmdebstrap unmounts and cleans up behind itself
            child.wait(60)
    if child.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise LabError(f"{what}: {arguments[0]} ended with {child.returncode}. The end of {log}:\n{tail}")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold an exclusive lock; say so when another command holds it and this one has to wait."""
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another lab command that works on {what}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
