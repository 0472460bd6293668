# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process of restic: started with its repository's files, told of signals, heard to its end."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import IO, Callable, cast

from . import _paths, _processes
from ._problem import Problem
from ._repository import Repository

# Since 0.17 restic tries these again for a quarter of an hour, although the server has answered.
_FINAL = re.compile(
    rb"retrying after .*: (The specified bucket does not exist|The request signature we calculated does not match"
    rb"|The access key ID you provided does not exist)",
    re.IGNORECASE,
)
_LOOK = 0.5
"""Seconds between two looks at what restic says while it tries again."""
_LOCKLESS = ("version", "init", "unlock")


class Interrupted(Problem):
    """A signal ended the run; restic was told, and has put its house in order."""

    exit_code = 143


@dataclass(frozen=True)
class Outcome:
    """What a finished restic left."""

    code: int
    output: bytes
    errors: str


def run(
    program: str,
    repository: Repository,
    arguments: Sequence[str],
    on_line: Callable[[bytes], None] | None = None,
    timeout: float | None = None,
) -> Outcome:
    """Run restic to its end. SIGTERM and SIGINT reach it as SIGINT, the only one after which it unlocks."""
    with _forwarded() as adopt:
        try:
            process = subprocess.Popen(
                [program, *(f"--option={key}={value}" for key, value in repository.options.items()), *arguments],
                env=_environment(repository),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except FileNotFoundError:
            raise Problem("restic: not installed on this host. Install the package restic.") from None
        adopt(process)
        if "--no-lock" in arguments or arguments[0] in _LOCKLESS:
            return _collect(process, on_line, timeout)
        _processes.record(repository.name, process.pid)
        outcome = _collect(process, on_line, timeout)
        if outcome.code == 0:  # otherwise its lock may be there still
            _processes.forget(process.pid)
        return outcome


def _environment(repository: Repository) -> dict[str, str]:
    # A variable of the shell that starts the program must not point restic elsewhere.
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("RESTIC_")}
    return {
        **inherited,
        "RESTIC_CACHE_DIR": str(_paths.CACHE),
        "RESTIC_PROGRESS_FPS": "1",
        **repository.environment,
        "RESTIC_REPOSITORY_FILE": str(repository.location_file),
        "RESTIC_PASSWORD_FILE": str(repository.password_file),
    }


@contextmanager
def _forwarded() -> Iterator[Callable[[subprocess.Popen[bytes]], None]]:
    """Pass SIGTERM and SIGINT on to the process that is given to the function; raise Interrupted when one came."""
    children: list[subprocess.Popen[bytes]] = []
    came: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        for child in children:
            child.send_signal(signal.SIGINT)

    def adopt(child: subprocess.Popen[bytes]) -> None:
        children.append(child)
        if came:  # before there was a child to pass it on to
            child.send_signal(signal.SIGINT)

    previous = {number: signal.signal(number, forward) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield adopt
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if came:
        raise Interrupted(f"restic: stopped by {signal.Signals(came[0]).name}. Run again; nothing has to be cleaned.")


def _collect(
    process: subprocess.Popen[bytes], on_line: Callable[[bytes], None] | None, timeout: float | None
) -> Outcome:
    if on_line is None:
        output, errors = process.communicate() if timeout is None else _answer(process, timeout)
        return Outcome(process.returncode, output, errors.decode(errors="replace"))
    lines, errors_stream = cast(IO[bytes], process.stdout), cast(IO[bytes], process.stderr)
    said: list[bytes] = []
    # Both pipes are drained at once: restic would stand still on a full one.
    drain = threading.Thread(target=lambda stream: said.append(stream.read()), args=(errors_stream,))
    with process:
        drain.start()
        try:
            for line in lines:
                on_line(line)
        except BaseException:
            process.send_signal(signal.SIGINT)
            raise
        finally:
            drain.join()
    return Outcome(process.returncode, b"", b"".join(said).decode(errors="replace"))


def _answer(process: subprocess.Popen[bytes], timeout: float) -> tuple[bytes, bytes]:
    """Output and errors of restic. TimeoutExpired, with its errors so far, when it is late or tries in vain."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return process.communicate(timeout=max(0.0, min(_LOOK, deadline - time.monotonic())))
        except subprocess.TimeoutExpired as waiting:
            if time.monotonic() < deadline and not _FINAL.search(waiting.stderr or b""):
                continue
            process.kill()
            _output, errors = process.communicate()
            raise subprocess.TimeoutExpired(process.args, timeout, stderr=errors) from None
