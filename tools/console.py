# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Long commands with their output in a log, one line of progress on the console, and a limit on their time."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Callable, Mapping, Sequence

CHECKOUT = Path(__file__).resolve().parents[1]
BUILD = CHECKOUT / "build"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "holdfast"
"""The user's cache folder: what several checkouts may share."""

HEARTBEAT = 15.0
"""Seconds of silence after which a line tells that a command still runs, where there is no terminal."""
LOOK = 0.05
"""Seconds between two looks at the logs of what runs: nothing tells that a file has grown."""
PATIENCE = 120.0
"""Seconds an interrupted command has for its own cleaning up before it is killed."""


class Failed(Exception):
    """A step went wrong. The text is the reason, and the last thing that is said."""


@dataclass
class Command:
    """A program to run, with what is told of it meanwhile."""

    name: str
    argv: Sequence[str]
    limit: float = 1800.0
    """Seconds after which it counts as hanging and is stopped."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Variables besides those of this process."""
    cwd: Path = CHECKOUT
    watch: Callable[[str], str] = str.strip
    """Turns a line of output into a line of progress; an empty answer leaves the progress as it is."""
    announce: bool = True
    """Whether a line tells how it ended."""

    @property
    def log(self) -> Path:
        """The file that holds all its output."""
        return BUILD / "log" / f"{self.name.replace(' ', '-')}.log"


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    name: str
    status: int
    """The exit status, negative for a signal."""
    seconds: float
    output: str
    log: Path

    def tail(self, lines: int) -> str:
        """The end of what it said."""
        return "\n".join(self.output.splitlines()[-lines:])


def say(text: str) -> None:
    """Print whole lines, over any line of progress."""
    print(f"{_erase()}{text}", flush=True)


def run(commands: Sequence[Command], at_once: int = 1, echo: bool = False) -> list[Finished]:
    """Run the commands, ``at_once`` of them at a time, and return how each ended, in the same order.

    ``echo`` shows their output as it comes instead of a line of progress. An interruption is passed on to what runs,
    and is raised again when that has ended.
    """
    waiting = [_Running(command, echo) for command in commands]
    started: list[_Running] = []
    try:
        while waiting or any(not child.ended for child in started):
            while waiting and sum(not child.ended for child in started) < at_once:
                started.append(waiting.pop(0))
                started[-1].start()
            for child in started:
                child.look()
            time.sleep(LOOK)
    except BaseException:
        _interrupt(started)
        raise
    return [child.result() for child in started]


def quietly(argv: Sequence[str]) -> str:
    """Run a short command and return its standard output; empty when it fails or is not there."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def interruptible() -> None:
    """Let every signal that asks for an end lead to the cleaning up, for what is run too, also in the background."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)


class _Running:
    """A command under way, in a process group of its own so that all of it can be stopped."""

    def __init__(self, command: Command, echo: bool) -> None:
        self.command = command
        self.ended = False
        self._echo = echo
        self._seconds = 0.0
        self._told = 0.0
        self._progress = ""
        self._partial = ""
        self._late = False

    def start(self) -> None:
        self.command.log.parent.mkdir(parents=True, exist_ok=True)
        with self.command.log.open("wb") as log:
            self._process = subprocess.Popen(
                self.command.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.command.cwd,
                env={**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1", **self.command.env},
                start_new_session=True,
            )
        self._reader: IO[str] = self.command.log.open(encoding="utf-8", errors="replace")
        self._began = self._told = time.monotonic()

    def look(self) -> None:
        """Take in what was written since the last look, tell of it, and notice the end."""
        if self.ended:
            return
        status = self._process.poll()
        self._read()
        self._tell()
        seconds = time.monotonic() - self._began
        if status is None:
            if seconds > self.command.limit and not self._late:
                self._late = True
                self.stop(PATIENCE)
            return
        self.ended = True
        self._seconds = seconds
        self._reader.close()
        if self.command.announce:
            say(f"  {self.command.name}: {'passed' if status == 0 else 'failed'}, {seconds:.1f} s")

    def stop(self, patience: float) -> None:
        """Interrupt the process group; end what is still there after ``patience`` seconds."""
        for number, seconds in ((signal.SIGINT, patience), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            try:
                os.killpg(self._process.pid, number)
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
            except ProcessLookupError:
                pass
            return

    def result(self) -> Finished:
        output = self.command.log.read_text(encoding="utf-8", errors="replace")
        if self._late:
            output += f"\n{self.command.name}: stopped, as it took longer than {self.command.limit:.0f} s.\n"
        return Finished(self.command.name, self._process.returncode, self._seconds, output, self.command.log)

    def _read(self) -> None:
        text = self._reader.read()
        if not text:
            return
        if self._echo:
            sys.stdout.write(text)
            sys.stdout.flush()
        *lines, self._partial = (self._partial + text).split("\n")
        for line in lines:
            self._progress = self.command.watch(line) or self._progress

    def _tell(self) -> None:
        if self._echo:
            return
        now = time.monotonic()
        line = f"  {self.command.name}, {now - self._began:.0f} s: {self._progress}"
        if sys.stdout.isatty():
            if now - self._told > 0.5:
                self._told = now
                print(f"{_erase()}{line[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)
        elif now - self._told > HEARTBEAT:
            self._told = now
            say(line[:200])


def _interrupt(started: Sequence[_Running]) -> None:
    running = [child for child in started if not child.ended]
    if running:
        say(f"interrupted: waiting up to {PATIENCE:.0f} s for {', '.join(child.command.name for child in running)}")
    for child in running:
        child.stop(PATIENCE)


def _erase() -> str:
    return "\r\033[K" if sys.stdout.isatty() else ""
