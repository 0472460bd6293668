# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions that may never be answered, such as any look at a mount whose server is gone, asked in another process.

No signal ends a process that waits for such a server. So one child, with a thread for each question, takes them all;
what it has not answered in time is late, and the child is left to itself. It holds no pipe that anybody reads to its
end, and is nobody's child any more, so nothing ever waits for it.
"""

from __future__ import annotations

import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

Question = Callable[[], Any]
"""Returns what JSON can hold. An OSError is an answer too: ``{"errno": number, "message": text}``."""

LATE: Mapping[str, Any] = {"late": True}
"""What stands in place of an answer that did not come in time."""


def answers(questions: Mapping[str, Question], seconds: float) -> dict[str, Any]:
    """All the answers, by the question's name, after at most so many seconds. Raises OSError when there is no room."""
    if not questions:
        return {}
    reading, writing = os.pipe()
    middle = os.fork()
    if middle == 0:
        _leave_child(questions, reading, writing)
    os.close(writing)
    try:
        child, _end = _first_line(reading)
        os.waitpid(middle, 0)
        found = _read(reading, len(questions), time.monotonic() + seconds)
    finally:
        os.close(reading)
    late = set(questions) - set(found)
    if late and child:
        os.kill(child, signal.SIGKILL)
    return {name: found.get(name, LATE) for name in questions}


def is_late(answer: Any) -> bool:
    return isinstance(answer, dict) and answer.get("late") is True


def error_of(answer: Any) -> int:
    """The number of the system's error; 0 for everything else."""
    return int(answer["errno"]) if isinstance(answer, dict) and "errno" in answer else 0


def _first_line(reading: int) -> tuple[int, bytes]:
    """The child's process id, which the process between tells before anything can hang."""
    text = b""
    while not text.endswith(b"\n"):
        byte = os.read(reading, 1)
        if not byte:
            return 0, text
        text += byte
    return int(text), text


def _read(reading: int, count: int, deadline: float) -> dict[str, Any]:
    buffer = b""
    while buffer.count(b"\n") < count:
        ready, _w, _x = select.select([reading], [], [], max(0.0, deadline - time.monotonic()))
        chunk = os.read(reading, 65536) if ready else b""
        if not chunk:
            break
        buffer += chunk
    lines = buffer.split(b"\n")[:-1]
    return dict(json.loads(line) for line in lines)


def _leave_child(questions: Mapping[str, Question], reading: int, writing: int) -> None:
    """In the process between: start the one that asks, tell its id, and end."""
    try:
        os.close(reading)
        os.setsid()
        child = os.fork()
        if child:
            os.write(writing, f"{child}\n".encode())
            os._exit(0)
        _let_go(writing)
        _ask(questions, writing)
    finally:
        os._exit(0)


def _let_go(kept: int) -> None:
    """Close everything but the one pipe: whoever reads the module's output waits until the last one has closed it."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    for name in os.listdir("/proc/self/fd"):
        descriptor = int(name)
        if descriptor > 2 and descriptor != kept:
            try:
                os.close(descriptor)
            except OSError:
                continue  # that of the listing itself
    os.chdir("/")


def _ask(questions: Mapping[str, Question], writing: int) -> None:
    lock = threading.Lock()
    threads = [
        threading.Thread(target=_answer, args=(name, question, writing, lock), daemon=True)
        for name, question in questions.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _answer(name: str, question: Question, writing: int, lock: threading.Lock) -> None:
    try:
        answer = question()
    except OSError as error:
        answer = {"errno": error.errno or 0, "message": error.strerror or str(error)}
    line = json.dumps([name, answer]).encode() + b"\n"
    with lock:
        view = memoryview(line)
        while view:
            view = view[os.write(writing, view) :]
