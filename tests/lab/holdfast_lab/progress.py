# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the lab says while it works: one line a step, each with the seconds since the command began."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import Iterator

_began = time.monotonic()


class LabError(Exception):
    """The lab could not do what was asked. The text names the object, the cause and the way out."""


def say(text: str) -> None:
    """Print one line of progress to standard error; standard output is kept for what a caller may parse."""
    print(f"[{time.monotonic() - _began:6.1f}s] {text}", file=sys.stderr, flush=True)


@contextmanager
def step(text: str) -> Iterator[None]:
    """Announce a step, and how many seconds it took once it is done."""
    say(f"{text} ...")
    began = time.monotonic()
    yield
    say(f"{text}: done in {time.monotonic() - began:.1f} s")
