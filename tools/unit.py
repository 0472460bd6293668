# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit stage: pytest on the oldest and the newest Python of this machine, side by side."""

from __future__ import annotations

import fcntl
import hashlib
import re
from pathlib import Path
from typing import Sequence

import interpreters
from console import CACHE, CHECKOUT, Command, Failed, Finished, run as run_commands, say
from setup import TREE, make_venv

TESTS = "tests/unit"


def run(only: Sequence[str]) -> tuple[int, str]:
    """Run all unit tests, or what pytest makes of ``only``: a file, ``file::test``, or its own options."""
    pythons = interpreters.oldest_and_newest()
    if not pythons:
        raise Failed("no Python of 3.9 to 3.13 that can make environments is on this machine: install python3-venv.")
    if len(pythons) == 1:
        say("  only one Python of 3.9 to 3.13 is on this machine")
    commands = [_command(version, _environment(version, path), only) for version, path in pythons.items()]
    finished = run_commands(commands, at_once=1 if only else 2, echo=bool(only))
    failed = [tests for tests in finished if tests.status != 0]
    for tests in failed:
        say("" if only else f"{_report(tests)}\n")
    if failed:
        raise Failed("; ".join(f"{tests.name}: {_first_failure(tests)}" for tests in failed))
    return sum(map(_passed, finished)), ", ".join(f"{_passed(tests)} on {tests.name}" for tests in finished)


def _command(version: tuple[int, int], venv: Path, only: Sequence[str]) -> Command:
    pytest = [str(venv / "bin" / "python"), "-m", "pytest", "--color=no", "-o", f"cache_dir=.cache/pytest-{version[1]}"]
    return Command(
        f"Python {version[0]}.{version[1]}",
        [*pytest, *(only or [TESTS])],
        limit=900,
        env={
            "PYTHONPATH": str(TREE),
            "HYPOTHESIS_STORAGE_DIRECTORY": str(CHECKOUT / ".cache" / "hypothesis"),
            "PYTHONWARNINGS": "",
        },
        watch=lambda line: line.strip()[-100:],
    )


def _environment(version: tuple[int, int], python: Path) -> Path:
    """The environment for the tests on one Python, kept in the user's cache for as long as its requirements hold."""
    requirements = CHECKOUT / "requirements" / f"unit-{version[0]}.{version[1]}.txt"
    digest = hashlib.sha256(str(python).encode() + requirements.read_bytes()).hexdigest()[:8]
    venv = CACHE / "unit" / f"{version[0]}.{version[1]}-{digest}"
    complete = venv / "complete"
    venv.parent.mkdir(parents=True, exist_ok=True)
    with (venv.parent / f"{venv.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            say(f"  making an environment with Python {version[0]}.{version[1]} from requirements/{requirements.name}")
            make_venv(str(python), venv, requirements, f"unit {version[0]}.{version[1]}")
            complete.touch()
    return venv


def _passed(tests: Finished) -> int:
    found = re.search(r"(\d+) passed", tests.tail(1))
    return int(found.group(1)) if found else 0


def _report(tests: Finished) -> str:
    """What pytest says of its failures, without the dots before."""
    start = re.search(r"^=+ (ERRORS|FAILURES) =+$", tests.output, re.MULTILINE)
    return tests.output[start.start() :] if start else tests.tail(60)


def _first_failure(tests: Finished) -> str:
    first = re.search(r"^(?:FAILED|ERROR) (.*)$", tests.output, re.MULTILINE)
    return tests.tail(1).strip("= ") + (f", the first: {first.group(1)}" if first else "")
