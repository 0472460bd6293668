# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run of a job's unit, from one of its steps to the next: what it is to save, and the record of how it went."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from . import _files, _paths, _state
from ._problem import Problem

SCHEMA = 1


@dataclass(frozen=True)
class Prepared:
    """What ``prepare`` leaves for the steps that follow it in the same run of the unit."""

    job: str
    started: str
    sources: tuple[dict[str, Any], ...] = ()
    filled: tuple[str, ...] = ()
    quiesced: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    """restic's patterns of what restores left in the sources."""

    def save(self) -> None:
        path = _paths.sources_file(self.job)
        try:
            _files.private_directory(path.parent)
            _files.write(path, json.dumps({"schema": SCHEMA, **asdict(self)}).encode(), 0o600)
        except OSError as error:
            raise Problem(_files.unwritten(f"job {self.job}: what it is to save", path, error)) from None

    @classmethod
    def load(cls, job: str) -> Prepared:
        """Problem when the job was not prepared."""
        try:
            data = json.loads(_paths.sources_file(job).read_bytes())
        except FileNotFoundError:
            raise Problem(
                f"job {job}: not prepared. Run it as a whole, with holdfast run {job}: "
                "what its data needs is done before and after."
            ) from None
        del data["schema"]
        return cls(**{**data, **{name: tuple(data[name]) for name in ("sources", "filled", "quiesced", "apart")}})


@contextmanager
def recorded(name: str, started: str) -> Iterator[None]:
    """Record the run when a problem ends it. A run that a signal ends is recorded by ``release``, which knows why."""
    try:
        yield
    except Problem as problem:
        # 128 and more: ended by a signal.
        if problem.exit_code < 128:
            try:
                record(name, started, problem.exit_code, str(problem))
            except Problem as second:  # as on a full disk, which may be the cause of both
                raise type(problem)(f"{problem}\n{second}") from None
        raise


def record(name: str, started: str, exit_code: int, message: str, **figures: Any) -> None:
    """Note the end of a run that ends now; ``figures`` are those of its snapshot."""
    invocation = os.environ.get("INVOCATION_ID", "")
    run = _state.Run.ended_now(started, exit_code, message, invocation=invocation, **figures)
    _state.update(name, lambda state: state.after_run(run))
