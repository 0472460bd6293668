# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks Docker for volumes in such a way that a driver's silence is never taken for "there is none".

Docker asks every driver for a name that it does not know, and answers "no such volume" when one of them gave an error.
Of a volume that it knows, it even forgets labels and options when the driver answers an inspect with an error. When it
lists volumes it does neither, and says in the warnings of its answer which drivers did not give theirs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..runner._problem import Problem
from ..volumes._kind import is_same_driver
from ._plugin_sockets import addresses, silent

LOCAL = "local"

_List = tuple["Mapping[str, str]", "tuple[str, ...]"]
"""Names with their drivers, and warnings."""
_OF_DRIVER = re.compile(r"^list (\S+?): (.*)$", re.DOTALL)
"""Docker's warning about a driver that did not give its volumes (moby, volume/service: OpErr)."""
_CHECKING = "error while checking if volume"
"""In Docker's answer when the driver, which it knows for the volume, cannot be reached (moby, lookupVolume)."""
_WAY_OUT = "Look into the driver's own log, mend or restart it, and run again."
_LOCAL_MEANT = " If the volume is the local driver's, set driver: local."


class Silent(Problem):
    """Docker did not answer in time."""


class Asked(Protocol):
    """What is needed of ``_docker.Docker``."""

    @property
    def is_local(self) -> bool: ...

    def volume(self, name: str) -> Mapping[str, Any] | None: ...

    def volumes(self, driver: str = "") -> tuple[Sequence[Mapping[str, Any]], tuple[str, ...]]:
        """Of one driver, by its name with or without the tag ``latest``, or of all; with Docker's warnings."""


