# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An export as the task wants it, checked before anything is looked at."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..directories import _ownership
from ..directories._ownership import Ownership
from ..runner._problem import Problem
from . import _clients, _fsid, _options
from ._place import file_of

OPTIONS: Mapping[str, Any] = {
    "clients": {
        "type": "list",
        "elements": "dict",
        "options": {
            "host": {"type": "str", "required": True},
            "options": {"type": "list", "elements": "str", "default": []},
            "accept": {"type": "list", "elements": "str", "choices": list(_options.ACCEPTABLE), "default": []},
        },
    },
    "mountpoint": {"type": "str"},
    "fsid": {"type": "str"},
    **_ownership.OPTIONS,
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


@dataclass(frozen=True)
class Client:
    """Who may mount it, and how; both as they are written."""

    host: str
    options: tuple[str, ...]


@dataclass(frozen=True)
class Desired:
    """An export as the task wants it."""

    path: str
    clients: tuple[Client, ...] = ()
    fsid: str = ""
    mountpoint: str | None = None
    """Where something has to be mounted. None: at the path, if something is or was."""
    ownership: Ownership = field(default_factory=Ownership)
    """Of the directory itself. Nothing declared: it has to be there, as it is."""
    present: bool = True


def desire(item: Mapping[str, Any]) -> Desired:
    """The item's options as desired state. Names of users and groups are looked up on this host."""
    path = str(item["path"])
    try:
        _check_path("path", path)
        if path == "/":
            raise Problem("path: / would give the whole host away. Export a directory of its own, such as /srv/shared.")
        file_of(path)
        present = item["state"] == "present"
        return Desired(
            path,
            _clients_of(item["clients"] or ()) if present else (),
            _fsid.derived(path) if item["fsid"] is None else _fsid.checked(item["fsid"]),
            _mountpoint_of(path, item["mountpoint"]),
            _ownership.ownership_of(item),
            present,
        )
    except Problem as problem:
        raise Problem(f"export {path}: {problem}") from problem


def _clients_of(items: Sequence[Mapping[str, Any]]) -> tuple[Client, ...]:
    if not items:
        raise Problem("clients: is empty, so nobody could mount it. Name at least one host, network or netgroup.")
    clients: dict[str, Client] = {}
    for item in items:
        host = _clients.checked(str(item["host"]))
        if host in clients:
            raise Problem(f"clients: {host} is in the list twice. Keep one of them.")
        accepted = item["accept"] or ()
        if _clients.is_everybody(host) and "any_host" not in accepted:
            raise Problem(
                f"clients: {host} is every host that reaches this server. Name hosts or networks, or put any_host into "
                "accept if that is meant."
            )
        try:
            clients[host] = Client(host, _options.hardened(item["options"] or (), accepted))
        except Problem as problem:
            raise Problem(f"clients: {host}: {problem}") from problem
    return tuple(clients.values())


def _mountpoint_of(path: str, given: str | None) -> str | None:
    if given is None:
        return None
    _check_path("mountpoint", given)
    if path != given and not path.startswith(f"{given.rstrip('/')}/"):
        raise Problem(
            f"mountpoint: {path} does not lie beneath {given}. Name the mount point of the disk that holds it."
        )
    if path != given and set(given) & set(",()"):
        raise Problem(f"mountpoint: {given} has a sign that exportfs takes for an end. Mount the disk elsewhere.")
    return given


def _check_path(option: str, path: str) -> None:
    plain = path.startswith("/") and not path.startswith("//") and path == os.path.normpath(path)
    if not plain or not path.isprintable():
        raise Problem(
            f"{option}: {path!r} is not an absolute plain path. Write it from / on, without '.', '..', signs that "
            "cannot be printed, and without '/' at its end."
        )
