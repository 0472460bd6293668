# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mount as it is, in its three layers: the configuration, systemd's view, and what the kernel has mounted. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..runner._mountinfo import Mount
from ..runner._problem import Problem
from . import _kinds, _live, _options, _units
from ._fstab import Entry
from ._kinds import Kind
from ._options import Options
from ._place import Place
from ._probe import Health
from ._systemctl import View
from ._units import Texts

AUTOFS = "autofs"
GENERATED = "/run/systemd/generator"
"""Below it lies what systemd made of fstab."""


@dataclass(frozen=True)
class Seen:
    """What the host holds of one mount."""

    entry: Entry | None = None
    units: Texts = field(default_factory=Texts)
    """The unit files of this mount in /etc/systemd/system."""
    enabled: bool = False
    """Whether the unit file that a boot starts has its link."""
    view: View = field(default_factory=View)
    automount_view: View = field(default_factory=View)
    live: tuple[Mount, ...] = ()
    """What is mounted at exactly this path; of several, the last one is seen."""
    autofs: bool = False
    """Whether systemd waits there to mount on demand."""
    place: Place | None = None
    """The directory, where nothing is mounted; None when that may never be known, or does not matter."""
    hidden_by: str = ""
    """The mount above it that does not answer."""
    drop_ins: Mapping[str, bool] = field(default_factory=dict)
    """Unit → whether its drop-in for this mount says what it should."""
    unknown_units: tuple[str, ...] = ()
    """Units of ``required_by`` that systemd does not know."""
    credentials_written: bool = True
    health: Health | None = None
    addresses: _live.Addresses = field(default_factory=dict)
    unresolved: str = ""
    """Why the server's name could not be resolved."""
    helper_missing: bool = False
    refreshed: bool = False
    """Whether this run has remounted it already."""
    predicting: bool = False
    """In check mode, where an earlier task may still bring what is missing."""

    @property
    def mount(self) -> Mount | None:
        return self.live[-1] if self.live else None

    @property
    def configured(self) -> str | None:
        if self.units.mount is not None or self.units.automount is not None:
            return "systemd"
        return "fstab" if self.entry else None


def split(found: Sequence[Mount]) -> tuple[tuple[Mount, ...], bool]:
    """The mounts at one path without systemd's own, and whether that is among them."""
    return tuple(mount for mount in found if mount.file_system != AUTOFS), any(
        mount.file_system == AUTOFS for mount in found
    )


def declared(seen: Seen) -> tuple[str, str, Options]:
    """Source, type and options as they are configured; empty ones when nothing is."""
    if seen.units.mount is not None:
        settings = _units.settings(seen.units.mount)
        return settings.get("What", ""), settings.get("Type", ""), _of_units(seen.units, settings)
    if seen.entry:
        return seen.entry.src, seen.entry.fstype, _split(seen.entry.opts)
    return "", "", ()


def shown(path: str, seen: Seen, hidden: bool = False) -> dict[str, Any] | None:
    """In the form of the module's result; None when it is neither configured nor mounted."""
    if seen.configured is None and seen.mount is None and not seen.autofs:
        return None
    src, fstype, options = declared(seen)
    mount = seen.mount
    return {
        "path": path,
        "src": src or (mount.source if mount else ""),
        "fstype": fstype or (mount.file_system if mount else ""),
        "opts": told(options, hidden),
        "configured": seen.configured,
        "automount": seen.autofs,
        "mounted": mount is not None,
        "health": seen.health.state if seen.health else None,
        "required_by": sorted(seen.drop_ins),
    }


def told(options: Options, hidden: bool = False) -> list[str]:
    """The options as they are shown to people."""
    return ["(hidden)"] if hidden and options else [_options.masked(option) for option in options]


def layers(seen: Seen) -> list[str]:
    """Where configuration, systemd and kernel disagree about one mount, as clauses; empty when they agree."""
    found = []
    src, fstype, options = declared(seen)
    kind = _kind(fstype)
    if seen.entry and seen.units.mount is not None:
        found.append("fstab and a unit file both configure it, and the unit file wins")
    if seen.configured and (seen.view.stale or is_unread(seen)):
        found.append("systemd has not read what is configured: systemctl daemon-reload is due")
    if seen.mount and kind and src:
        if not _live.is_same_source(kind, _plain_source(kind, src), seen.mount, seen.addresses):
            found.append(f"{src} is configured, and {seen.mount.source} is mounted")
        else:
            different = _live.differences(kind, options, seen.mount)
            found += [f"mounted with other options than configured: {one}" for one in different]
    if len(seen.live) > 1:
        found.append(f"{len(seen.live)} file systems are mounted upon each other")
    if seen.configured and not seen.mount and not seen.autofs and "noauto" not in options:
        found.append("it is configured and not mounted")
    return found


def is_unread(seen: Seen) -> bool:
    """Whether systemd knows the mount from elsewhere than where it is configured, or not at all."""
    if seen.configured == "fstab":
        return not seen.view.fragment.startswith(GENERATED)
    return not seen.view.fragment or seen.view.fragment.startswith(GENERATED)


def _of_units(units: Texts, settings: Mapping[str, str]) -> Options:
    """The options of a unit as fstab would hold them."""
    found = list(_split(settings.get("Options", "")))
    if settings.get("TimeoutSec"):
        found.append(f"x-systemd.mount-timeout={settings['TimeoutSec']}")
    if units.automount is not None:
        found.append("x-systemd.automount")
        idle = _units.settings(units.automount).get("TimeoutIdleSec")
        found += [f"x-systemd.idle-timeout={idle}"] if idle else []
    if not _units.enabled_in(units.automount or units.mount or ""):
        found.append("noauto")
    return tuple(found)


def _split(opts: str) -> Options:
    """Options that others wrote; what cannot be parsed is one option."""
    try:
        return _options.split(opts)
    except Problem:
        return (opts,)


def _kind(fstype: str) -> Kind | None:
    try:
        return _kinds.kind_of(fstype)
    except Problem:
        return None


def _plain_source(kind: Kind, src: str) -> str:
    try:
        return _kinds.source_of(kind, src)
    except Problem:
        return src
