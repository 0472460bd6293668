# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the host: fstab and the mount table read once, one call to systemd, one process for what may hang."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ..runner import _mountinfo, _paths
from ..runner._mountinfo import Mount
from ..runner._problem import Problem
from ..volumes._mount_options import is_address
from . import _apart, _credentials, _fstab, _kinds, _place, _probe, _seen, _units
from ._desire import Desired
from ._kinds import KINDS, LIVE_TYPES
from ._seen import Seen
from ._systemctl import Systemd, View
from ._units import Texts

_HELPER_PATH = "/sbin:/usr/sbin:/bin:/usr/bin:/usr/local/sbin:/usr/local/bin"
_MOUNTING = ("mounted", "ephemeral")
_ASKED_FOR_HEALTH = ("mounted", "ephemeral", "remounted")


def helpers() -> frozenset[str]:
    """The types whose program this host has."""
    return frozenset(name for name, kind in KINDS.items() if shutil.which(kind.helper, path=_HELPER_PATH))


def look(
    desired: Sequence[Desired], systemd: Systemd, seconds: float, refreshed: Sequence[str] = ()
) -> list[Seen | Problem]:
    """What the host holds for each. ``seconds``: for all that may hang, together. Raises OSError and Problem."""
    files = {wanted.fstab: _fstab.entries(_fstab.read(wanted.fstab)) for wanted in desired}
    table = _mountinfo.mounts()
    views = _views(desired, systemd)
    present = helpers()
    drafts: list[Seen | Problem] = []
    for wanted in desired:
        try:
            drafts.append(_draft(wanted, files[wanted.fstab], table, views, present))
        except Problem as problem:
            drafts.append(Problem(f"mount {wanted.path}: {problem}"))
    answers = _apart.answers(_questions(desired, drafts), seconds)
    return [
        draft
        if isinstance(draft, Problem)
        else _answered(wanted, replace(draft, refreshed=wanted.path in refreshed), table, answers)
        for wanted, draft in zip(desired, drafts)
    ]


def units_of(path: str) -> Texts:
    """The unit files of the mount that somebody has put into /etc/systemd/system."""
    return Texts(_text(_paths.UNITS / _units.mount_unit(path)), _text(_paths.UNITS / _units.automount_unit(path)))


def drop_ins_of(path: str) -> dict[str, bool]:
    """The units that have a drop-in for the mount, and whether it says what it should."""
    name, wanted = _units.drop_in_name(path), _units.drop_in(path)
    return {file.parent.name[:-2]: _text(file) == wanted for file in _paths.UNITS.glob(f"*.d/{_globbed(name)}")}


def _draft(
    wanted: Desired,
    entries: Sequence[_fstab.Entry],
    table: Sequence[Mount],
    views: Mapping[str, View],
    present: frozenset[str],
) -> Seen:
    units = units_of(wanted.path) if wanted.fstab is None else Texts()
    live, autofs = _seen.split([mount for mount in table if mount.path == wanted.path])
    starter = units.automount or units.mount or ""
    return Seen(
        entry=_fstab.only(wanted.path, entries),
        units=units,
        enabled=_is_enabled(wanted.path, starter, units.automount is not None),
        view=views.get(_units.mount_unit(wanted.path), View()),
        automount_view=views.get(_units.automount_unit(wanted.path), View()),
        live=live,
        autofs=autofs,
        drop_ins=drop_ins_of(wanted.path) if wanted.by_systemd else {},
        unknown_units=tuple(
            unit for unit in wanted.required_by or () if views.get(unit, View()).load_state == "not-found"
        ),
        credentials_written=_has_credentials(wanted),
        helper_missing=wanted.kind is not None and wanted.kind.fstype not in present,
    )


def _views(desired: Sequence[Desired], systemd: Systemd) -> dict[str, View]:
    """One call for all units: those of the mounts, and those that shall wait for them."""
    units: dict[str, None] = {}
    for wanted in desired:
        if wanted.by_systemd:
            units[_units.mount_unit(wanted.path)] = None
            if wanted.automount:
                units[_units.automount_unit(wanted.path)] = None
            units.update(dict.fromkeys(wanted.required_by or ()))
    return systemd.views(list(units))


def _questions(desired: Sequence[Desired], drafts: Sequence[Seen | Problem]) -> dict[str, _apart.Question]:
    """What may hang: mounts that are there, directories, and names of servers."""
    questions: dict[str, _apart.Question] = {}
    for wanted, draft in zip(desired, drafts):
        if isinstance(draft, Problem):
            continue
        if draft.mount:
            if wanted.state in _ASKED_FOR_HEALTH and draft.mount.file_system in LIVE_TYPES:
                questions[f"health {wanted.path}"] = _probe.question(wanted.path)
        elif not draft.autofs:
            questions[f"place {wanted.path}"] = partial(_place.look, wanted.path)
        host = _kinds.host_of(wanted.kind, wanted.src) if wanted.kind else ""
        if host and not is_address(host) and _is_to_be_resolved(wanted, draft, host):
            questions[f"host {host}"] = partial(_resolve, host)
    return questions


def _is_to_be_resolved(wanted: Desired, seen: Seen, host: str) -> bool:
    """Nobody is asked for a name while the kernel shows just that name."""
    if seen.mount is None or wanted.kind is None:
        return wanted.state in _MOUNTING
    return _kinds.host_of(wanted.kind, seen.mount.source) != host


def _answered(wanted: Desired, seen: Seen, table: Sequence[Mount], answers: Mapping[str, Any]) -> Seen | Problem:
    found: dict[str, Any] = {}
    health, place = answers.get(f"health {wanted.path}"), answers.get(f"place {wanted.path}")
    if health is not None:
        found["health"] = _probe.health(health)
    if place is not None and (_apart.is_late(place) or _apart.error_of(place)):
        above = _mountinfo.around(wanted.path, table)
        found["hidden_by"] = above.path if above else "/"
    elif place is not None:
        found["place"] = _place.place(place)
    host = _kinds.host_of(wanted.kind, wanted.src) if wanted.kind else ""
    resolved = answers.get(f"host {host}")
    if isinstance(resolved, list):
        found["addresses"] = {host: frozenset(resolved)}
    elif resolved is not None:
        found["unresolved"] = resolved.get("message") or "no answer in time"
    return replace(seen, **found)


def _resolve(host: str) -> list[str]:
    try:
        return sorted({str(entry[4][0]) for entry in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)})
    except UnicodeError as error:
        raise OSError(0, str(error)) from None


def _has_credentials(wanted: Desired) -> bool:
    """Whether the file is as it should be; for what is to be absent, whether there is none."""
    if wanted.state == "absent":
        return not _credentials.file_of(wanted.path).exists()
    if wanted.credentials is None or wanted.kind is None:
        return True
    return _credentials.is_written(wanted.kind, wanted.path, wanted.credentials)


def _is_enabled(path: str, text: str, on_demand: bool) -> bool:
    """Whether a boot starts the unit, where its text says that one should."""
    directory = _units.enabled_in(text)
    name = _units.automount_unit(path) if on_demand else _units.mount_unit(path)
    return not directory or (_paths.UNITS / directory / name).is_symlink()


def _text(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="surrogateescape")
    except FileNotFoundError:
        return None


def _globbed(name: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)
