# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first step of every item, side by side: a server that does not answer takes no time from the other ones."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from .._pipeline import Action
from ..runner._problem import Problem


@dataclass
class _Step:
    action: Action
    what: Callable[[], None]
    thread: threading.Thread | None = None
    error: Problem | OSError | None = None
    ended: bool = False

    def run(self) -> None:
        try:
            self.what()
        except (Problem, OSError) as error:
            self.error = error
        self.ended = True


class FirstSteps:
    """What is planned is added; as soon as the first one is to be done, all are begun."""

    def __init__(self) -> None:
        self._steps: dict[str, _Step] = {}
        self._begun = False

    def add(self, path: str, action: Action, what: Callable[[], None]) -> None:
        if not self._begun:
            self._steps[path] = _Step(action, what)

    def done(self, path: str, action: Action) -> bool:
        """Wait for the step if it is one of these, and raise what it raised; False when it is none of them."""
        step = self._steps.get(path)
        if step is None or step.action is not action:
            return False
        self._begin()
        if step.thread is None:
            return False
        step.thread.join()
        if step.error:
            raise step.error
        if not step.ended:
            raise RuntimeError(f"the first step of {path} broke off")  # its own error is on the standard error
        return True

    def _begin(self) -> None:
        """Those that lie within another one have to come after it, each in its turn."""
        if self._begun:
            return
        self._begun = True
        for path, step in self._steps.items():
            if not any(path.startswith(f"{other}/") for other in self._steps):
                step.thread = threading.Thread(target=step.run, name=path)
                step.thread.start()
