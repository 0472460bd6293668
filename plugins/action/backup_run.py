# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of ``backup_run``: call the module for short waits, show between them how far the run is."""

from __future__ import annotations

import time
from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..module_utils.backups._run import progress_words

_WAITS = (2, 3, 5, 10)
"""Seconds that one call waits: the first news come soon, a long run is not asked about all the time."""


class ActionModule(ActionBase):
    """Runs the module until the run has ended. What the user set to be returned early or in the background, is."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        if self._task.async_val or self._task.check_mode or arguments.get("wait") is not None:
            answer = self._execute_module(
                module_args=arguments, task_vars=task_vars, wrap_async=bool(self._task.async_val)
            )
        else:
            answer = self._follow(arguments, task_vars or {})
        result.update(answer)
        return result

    def _follow(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Wait in short calls; the last one's answer, with what the first one did."""
        begun = time.monotonic()
        limit: int | None = None
        actions: list[str] = []
        calls = 0
        while True:
            asked = {**arguments, "wait": f"{_WAITS[min(calls, len(_WAITS) - 1)]}s"}
            if limit is not None:
                asked["timeout"] = f"{max(1, int(limit - (time.monotonic() - begun)))}s"
            answer: dict[str, Any] = self._execute_module(module_args=asked, task_vars=task_vars)
            limit = limit or answer.get("timeout")
            actions = actions or answer.get("actions") or []
            if answer.get("failed") or not answer.get("running"):
                return {**answer, "actions": actions, **({"timeout": limit} if limit else {})}
            arguments = {**arguments, "invocation_id": answer["invocation_id"]}
            calls += 1
            if answer.get("progress"):
                who = f"{task_vars.get('inventory_hostname', '')} {arguments['name']}"
                Display().display(f"{who}: {progress_words(answer['progress'])}")
