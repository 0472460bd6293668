# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all unit tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import settings

# A slow machine is no failure. In CI a run must not fail by a new example: these are looked for while developing.
settings.register_profile("holdfast", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("holdfast")


class Killed(BaseException):
    """Stands for the end of the process."""


def kill_after(steps: int, calls: Iterable[tuple[Any, str]], patch: pytest.MonkeyPatch) -> None:
    """Let the process die right after so many of these calls, each of them an owner and the name of its function."""
    left = steps

    def counted(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            result = original(*arguments, **options)
            left -= 1
            if left == 0:
                raise Killed
            return result

        return call

    for owner, name in calls:
        patch.setattr(owner, name, counted(getattr(owner, name)))
