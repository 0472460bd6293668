# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command ``holdfast restore``: its arguments, and what it says while it works and when it is done."""

from __future__ import annotations

import argparse
import json
from typing import Any, Sequence

from . import _choice
from ._problem import Problem
from ._restore import Restoration
from ._restore_plan import plan
from ._restore_terms import IF_EMPTY, MODES, Request, Step
from ._text import complain, say


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``holdfast restore``."""
    parser.add_argument("job", metavar="JOB")
    parser.add_argument(
        "--snapshot",
        default=_choice.LATEST,
        help="latest, the beginning of an id, or a time such as 2026-01-01T02:00Z for the latest at or before it",
    )
    parser.add_argument("--from-host", metavar="HOST", help="whose snapshots (default: the job's own host)")
    parser.add_argument(
        "--mode",
        choices=MODES,
        default=IF_EMPTY,
        help="only into what is empty (default), beside what is there, or in its place",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--volume", help="only this volume (default: everything in the snapshot)")
    what.add_argument("--path", help="only this path")
    parser.add_argument(
        "--target", help="with --mode new: the name of the volume, or the path (default: named for you)"
    )
    parser.add_argument("--no-verify", action="store_true", help="do not read back what was written")
    parser.add_argument(
        "--data-loss",
        choices=("refuse", "allow"),
        default="refuse",
        help="with --mode replace: keep the previous content beside it (default), or remove it at the end",
    )
    parser.add_argument("--check", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def main(arguments: argparse.Namespace) -> int:
    """Carry out ``holdfast restore``; 0 when all that was wanted is in place. Raises Problem."""
    request = Request(
        job=arguments.job,
        snapshot=arguments.snapshot,
        from_host=arguments.from_host,
        mode=arguments.mode,
        volume=arguments.volume,
        path=arguments.path,
        target=arguments.target,
        verify=not arguments.no_verify,
        drop_previous=arguments.data_loss == "allow",
    )
    restoration = Restoration(request, arguments.check)
    outlook = plan(request, restoration.observe())
    for warning in outlook.warnings:
        complain(warning)
    result = outlook.after
    for step in outlook.steps:
        if not arguments.json:
            say(f"would {step.sentence}" if arguments.check else step.sentence)
        if not arguments.check:
            restoration.carry_out(step)
    if outlook.steps and not arguments.check:
        result = _confirmed(restoration, request)
    if arguments.json:
        say(json.dumps({**result, "actions": [step.sentence for step in outlook.steps]}, indent=2))
    else:
        for left in result["left"]:
            say(f"left as it is: {left['kind']} {left['name']}: {left['target']} {left['reason']}")
        if not arguments.check:
            for label, words in restoration.proven.items():
                say(f"{label}: {words}")
            say(_done_words(request, outlook.steps))
    return 0


def _done_words(request: Request, steps: Sequence[Step]) -> str:
    noun = f"restore {request.job}: done"
    if not steps:
        return f"{noun}: nothing was to be restored."
    labels = [step.placements[step.index].label for step in steps if step.verb == "restore"]
    if not labels:
        return f"{noun}: what an interrupted restore left is settled."
    verified = (
        "what was written was read back and is what the repository holds"
        if request.verify
        else "what was written was not read back (--no-verify)"
    )
    return f"{noun}: {', '.join(labels)} restored; {verified}."


def _confirmed(restoration: Restoration, request: Request) -> dict[str, Any]:
    """What is there now. Problem when the host does not agree that everything is done."""
    again = plan(request, restoration.observe())
    if again.steps:
        raise Problem(
            f"restore {request.job}: did not hold, still to do: {'; '.join(s.sentence for s in again.steps)}."
        )
    return again.before
