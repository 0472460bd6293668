# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What this host remembers of a volume: who it is, whether it is protected, and where its first content came from.

Kept outside the volume, since some images refuse a directory that is not empty, and outside Docker, which cannot
change a label. Root's alone, one file a volume.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from ..runner import _files, _paths
from ..runner._problem import Problem

_SCHEMA = 1


@dataclass(frozen=True)
class Origin:
    """Where the first content of a volume came from."""

    source: str
    """In words: "archive /srv/seed.tar.gz", "volume pgdata", "container db at /data"."""
    digest: str
    """``sha256:`` and the digest of the manifest of what was brought in; empty where there was nothing to bring."""
    at: str
    """ISO 8601 in UTC."""


@dataclass(frozen=True)
class Provenance:
    """What is remembered. A file of a namesake that is gone tells nothing of this volume."""

    uuid: str = ""
    """The volume's own label, or what this host gave to one that has none."""
    is_label: bool = False
    protected: bool | None = False
    """None where this user may not know."""
    seeded: Origin | None = None
    adopted: Origin | None = None
    hydrated: Origin | None = None
    hands_down: bool = False
    """Its first use, at which owner and group are handed down to all that it holds, is still to come."""

    @property
    def has_begun(self) -> bool:
        """Whether its first content was brought in: whatever it holds now, that is not done again."""
        return any(getattr(self, origin) for origin in ORIGINS)


ORIGINS = ("seeded", "adopted", "hydrated")
NOTHING = Provenance()
UNREADABLE = Provenance(protected=None)


def load(name: str, label: str | None) -> Provenance:
    """What is remembered of the volume that has this UUID as its label, if it has one; nothing for a namesake of it.

    Problem when the file is not sound: a protection that cannot be read is not taken for none.
    """
    path = _paths.provenance_file(name)
    try:
        data = json.loads(path.read_bytes())
        schema = data.pop("schema")
        if schema != _SCHEMA:
            raise Problem(
                f"volume {name}: {path} has schema {schema}, and this program knows {_SCHEMA}: it was written by a "
                "newer version of the collection. Use that one."
            )
        known = _from_json(data)
    except FileNotFoundError:
        return Provenance(label or "", label is not None)
    except PermissionError:
        return UNREADABLE
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Problem(
            f"volume {name}: what this host remembers of it in {path} is not sound ({error}). Move the file away, and "
            "declare again whether the volume is protected."
        ) from None
    is_same = known.uuid == label if label is not None else not known.is_label
    return known if is_same else Provenance(label or "", label is not None)


def update(name: str, label: str | None, **changes: Any) -> Provenance:
    """Remember these fields besides what is remembered already, durably."""
    path = _paths.provenance_file(name)
    _files.private_directory(_paths.STATE)
    _files.private_directory(path.parent)
    changed = replace(load(name, label), **changes)
    _files.write(path, (json.dumps({"schema": _SCHEMA, **asdict(changed)}, indent=2) + "\n").encode(), 0o600)
    return changed


def forget(name: str) -> None:
    """The volume is gone: nothing of it is remembered."""
    path = _paths.provenance_file(name)
    if path.exists():
        _files.remove(path)


def _from_json(data: Mapping[str, Any]) -> Provenance:
    """A newer program of the same schema may have added fields; they tell this one nothing."""
    names = {each.name for each in fields(Provenance)}
    known = {name: value for name, value in data.items() if name in names}
    for origin in ORIGINS:
        known[origin] = Origin(**known[origin]) if known.get(origin) else None
    return Provenance(**known)
