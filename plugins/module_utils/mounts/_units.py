# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Texts and names of mount and automount units, and of the drop-ins of those who need a mount. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ..runner._problem import Problem
from . import _options
from ._options import Options

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.")
_UNIT = re.compile(r"[A-Za-z0-9:_.\\@-]+\.(service|socket|target|timer|path|mount|automount|scope|slice)")
_HEADER = "# Written by holdfast.persistence.nfs_mount, which replaces it.\n"
_UNIT_OPTIONS = {
    "x-systemd.requires": "Requires",
    "x-systemd.wants": "Wants",
    "x-systemd.before": "Before",
    "x-systemd.after": "After",
    "x-systemd.requires-mounts-for": "RequiresMountsFor",
}
"""Options of fstab that stand in the unit itself (systemd.mount(5))."""
_ELSEWHERE = ("x-systemd.automount", "x-systemd.idle-timeout", "x-systemd.mount-timeout", "auto", "noauto")
_TARGET = "remote-fs.target"


@dataclass(frozen=True)
class Texts:
    """What the unit files hold. None: there is to be none."""

    mount: str | None = None
    automount: str | None = None


def escaped(path: str) -> str:
    """The path as systemd writes it in names of units (systemd-escape --path)."""
    stripped = path.strip("/")
    if not stripped:
        return "-"
    escape = "".join(_escaped(character) for character in stripped)
    return escape if not escape.startswith(".") else f"\\x2e{escape[1:]}"


def mount_unit(path: str) -> str:
    return f"{escaped(path)}.mount"


def automount_unit(path: str) -> str:
    return f"{escaped(path)}.automount"


def texts(src: str, path: str, fstype: str, options: Options) -> Texts:
    """The units of a mount whose options are those that fstab would hold. Raises Problem for what units cannot say."""
    automount = "x-systemd.automount" in options
    install = "" if "noauto" in options else _install(options)
    dependencies = [
        f"{_UNIT_OPTIONS[name]}={_value(text)}\n" for name, text in _pairs(options) if name in _UNIT_OPTIONS
    ]
    kept = [option for option in options if not option.startswith("x-systemd.") and option not in _ELSEWHERE]
    unknown = [name for name, _text in _pairs(options) if name.startswith("x-systemd.") and not _is_known(name)]
    if unknown:
        raise Problem(f"opts: a unit cannot say {unknown[0]}. Take it out, or take backend: fstab.")
    timeout = _options.value("x-systemd.mount-timeout", options)
    mount = [
        _HEADER,
        f"[Unit]\nDescription=Network mount at {_value(path)}\n",
        *dependencies,
        f"\n[Mount]\nWhat={_value(src)}\nWhere={_value(path)}\nType={fstype}\n",
        f"Options={_value(_options.joined(kept))}\n",
        f"TimeoutSec={_value(timeout)}\n" if timeout else "",
        "" if automount else install,
    ]
    idle = _options.value("x-systemd.idle-timeout", options)
    on_demand = [
        _HEADER,
        f"[Unit]\nDescription=Network mount at {_value(path)} on demand\n",
        f"\n[Automount]\nWhere={_value(path)}\n",
        f"TimeoutIdleSec={_value(idle)}\n" if idle else "",
        install,
    ]
    return Texts("".join(mount), "".join(on_demand) if automount else None)


def drop_in(path: str) -> str:
    """What makes a unit wait for the mount, and not start without it."""
    return f"{_HEADER}[Unit]\nRequiresMountsFor={_quoted(path)}\n"


def drop_in_name(path: str) -> str:
    return f"holdfast-{escaped(path)}.conf"


def check_unit(name: str) -> str:
    """Refuse what is no name of a unit; it becomes part of a path. Raises Problem."""
    if not _UNIT.fullmatch(name):
        raise Problem(f"required_by: '{name}' is no name of a unit. Write it in full, such as docker.service.")
    return name


def enabled_in(text: str) -> str:
    """Where the unit's link lies when it is enabled, such as ``remote-fs.target.wants``; empty when it is not to be."""
    for word, directory in (("WantedBy=", "wants"), ("RequiredBy=", "requires")):
        if f"\n{word}" in text:
            return f"{_TARGET}.{directory}"
    return ""


def settings(text: str) -> Mapping[str, str]:
    """The settings of a unit file, by name; of several the last one."""
    pairs = [line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith(("#", ";"))]
    return {name.strip(): _plain(value.strip()) for name, _equals, value in pairs}


def _install(options: Iterable[str]) -> str:
    return f"\n[Install]\n{'WantedBy' if 'nofail' in options else 'RequiredBy'}={_TARGET}\n"


def _pairs(options: Iterable[str]) -> list[tuple[str, str]]:
    return [(name, text) for name, _equals, text in (option.partition("=") for option in options)]


def _is_known(name: str) -> bool:
    return name in _UNIT_OPTIONS or name in _ELSEWHERE


def _value(text: str) -> str:
    """A value in a unit, where ``%`` begins a specifier."""
    return text.replace("%", "%%")


def _plain(value: str) -> str:
    return value.replace("%%", "%")


def _quoted(path: str) -> str:
    """One word of a list."""
    safe = _value(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{safe}"' if re.search(r"[\s\"'\\]", path) else safe


def _escaped(character: str) -> str:
    if character == "/":
        return "-"
    if character in _PLAIN:
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))
