# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lint stage: every tool runs to its end, so that one run tells all there is to mend."""

from __future__ import annotations

from typing import Sequence

from console import Command, Failed, run as run_commands, say

PACKAGE = "ansible_collections.holdfast.persistence"
TOOLS = {
    "ansible-lint": ("ansible-lint", "--offline", "--profile", "production", "--strict", "--nocolor", "--format=pep8"),
    "mypy": (
        "mypy",
        "--package",
        f"{PACKAGE}.plugins.module_utils",
        "--package",
        f"{PACKAGE}.plugins.modules",
        "--package",
        f"{PACKAGE}.tools",
    ),
    "ruff": ("ruff", "check", "--no-fix"),
    "ruff-format": ("ruff", "format", "--diff"),
    "yamllint": ("yamllint", "--strict", "."),
}
"""By name, the slowest first."""


def run(only: Sequence[str]) -> tuple[int, str]:
    """Run the tools, or only those named, two at a time."""
    if unknown := sorted(set(only) - set(TOOLS)):
        raise Failed(f"there is no tool {', '.join(unknown)}. These are: {', '.join(TOOLS)}")
    chosen = only or list(TOOLS)
    finished = run_commands([Command(name, TOOLS[name], limit=900) for name in chosen], at_once=2)
    failed = [tool for tool in finished if tool.status != 0]
    for tool in failed:
        say(f"{tool.tail(100)}\n")
    if failed:
        raise Failed(f"{', '.join(tool.name for tool in failed)} found something, see above")
    return len(finished), ", ".join(chosen)
