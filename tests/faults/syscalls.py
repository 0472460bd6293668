# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Work in a process of its own that SIGKILL ends at one of its system calls, by ptrace(2)."""

from __future__ import annotations

import ctypes
import os
import signal
import traceback
from collections.abc import Callable

_TRACEME, _SYSCALL, _SETOPTIONS = 0, 24, 0x4200
_TRACE_SYSGOOD, _EXITKILL = 1, 0x100000
_AT_SYSCALL = signal.SIGTRAP | 0x80
_LIBRARY = ctypes.CDLL(None, use_errno=True)


def killed_at(turn: int, work: Callable[[], object]) -> bool:
    """Kill the work at the so-manieth stop, of which each system call has two: before it and after it.

    False when it came to its end before. Raises AssertionError when it failed by itself.
    """
    pid = os.fork()
    if pid == 0:
        _do(work)
    os.waitpid(pid, 0)  # it has stopped itself
    _ptrace(_SETOPTIONS, pid, _TRACE_SYSGOOD | _EXITKILL)
    stops, passed_on = 0, 0
    while True:
        _ptrace(_SYSCALL, pid, passed_on)
        status = os.waitpid(pid, 0)[1]
        if not os.WIFSTOPPED(status):
            assert os.waitstatus_to_exitcode(status) == 0
            return False
        stopped_by = os.WSTOPSIG(status)
        passed_on = 0 if stopped_by == _AT_SYSCALL else stopped_by
        stops += stopped_by == _AT_SYSCALL
        if stops == turn:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return True


def _do(work: Callable[[], object]) -> None:
    status = 1
    try:
        _ptrace(_TRACEME, 0, 0)
        os.kill(os.getpid(), signal.SIGSTOP)
        work()
        status = 0
    except BaseException:  # noqa: BLE001  whatever it is, it is told, and this process ends
        traceback.print_exc()
    finally:
        os._exit(status)


def _ptrace(request: int, pid: int, data: int) -> None:
    if _LIBRARY.ptrace(request, pid, None, ctypes.c_void_p(data)) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace: {os.strerror(number)}")