class Drivers:
    """The drivers of one daemon, for one look at it: what they answered is not asked again.

    So one that does not answer costs its time once, however many volumes it keeps.
    """

    def __init__(self, docker: Asked) -> None:
        self._docker = docker
        self._lists: dict[str, _List | Problem] = {}
        self._failed: dict[str, str] = {}
        """Driver, or nothing for a volume of which none was declared → why it cannot be asked."""
        self._silent: Mapping[str, str] | None = None
        self._others = _plugins() if docker.is_local else None
        """The plugins of the daemon's host, be they drivers or not; None: nobody knows."""

    def volume(self, name: str, driver: str | None) -> Mapping[str, Any] | None:
        """The volume as Docker inspects it; None only when it is sure that there is none.

        ``driver`` is the declared one: whether others answer does not matter then, and this one has to, be it for a
        volume that is to be created with it. Raises Problem, which names the driver.
        """
        if self._others != [] and not self._is_worth_asking_for(name, driver or ""):
            return None
        if (driver or "") in self._failed and (driver or not self._is_local(name)):
            raise _unknown(name, self._failed[driver or ""])
        try:
            found = self._docker.volume(name)
        except Problem as problem:
            raise _unknown(name, self._remembered(problem, driver)) from problem
        if found is None and driver != LOCAL:
            self._confirm_absence(name, driver or "")
        elif found is not None and driver and not is_same_driver(driver, found["Driver"]):
            self.check(driver)
        return found

    def check(self, driver: str) -> None:
        """Problem unless the driver answers. One that Docker does not know is left to Docker, which names it."""
        if driver == LOCAL:
            return
        warnings = self._list(driver)[1]
        if warnings:
            raise Problem(f"{_told(warnings)} {_WAY_OUT}")

    def named(self, problem: Problem, driver: str) -> Problem:
        """What went wrong with a volume of the driver, with the driver's name where Docker only was silent."""
        return Problem(self._silence(problem, driver)) if isinstance(problem, Silent) else problem

    def _remembered(self, problem: Problem, driver: str | None) -> str:
        """Why Docker could not say, which holds for the driver's other volumes too when it is the driver's fault."""
        why = self._silence(problem, driver or "") if isinstance(problem, Silent) else str(problem)
        if isinstance(problem, Silent) or _CHECKING in why:
            self._failed[driver or ""] = why
        return why

    def _is_local(self, name: str) -> bool | None:
        """Whether the local driver has it: Docker asks no other then. None when Docker lists nothing at all."""
        try:
            return name in self._list(LOCAL)[0]
        except Problem:
            return None

    def _is_worth_asking_for(self, name: str, driver: str) -> bool:
        """False when it is sure that there is none: of an inspect every driver is asked, and harmed if out of order."""
        try:
            drivers, warnings = self._list("" if driver == LOCAL else driver)
        except Problem as problem:
            is_local = self._is_local(name) if driver in ("", LOCAL) else False
            if is_local is False and driver != LOCAL:
                raise _unknown(name, str(problem)) from problem
            return is_local is not False
        if not warnings or drivers.get(name, "") not in {"", *_out_of_order(warnings)}:
            return True
        if driver == LOCAL and name not in drivers:
            return False
        raise _unknown(name, f"{_told(warnings)} {_WAY_OUT}{'' if driver or name in drivers else _LOCAL_MEANT}")

    def _confirm_absence(self, name: str, driver: str) -> None:
        try:
            drivers, warnings = self._list(driver)
        except Problem as problem:
            raise _unknown(name, str(problem)) from problem
        if warnings:
            raise _unknown(name, f"{_told(warnings)} {_WAY_OUT}{'' if driver else _LOCAL_MEANT}")
        if name in drivers:
            raise _unknown(
                name, f"the volume driver {drivers[name]} lists it, and does not give it when asked for it. {_WAY_OUT}"
            )

    def _list(self, driver: str) -> _List:
        """The names of the driver's volumes, or of all, and Docker's warnings: with any, there may be more."""
        if driver not in self._lists:
            try:
                volumes, warnings = self._docker.volumes(driver)
                self._lists[driver] = {volume["Name"]: volume["Driver"] for volume in volumes}, warnings
            except Silent as problem:
                self._lists[driver] = Problem(self._silence(problem, driver))
            except Problem as problem:
                self._lists[driver] = problem
        answer = self._lists[driver]
        if isinstance(answer, Problem):
            raise answer
        return answer

    def _silence(self, problem: Silent, driver: str) -> str:
        """Docker's silence with the name of the driver for which it waits, as far as that can be found out."""
        if self._silent is None:
            self._silent = silent() if self._docker.is_local else {}
        if self._silent:
            found = ", ".join(f"{name} ({why})" for name, why in sorted(self._silent.items()))
            return f"{problem} Docker waits for the volume driver {found}. {_WAY_OUT}"
        if driver and driver != LOCAL:
            return f"{problem} It may wait for the volume driver {driver}. {_WAY_OUT}"
        others = f" ({', '.join(self._others)})" if self._others else ""
        return f"{problem} It may wait for one of its volume drivers{others}. {_WAY_OUT}"


def _plugins() -> list[str] | None:
    """Those of this host; None for a user who may not look."""
    try:
        return sorted(addresses())
    except PermissionError:
        return None


def check_driver(docker: Asked, driver: str) -> None:
    """Problem, which names the driver, unless it answers. For several drivers or volumes take :class:`Drivers`."""
    Drivers(docker).check(driver)


def _unknown(name: str, why: str) -> Problem:
    return Problem(f"volume {name}: it is not known whether it is there: {why} Nothing was done to it.")


def _out_of_order(warnings: tuple[str, ...]) -> frozenset[str]:
    return frozenset(found[1] for found in map(_OF_DRIVER.match, warnings) if found)


def _told(warnings: tuple[str, ...]) -> str:
    """Docker's warnings as sentences, each with the name of its driver."""
    return " ".join(_sentence(warning) for warning in warnings)


def _sentence(warning: str) -> str:
    found = _OF_DRIVER.match(warning)
    if not found:
        return f"{warning.rstrip('.')}."
    return f"the volume driver {found[1]} does not answer as it should: {found[2].strip().rstrip('.')}."
