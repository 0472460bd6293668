# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd, spoken to through its own commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from ansible.module_utils.basic import AnsibleModule

from .runner._problem import Problem

OLDEST = 249
"""The first version with OnSuccess=, which starts the retention."""

# The next elapses and their distances are printed in the manager's time zone and language otherwise.
_ENVIRONMENT = {"LC_ALL": "C", "TZ": "UTC"}
_PROPERTIES = ("Id", "ActiveState", "UnitFileState", "NeedDaemonReload", "NextElapseUSecRealtime")
_TIME = "%a %Y-%m-%d %H:%M:%S UTC"


@dataclass(frozen=True)
class Unit:
    """What systemd holds of a unit, whether its file exists or not."""

    active_state: str = "inactive"
    """``active``, ``inactive``, ``failed``; ``activating`` while a oneshot service works."""
    file_state: str = ""
    """``enabled``, ``disabled``, ``static``; empty when there is no file."""
    stale: bool = False
    """Its file or a drop-in changed after systemd read it."""
    next_elapse: str | None = None
    """Of an active timer: ISO 8601, UTC."""

    @property
    def busy(self) -> bool:
        return self.active_state in ("activating", "deactivating", "reloading")


class Systemd:
    """The commands, each with an error that names the unit, what systemd said, and the way out."""

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module

    def show(self, units: Sequence[str]) -> dict[str, Unit]:
        """Every unit by name, asked for at once."""
        properties = "--property=" + ",".join(_PROPERTIES)
        output = self._run(["systemctl", "show", "--timestamp=utc", properties, "--", *units], "read the units")
        return parse_show(output)

    def reload(self) -> None:
        self._run(["systemctl", "daemon-reload"], "have systemd read its units again")

    def enable(self, unit: str) -> None:
        """From the next boot on; the caller reloads systemd once for all units."""
        self._run(["systemctl", "enable", "--no-reload", "--", unit], f"enable {unit}")

    def disable(self, unit: str) -> None:
        """As of the next boot; the caller reloads systemd once for all units."""
        self._run(["systemctl", "disable", "--no-reload", "--", unit], f"disable {unit}")

    def start(self, unit: str) -> None:
        self._run(["systemctl", "start", "--", unit], f"start {unit}")

    def stop(self, unit: str) -> None:
        self._run(["systemctl", "stop", "--", unit], f"stop {unit}")

    def forget(self, timer: str) -> None:
        """Remove the stamp of the last elapse: a later timer of the same name would catch up on it at once."""
        self._run(["systemctl", "clean", "--what=state", "--", timer], f"remove the time stamp of {timer}")

    def reset_failed(self, units: Sequence[str]) -> None:
        self._run(["systemctl", "reset-failed", "--", *units], f"clear the failure of {', '.join(units)}")

    def calendar(self, schedule: str) -> Calendar:
        """When the schedule elapses. Problem when systemd does not understand it, or when it never does."""
        command = ["systemd-analyze", "calendar", "--iterations=10", "--", schedule]
        status, output, errors = self._module.run_command(command, environ_update=_ENVIRONMENT)
        if status != 0:
            reason = errors.strip() or output.strip()
            raise Problem(
                f"schedule {schedule!r}: systemd does not understand it ({reason}). Write it as systemd.time(7) "
                'describes under "Calendar events", such as *-*-* 02:30:00, and try it: systemd-analyze calendar.'
            )
        return parse_calendar(schedule, output)

    def version(self) -> int:
        """The number of the release, such as 252."""
        return int(self._run(["systemctl", "--version"], "ask for its version").split()[1])

    def _run(self, command: Sequence[str], purpose: str) -> str:
        status, output, errors = self._module.run_command(list(command), environ_update=_ENVIRONMENT)
        if status != 0:
            raise Problem(
                f"systemd: could not {purpose}: {errors.strip() or output.strip() or f'exit status {status}'}. "
                f"Look at it with {' '.join(command[:2])} by hand, and run this again."
            )
        return str(output)


@dataclass(frozen=True)
class Calendar:
    """The next elapses of a schedule."""

    elapses: tuple[datetime, ...]

    @property
    def longest_gap(self) -> int:
        """Seconds between the two neighbouring elapses that lie farthest apart; 0 when it elapses only once."""
        gaps = [later - earlier for earlier, later in zip(self.elapses, self.elapses[1:])]
        return max((int(gap.total_seconds()) for gap in gaps), default=0)


def parse_show(output: str) -> dict[str, Unit]:
    """The blocks of ``systemctl show``, one a unit, by their name."""
    blocks = [dict(_pair(line) for line in block.splitlines()) for block in output.split("\n\n") if block.strip()]
    return {block["Id"]: _unit(block) for block in blocks}


def parse_calendar(schedule: str, output: str) -> Calendar:
    """What ``systemd-analyze calendar`` printed; it exits with 0 also for a date that never comes."""
    times = []
    for line in output.splitlines():
        name, _colon, value = line.partition(": ")
        if name.strip() == "Next elapse" or name.strip().startswith("Iter."):
            times.append(_time(value))
    elapses = tuple(time for time in times if time)
    if not elapses:
        raise Problem(
            f"schedule {schedule!r}: never elapses, so the job would never run. Write a date that is still to come, "
            "such as *-*-* 02:30:00, and try it: systemd-analyze calendar."
        )
    return Calendar(elapses)


def _pair(line: str) -> tuple[str, str]:
    name, _equals, value = line.partition("=")
    return name, value


def _unit(block: Mapping[str, str]) -> Unit:
    time = _time(block.get("NextElapseUSecRealtime", ""))
    return Unit(
        active_state=block.get("ActiveState", "inactive"),
        file_state=block.get("UnitFileState", ""),
        stale=block.get("NeedDaemonReload") == "yes",
        next_elapse=time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else None,
    )


def _time(text: str) -> datetime | None:
    try:
        return datetime.strptime(text.strip(), _TIME).replace(tzinfo=timezone.utc)
    except ValueError:
        return None
