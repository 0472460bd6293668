# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fstab, the unit files and the drop-ins of consumers should say, and the actions that make them say it. Pure."""

from __future__ import annotations

from .._pipeline import Action
from ..runner import _paths
from ..runner._problem import Problem
from . import _credentials, _kinds, _options, _seen, _units
from ._desire import FSTAB, SYSTEMD, Desired
from ._fstab import Entry
from ._kinds import CONFIGURED_TYPES
from ._seen import GENERATED, Seen
from ._units import Texts

_OURS = "# Written by holdfast.persistence.nfs_mount"


def texts(desired: Desired) -> Texts:
    """The unit files as they should be; none for the backend fstab."""
    if desired.backend != SYSTEMD or desired.kind is None:
        return Texts()
    return _units.texts(desired.src, desired.path, desired.kind.written, desired.options)


def differences(desired: Desired, seen: Seen) -> list[str]:
    """What is configured otherwise than it should be, as clauses; empty when nothing is."""
    if seen.configured is None:
        return ["nothing is configured"]
    src, fstype, options = _seen.declared(seen)
    found = [] if _is_same_source(desired, src) else [f"src {src} → {desired.src}"]
    if not _is_same_type(desired, fstype):
        found.append(f"fstype {fstype} → {desired.entry.fstype}")
    changed = _options.differences(options, desired.options)
    if changed:
        found.append(
            "options" if desired.hidden else " ".join(option[0] + _options.masked(option[1:]) for option in changed)
        )
    if seen.entry and (seen.entry.dump, seen.entry.passno) != (desired.dump, desired.passno):
        found.append(f"dump and passno {seen.entry.dump} {seen.entry.passno} → {desired.dump} {desired.passno}")
    if desired.backend == SYSTEMD and not found and _differs_otherwise(texts(desired), seen):
        found.append("unit")
    return found


def actions(desired: Desired, seen: Seen) -> list[Action]:
    """The way to the configuration as it should be, consumers included."""
    found = []
    different = differences(desired, seen)
    if different:
        found.append(Action("configure", _sentence(desired, seen, different)))
    found += _consumers(desired, seen)
    if not found and desired.by_systemd and (seen.view.stale or seen.automount_view.stale or _seen.is_unread(seen)):
        found.append(Action("reread", f"notice that systemd has not read what is configured for {desired.path}"))
    return found


def removal(desired: Desired, seen: Seen) -> list[Action]:
    """The way to no configuration at all. It comes after the mount has gone."""
    found = []
    if seen.units.mount is not None or seen.units.automount is not None:
        _refuse_foreign_unit(desired, seen)
        found.append(Action("unconfigure_units", f"remove the units of {desired.path}"))
    if seen.entry:
        _refuse_local_line(seen.entry)
        found.append(Action("unconfigure_fstab", f"remove the line of {desired.path} from {_file(desired)}"))
    if seen.drop_ins:
        found.append(_release(desired, sorted(seen.drop_ins)))
    if not seen.credentials_written:
        found.append(Action("forget", f"remove the credentials of {desired.path}"))
    return found


def write_credentials(desired: Desired) -> Action:
    return Action("credentials", f"write the credentials of {desired.path} to {_credentials.file_of(desired.path)}")


def refuse_others(desired: Desired, seen: Seen) -> None:
    """Refuse what would leave two configurations of one mount, or change one that is somebody else's."""
    unit = _paths.UNITS / _units.mount_unit(desired.path)
    if seen.entry:
        _refuse_local_line(seen.entry)
    if desired.backend == FSTAB and seen.configured == SYSTEMD:
        raise Problem(
            f"the unit {unit} configures it too, and would win over fstab without a word. Delete the unit and reload "
            "systemd, or set backend: systemd."
        )
    if desired.backend == SYSTEMD and seen.entry:
        raise Problem(
            f"fstab configures it too: '{seen.entry}'. Delete that line and reload systemd, or set backend: fstab."
        )
    if desired.backend == SYSTEMD and seen.configured and differences(desired, seen):
        _refuse_foreign_unit(desired, seen)
    known = seen.view.fragment
    if desired.by_systemd and known and not known.startswith((GENERATED, f"{_paths.UNITS}/")):
        raise Problem(f"the unit {known} of somebody else configures it. Remove that unit first, or take another path.")


def _consumers(desired: Desired, seen: Seen) -> list[Action]:
    """What makes consumers wait for the mount. Those that nobody declares any more no longer wait."""
    if desired.required_by is None or not desired.by_systemd:
        return []
    wanted = set(desired.required_by)
    missing = sorted(unit for unit in wanted if not seen.drop_ins.get(unit))
    stray = sorted(set(seen.drop_ins) - wanted)
    found = []
    if missing:
        sentence = f"let {', '.join(missing)} not start without {desired.path}"
        found.append(Action("require", sentence, details={"units": missing}))
    if stray:
        found.append(_release(desired, stray))
    return found


def _release(desired: Desired, units: list[str]) -> Action:
    sentence = f"let {', '.join(units)} start without {desired.path}"
    return Action("release", sentence, details={"units": units})


def _sentence(desired: Desired, seen: Seen, different: list[str]) -> str:
    if desired.backend == SYSTEMD:
        told = "write" if seen.configured is None else f"change ({'; '.join(different)})"
        return f"{told} the unit {_units.mount_unit(desired.path)}"
    if seen.entry:
        return f"change the line of {desired.path} in {_file(desired)} ({'; '.join(different)})"
    return f"write the line of {desired.path} to {_file(desired)}"


def _file(desired: Desired) -> str:
    return str(desired.fstab or _paths.FSTAB)


def _is_same_source(desired: Desired, src: str) -> bool:
    if desired.kind is None:
        return True
    try:
        return _kinds.source_of(desired.kind, src) == desired.src
    except Problem:
        return False


def _is_same_type(desired: Desired, fstype: str) -> bool:
    """``nfs`` and ``nfs4`` are one type, told apart by the version among the options."""
    wanted = desired.entry.fstype
    return fstype == wanted or {fstype, wanted} <= {"nfs", "nfs4"}


def _differs_otherwise(wanted: Texts, seen: Seen) -> bool:
    """Whether the units differ in more than the order of options, which was compared by meaning already."""
    pairs = ((wanted.mount, seen.units.mount), (wanted.automount, seen.units.automount))
    return not seen.enabled or any(_without_options(new) != _without_options(old) for new, old in pairs)


def _without_options(text: str | None) -> str | None:
    if text is None:
        return None
    return "\n".join(line for line in text.splitlines() if not line.startswith(("Options=", "Timeout")))


def _refuse_foreign_unit(desired: Desired, seen: Seen) -> None:
    for text in (seen.units.mount, seen.units.automount):
        if text is not None and not text.startswith(_OURS):
            raise Problem(
                f"the unit {_paths.UNITS / _units.mount_unit(desired.path)} was written by somebody else. Delete it "
                "and reload systemd, and run again."
            )


def _refuse_local_line(entry: Entry) -> None:
    if entry.fstype not in CONFIGURED_TYPES:
        raise Problem(
            f"fstab has a line for it that is no network mount: '{entry}'. Take ansible.posix.mount for "
            "it, or correct path."
        )
