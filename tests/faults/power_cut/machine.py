# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One virtual machine of the lab: worked on, and cut off from its power at a chosen moment."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lab"))

from holdfast_lab import faults, lifecycle, ssh
from holdfast_lab.state import Host, Lab, existing

HERE = Path(__file__).resolve().parent
NONE, ENDED = "none", "ended"
"""No journal yet, and no journal any more."""
PATIENCE = 900.0
"""Seconds that a run or a boot may take."""


@dataclass
class Seen:
    """What was seen of a run from outside."""

    began: dict[str, float] = field(default_factory=dict)
    """Seconds since its start at which each phase was seen first, in their order; ``ended``: its journal is gone."""
    acknowledged: int = 0
    """The last number that the container said was on the disk."""
    status: int | None = None
    """The exit status of the playbook; None when it was cut off."""
    output: str = ""

    def note(self, line: str, when: float) -> None:
        phase, acknowledged = line.split()
        self.acknowledged = max(self.acknowledged, int(acknowledged))
        if phase != NONE:
            self.began.setdefault(phase, when)
        elif self.began:
            self.began.setdefault(ENDED, when)

    @property
    def phase(self) -> str:
        """The last one."""
        return list(self.began)[-1] if self.began else NONE

    def lasted(self, phase: str) -> float:
        """Seconds from the first sight of the phase to that of the next."""
        names = list(self.began)
        if phase not in names or phase == names[-1]:
            return 0.0
        return self.began[names[names.index(phase) + 1]] - self.began[phase]


@dataclass(frozen=True)
class Cut:
    """When the host is interrupted: so many seconds after the first sight of a phase, or of one that comes after it."""

    phase: str
    delay: float
    order: Sequence[str]
    """The phases of an undisturbed run."""
    interrupt: Callable[[Lab, Host], None]

    def is_reached_by(self, seen: Seen) -> bool:
        return bool({*seen.began} & {*self.order[self.order.index(self.phase) :]})


@dataclass(frozen=True)
class Machine:
    """The host, over which each method has to itself."""

    lab: Lab
    host: Host

    @classmethod
    def started(cls, name: str) -> Machine:
        """In the lab of the environment. Raises LabError."""
        lifecycle.up("vm", [name], "bookworm", 1536)
        lab = existing()
        return cls(lab, lab.host(name))

    def shell(self, script: str) -> str:
        return ssh.on(self.lab, self.host, script, timeout=PATIENCE)

    def look(self, volume: str, device: str) -> dict[str, Any]:
        """What is on its disk (look.py)."""
        found: dict[str, Any] = json.loads(self.shell(f"python3 /srv/look.py {volume} {device}"))
        return found

    def playbook(self, name: str, variables: Mapping[str, Any]) -> tuple[int, str]:
        """Run one to its end; its exit status and what it said."""
        work = self._begun(name, variables)
        output = work.communicate(timeout=PATIENCE)[0]
        return work.returncode, output.decode(errors="replace")

    def run(self, name: str, variables: Mapping[str, Any], journal: str, cut: Cut | None = None) -> Seen:
        """Run a playbook while its journal is watched; to its end, or until the cut."""
        watch = subprocess.Popen(
            ssh.command(self.lab, self.host, ["python3", "/srv/watch.py", journal, "/run/power-cut/acknowledged"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        work = None
        try:
            lines = Lines(watch)
            seen = Seen()
            lines.wait(PATIENCE)
            work = self._begun(name, variables)
            start = time.monotonic()
            due = None
            while time.monotonic() < start + PATIENCE:
                for line in lines.wait(0.02 if due is None else max(0.0, min(0.02, due - time.monotonic()))):
                    seen.note(line, time.monotonic() - start)
                if cut and due is None and cut.is_reached_by(seen):
                    due = time.monotonic() + cut.delay
                if due is not None and time.monotonic() >= due:
                    break
                if work.poll() is not None:
                    break
            if cut:
                cut.interrupt(self.lab, self.host)
            else:
                seen.output = work.communicate(timeout=PATIENCE)[0].decode(errors="replace")
                seen.status = work.returncode
            return seen
        finally:
            for process in (work, watch):
                if process is not None:
                    _end(process)

    def _begun(self, name: str, variables: Mapping[str, Any]) -> subprocess.Popen[bytes]:
        inventory = str(self.lab.directory / "inventory.yml")
        return subprocess.Popen(
            ["ansible-playbook", "-i", inventory, "-e", json.dumps(variables), str(HERE / f"{name}.yml")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def power_on(self) -> None:
        faults.power_on(self.lab, self.host)


class Lines:
    """What a process says, line by line, as it comes."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        self._source = process.stdout.fileno()
        self._rest = b""

    def wait(self, seconds: float) -> list[str]:
        """The whole lines that came, at the latest after so long."""
        if not select.select([self._source], [], [], seconds)[0]:
            return []
        *lines, self._rest = (self._rest + os.read(self._source, 65536)).split(b"\n")
        return [line.decode() for line in lines]


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
    if process.stdout is not None and not process.stdout.closed:
        process.communicate()
