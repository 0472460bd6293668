# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network mounts as a resource of the pipeline; what to do is decided in ``_mount``."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._pipeline import Action, Plan, Resource
from .._privilege import require_root
from ..runner import _files, _paths
from ..runner._problem import Problem
from . import _configuration, _credentials, _desire, _fstab, _mount, _mounting, _observe, _place, _probe, _units
from ._desire import SYSTEMD, Desired
from ._first_steps import FirstSteps
from ._seen import Seen
from ._systemctl import Systemd

_CONFIGURING = ("configure", "unconfigure_units", "unconfigure_fstab", "require", "release", "reread")
"""After these, systemd has to read its units."""
_LAST_LOOK = 2.0
"""Seconds for the look at the end, when the time is over."""
_PUTTING_BACK = 4.0
"""Seconds to mount again what was mounted before, when the time is over."""


class NetworkMounts(Resource[Desired, Seen]):
    """The network mounts of one host."""

    noun = "mount"
    plural = "mounts"
    key = "path"

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._deadline = time.monotonic() + module.params["timeout"] - _age()
        self._systemd = Systemd(self._deadline)
        self._helpers = _observe.helpers()
        self._desired: list[str] = []
        self._refreshed: list[str] = []
        self._first = FirstSteps()
        self._rehearsed: dict[str, float] = {}
        """Where a mount was tried out, and how many seconds that took."""
        self._take_back: dict[str, tuple[Callable[[], None], Any]] = {}
        """What this call has mounted and not yet configured → how to undo that, and what was mounted before."""

    def desire(self, item: Mapping[str, Any]) -> Desired:
        wanted = _desire.desire(item, self._helpers)
        if wanted.path in self._desired and str(item["path"]) != wanted.path:
            raise Problem(f"mount {item['path']}: is in the list twice, as {wanted.path} too. Keep one of them.")
        self._desired.append(wanted.path)
        return wanted

    def plan(self, desired: Desired, observed: Seen) -> Plan:
        found = _mount.plan(desired, observed)
        first = found.actions[0] if found.actions else None
        if first and first.verb in ("mount", "rehearse"):
            self._first.add(desired.path, first, lambda: self._carry_out(desired, first))
        return found

    def observe(self, desired: Sequence[Desired]) -> Sequence[Seen | Problem]:
        require_root("nfs_mount", "fstab, units and mounts")
        # Half of what is left at most: those that answer are to be mounted in the other half.
        seconds = max(_LAST_LOOK, min(_probe.PATIENCE, (self._deadline - time.monotonic()) / 2))
        found = _observe.look(desired, self._systemd, seconds, self._refreshed)
        if not self._module.check_mode:
            return found
        return [seen if isinstance(seen, Problem) else replace(seen, predicting=True) for seen in found]

    def settling(self, actions: Sequence[Action]) -> str:
        return "have systemd read its units" if any(action.verb in _CONFIGURING for action in actions) else ""

    def settle(self) -> None:
        self._systemd.reload()

    def apply(self, desired: Desired, action: Action) -> None:
        if not self._first.done(desired.path, action):
            self._carry_out(desired, action)

    def _carry_out(self, desired: Desired, action: Action) -> None:
        steps: Mapping[str, Callable[[Desired, Action], None]] = {
            "mount": self._mount,
            "rehearse": self._rehearse,
            "adjust": lambda wanted, _action: _mounting.adjust(wanted, self._deadline),
            "refresh": self._refresh,
            "unmount": self._unmount,
            "place": lambda wanted, _action: self._shape(wanted),
            "credentials": lambda wanted, _action: self._write_credentials(wanted),
            "forget": lambda wanted, _action: _credentials.remove(wanted.path),
            "configure": lambda wanted, _action: self._configure(wanted),
            "unconfigure_fstab": lambda wanted, _action: self._edit(
                wanted, lambda content: _fstab.without(content, wanted.path)
            ),
            "unconfigure_units": lambda wanted, _action: self._remove_units(wanted),
            "require": self._require,
            "release": self._release,
            "reread": lambda _wanted, _action: None,
            "start": lambda wanted, _action: self._systemd.start(_units.mount_unit(wanted.path)),
            "start_automount": lambda wanted, _action: self._start_automount(wanted),
            "stop_automount": lambda wanted, _action: self._systemd.stop(_units.automount_unit(wanted.path)),
        }
        try:
            steps[action.verb](desired, action)
        except Problem as problem:
            raise Problem(f"mount {desired.path}: {problem}") from problem

    def _mount(self, desired: Desired, action: Action) -> None:
        again = action.details.get("again")
        if again:
            _mounting.mount_again(again, desired.path, self._deadline)
            self._refreshed.append(desired.path)
            return
        before = action.details.get("before")
        try:
            take_back = _mounting.mount(desired, self._deadline)
        except Problem as problem:
            raise self._put_back(desired, before, problem) if before else problem from None
        self._refreshed.append(desired.path)
        self._take_back[desired.path] = take_back, before

    def _put_back(self, desired: Desired, before: Any, problem: Problem) -> Problem:
        try:
            _mounting.mount_again(before, desired.path, max(self._deadline, time.monotonic() + _PUTTING_BACK))
        except Problem as second:
            return Problem(f"{problem} What was mounted before could not be mounted again either: {second}")
        return Problem(f"{problem} What was mounted before is mounted again.")

    def _refresh(self, desired: Desired, _action: Action) -> None:
        _mounting.refresh(desired, self._deadline)
        self._refreshed.append(desired.path)

    def _rehearse(self, desired: Desired, _action: Action) -> None:
        begun = time.monotonic()
        _mounting.rehearse(desired, self._deadline)
        self._rehearsed[desired.path] = time.monotonic() - begun

    def _unmount(self, desired: Desired, _action: Action) -> None:
        """What is to be mounted again is unmounted only while there is time for that, and for the way back."""
        left, took = self._deadline - time.monotonic(), self._rehearsed.get(desired.path, 0.0)
        if desired.path in self._rehearsed and left < 2 * took + _PUTTING_BACK:
            raise Problem(
                f"was not unmounted: trying the new mount took {took:.0f} s, and {max(left, 0):.0f} s are left, which "
                "may not be enough to mount it. Run again with a longer timeout."
            )
        _mounting.unmount(desired, self._deadline)

    def _shape(self, desired: Desired) -> None:
        _place.make(desired.path, desired.ownership)

    def _write_credentials(self, desired: Desired) -> None:
        if desired.kind and desired.credentials:
            _credentials.write(desired.kind, desired.path, desired.credentials)

    def _configure(self, desired: Desired) -> None:
        """Write the configuration; what cannot be written is not left mounted either."""
        take_back, before = self._take_back.pop(desired.path, (None, None))
        try:
            if desired.backend == SYSTEMD:
                self._write_units(desired)
            else:
                self._edit(desired, lambda content: _fstab.with_entry(content, desired.entry))
        except (Problem, OSError) as error:
            if take_back is None:
                raise
            take_back()
            problem = Problem(f"{error} It was unmounted again.")
            raise self._put_back(desired, before, problem) if before else problem from None

    def _edit(self, desired: Desired, edit: Callable[[bytes], bytes]) -> None:
        _fstab.rewrite(edit, desired.fstab, desired.backup)

    def _write_units(self, desired: Desired) -> None:
        texts = _configuration.texts(desired)
        names = (_units.mount_unit(desired.path), _units.automount_unit(desired.path))
        for name, text in zip(names, (texts.mount, texts.automount)):
            file = _paths.UNITS / name
            if text is None or not _units.enabled_in(text):
                self._disable(name)
            if text is None:
                _files.remove(file)
                continue
            _write(f"the unit {name}", file, text)
            if _units.enabled_in(text):
                self._systemd.enable(name)

    def _remove_units(self, desired: Desired) -> None:
        for name in (_units.automount_unit(desired.path), _units.mount_unit(desired.path)):
            self._disable(name)
            _files.remove(_paths.UNITS / name)

    def _disable(self, name: str) -> None:
        if (_paths.UNITS / name).exists():
            self._systemd.disable(name)

    def _require(self, desired: Desired, action: Action) -> None:
        for unit in action.details["units"]:
            directory = _paths.UNITS / f"{unit}.d"
            directory.mkdir(mode=0o755, exist_ok=True)
            _write("the drop-in", directory / _units.drop_in_name(desired.path), _units.drop_in(desired.path))

    def _release(self, desired: Desired, action: Action) -> None:
        for unit in action.details["units"]:
            directory = _paths.UNITS / f"{unit}.d"
            _files.remove(directory / _units.drop_in_name(desired.path))
            if not any(directory.iterdir()):
                directory.rmdir()

    def _start_automount(self, desired: Desired) -> None:
        unit = _units.automount_unit(desired.path)
        self._systemd.start(unit)


def _write(noun: str, file: Path, text: str) -> None:
    try:
        _files.write(file, text.encode("utf-8", "surrogateescape"), 0o644)
    except OSError as error:
        raise Problem(_files.unwritten(noun, file, error)) from error


def _age() -> float:
    """Seconds since this process began (proc(5), /proc/pid/stat): a slow host takes some to begin a module at all."""
    ticks = int(Path("/proc/self/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
