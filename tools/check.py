# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run stages of the tests in order, and stop at the first that fails (``make test``, ``make lint T=ruff``).

Every stage ends in one line that tells what passed and the seconds it took. The last line is the count, or the reason.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass
from typing import Callable, Sequence

import lint
import sanity
import scenarios
import unit
from console import Failed, interruptible, say


@dataclass(frozen=True)
class Stage:
    """One part of the tests."""

    what: str
    run: Callable[[Sequence[str]], tuple[int, str]]
    """Takes what to restrict itself to; returns how many tests passed, and what they were, in words."""


STAGES = {
    "lint": Stage("form of everything, types of the Python code", lint.run),
    "sanity": Stage("ansible-test sanity, no exceptions", sanity.run),
    "unit": Stage("unit tests on the oldest and the newest Python there is", unit.run),
    "molecule": Stage("scenarios on containers of the lab", scenarios.run),
    "machines": Stage("scenarios on virtual machines", scenarios.run_with_machines),
}


def main() -> None:
    """Parse the command line and run the stages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stages", nargs="+", choices=STAGES, metavar="STAGE")
    parser.add_argument("--only", default="", help="what to restrict the stage to: a tool, a test, a file, a scenario")
    arguments = parser.parse_args()
    began = time.monotonic()
    total = 0
    for name in arguments.stages:
        stage_began = time.monotonic()
        say(f"{name}: {STAGES[name].what}")
        try:
            passed, what = STAGES[name].run(arguments.only.split())
        except Failed as failed:
            say(f"{total} passed, 1 stage failed in {time.monotonic() - began:.1f} s")
            raise Failed(f"{name}: failed after {time.monotonic() - stage_began:.1f} s: {failed}") from failed
        total += passed
        say(f"{name}: passed: {what}; {time.monotonic() - stage_began:.1f} s")
    say(f"{', '.join(arguments.stages)}: {time.monotonic() - began:.1f} s in all")
    say(f"{total} passed, 0 failed")


if __name__ == "__main__":
    interruptible()
    try:
        main()
    except Failed as reason:
        say(str(reason))
        sys.exit(1)
    except KeyboardInterrupt:
        say("tests: interrupted")
        sys.exit(130)
