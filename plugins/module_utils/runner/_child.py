# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A command that must come to its end: after its time it is killed with everything that it has started."""

from __future__ import annotations

import ctypes
import errno
import os
import pwd
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_GRACE = 5
"""Seconds to end after SIGTERM."""
_POLL = 0.05
_TAIL = 2000
"""Bytes of what it said on the standard error that are kept."""
_SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2)."""


class TimeOut(Exception):
    """The time was over, and nothing of the command runs any more."""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    """Negative: the signal that ended it."""
    errors: str
    """The end of what it said on the standard error, where that was kept."""

    @property
    def words(self) -> str:
        how = f"ended with {self.code}" if self.code >= 0 else f"was ended by {signal.Signals(-self.code).name}"
        return f"{how}: {self.errors}" if self.errors else how


@dataclass(frozen=True)
class _Identity:
    """Whom a process belongs to; None: whom this one does."""

    user: int | None = None
    group: int | None = None
    groups: list[int] | None = None


def run(
    command: Sequence[str],
    timeout: float,
    environment: Mapping[str, str],
    output: IO[bytes] | None = None,
    given: bytes = b"",
    user: str | None = None,
) -> Ended:
    """Run the command to its end. Without ``output`` all that it says goes where this program's own words go.

    ``given``: what it reads. ``user``: who runs it. Raises TimeOut; OSError when it could not be started.
    """
    # What a killed command leaves comes to this process then, and can be found.
    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)
    identity = _identity(user)
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as reads:
        reads.write(given)
        reads.seek(0)
        process = subprocess.Popen(
            list(command),
            env=dict(environment),
            stdin=reads,
            stdout=output,
            stderr=None if output is None else errors,
            start_new_session=True,
            user=identity.user,
            group=identity.group,
            extra_groups=identity.groups,
        )
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            _end(process)
            raise TimeOut from None
        except BaseException:
            _end(process)
            raise
        return Ended(code, _tail(errors))


def kill_tree(pid: int) -> None:
    """Kill the process and all that descend from it."""
    for one in [*descendants(pid), pid]:
        _kill(one, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """The processes that descend from this one, the youngest generation first."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)):
            children.setdefault(parent, []).append(int(entry.name))
    found: list[int] = []
    ahead = [pid]
    while ahead:
        generation = [child for parent in ahead for child in children.get(parent, [])]
        found = [*generation, *found]
        ahead = generation
    return found


def _identity(user: str | None) -> _Identity:
    if user is None:
        return _Identity()
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        raise FileNotFoundError(errno.ENOENT, f"this host has no user {user}", user) from None
    return _Identity(entry.pw_uid, entry.pw_gid, os.getgrouplist(user, entry.pw_gid))


def _end(process: subprocess.Popen[bytes]) -> None:
    """First the group is asked, then all is killed that still descends from this process."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(_GRACE)
    except (ProcessLookupError, subprocess.TimeoutExpired):
        pass
    deadline = time.monotonic() + _GRACE
    while (left := descendants(os.getpid())) and time.monotonic() < deadline:
        for pid in left:
            _kill(pid, signal.SIGKILL)
        _reap()
        time.sleep(_POLL)
    process.poll()  # whoever reaped it, it is known to have ended


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _kill(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _parent(entry: Path) -> int:
    """0 for a process that has gone."""
    try:
        # The program's name stands in brackets and may hold anything.
        return int((entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return 0


def _tail(errors: IO[bytes]) -> str:
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - _TAIL))
    lines = errors.read().decode(errors="replace").splitlines()
    return "; ".join(line.strip() for line in lines[-5:] if line.strip()).rstrip(".")
