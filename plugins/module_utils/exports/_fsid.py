# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients know an export by: stable whatever happens to the disk, and no other export's (exports(5), fsid)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable

from ..runner._problem import Problem
from ._syntax import Entry

_NAMESPACE = uuid.UUID("0a4f7a4e-8f6d-5c0b-9f53-3f1f0c7c2b11")
"""Never changes: every derived fsid would change with it, and all clients would hold stale handles."""
_LARGEST = 2**32 - 1


def derived(path: str) -> str:
    """The same on every server for the same path, so that clients survive a failover to a replica of the data."""
    return str(uuid.uuid5(_NAMESPACE, path))


def checked(fsid: str) -> str:
    """A declared one in the form of the file. Raises :class:`Problem`."""
    if fsid == "root":
        return "0"
    if fsid.isdecimal() and int(fsid) <= _LARGEST:
        return str(int(fsid))
    if re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", fsid):
        return fsid.lower()
    raise Problem(f"fsid: '{fsid}' is none. Write a UUID, a number up to {_LARGEST}, or root; or leave it out.")


def of(options: Iterable[str]) -> str:
    """The one among the options, in the form that two of them can be compared in; empty when there is none."""
    for option in options:
        name, _equals, value = option.partition("=")
        if name == "fsid":
            return "0" if value == "root" else re.sub("[:-]", "", value).lower()
    return ""


def taken(fsid: str, others: Iterable[Entry]) -> Entry | None:
    """Whose export of another path has it already."""
    wanted = of([f"fsid={fsid}"])
    return next((entry for entry in others if of(entry.options) == wanted), None)
