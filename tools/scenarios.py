# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scenarios of extensions/molecule, one after the other, on hosts of the lab.

The stage ``molecule`` runs those on containers, and the stage ``machines`` those on virtual machines: without KVM each
of these takes as long as a good part of all the others.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Sequence

import yaml
from console import CHECKOUT, Command, Failed, run as run_commands, say

SCENARIOS = CHECKOUT / "extensions" / "molecule"
LIMIT = 2400.0
"""Seconds a scenario may take before it counts as hanging."""


def _run(on_machines: bool, only: Sequence[str]) -> tuple[int, str]:
    """Run the scenarios of a stage, or those named in ``only``, of whichever stage they are.

    The first that fails ends the stage; its hosts are removed.
    """
    names = sorted(path.parent.name for path in SCENARIOS.glob("*/molecule.yml"))
    if unknown := sorted(set(only) - set(names)):
        raise Failed(f"there is no scenario {', '.join(unknown)}. These are: {', '.join(names)}")
    if not names:
        raise Failed(f"no scenario is in {SCENARIOS}")
    chosen = list(only) or [name for name in names if _needs_machines(name) is on_machines]
    _lab("services", "start")  # shared by the scenarios' labs, which would else start and stop them one by one
    try:
        for name in chosen:
            _run_scenario(name)
    finally:
        _lab("services", "stop")
    return len(chosen), f"scenarios {', '.join(chosen)}"


run = partial(_run, False)
run_with_machines = partial(_run, True)


def _needs_machines(name: str) -> bool:
    settings = yaml.safe_load((SCENARIOS / name / "molecule.yml").read_text(encoding="utf-8")) or {}
    environment = (settings.get("ansible") or {}).get("env") or {}
    return bool(environment.get("LAB_KIND") == "vm")


def _run_scenario(name: str) -> None:
    argv = ["molecule", "test", "--no-command-borders", "--no-report", "-s", name]
    command = Command(f"scenario {name}", argv, limit=LIMIT, watch=_progress)
    try:
        [finished] = run_commands([command])
    except KeyboardInterrupt:
        _destroy(name)
        raise
    if finished.status != 0:
        say(f"{finished.tail(150)}\n")
        _destroy(name)
        raise Failed(f"scenario {name}: {_reason(finished.output)}. All of it: {finished.log.relative_to(CHECKOUT)}")


def _destroy(name: str) -> None:
    """Molecule removes the hosts of a scenario that fails, but not those of one that was stopped."""
    run_commands(
        [Command(f"removal of scenario {name}", ["molecule", "destroy", "-s", name], limit=300, announce=False)]
    )


def _lab(*arguments: str) -> None:
    name = f"lab {' '.join(arguments)}"
    [finished] = run_commands([Command(name, ["tests/lab/lab", *arguments], limit=300, announce=False)])
    if finished.status != 0:
        raise Failed(f"{name}: {finished.tail(20)}")


def _progress(line: str) -> str:
    """Which part of the scenario, or which task, is under way."""
    found = re.match(r"(?:INFO|WARNING)\s+(.*)|(?:TASK|PLAY) \[(.*?)\]", line.strip())
    return (found.group(1) or found.group(2) or "") if found else ""


def _reason(output: str) -> str:
    """The step that failed, and the last failure told: those before it are of tasks that are meant to fail."""
    steps = re.findall(r"\[\S+ > (.+?)\] Executed: Failed", output)
    failures = re.findall(r"^(?:fatal: |FAILED |\[ERROR\]: ).*$", output, re.MULTILINE)
    return ": ".join([*steps[:1], *(failure[:300] for failure in failures[-1:])]) or "molecule failed"
