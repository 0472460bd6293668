# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which snapshot a person means, and what it holds. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Sequence

from ._problem import Problem
from ._restic import Snapshot

LATEST = "latest"
PARTIAL = "partial"
"""The tag of a snapshot in which something is missing that could not be read."""
_SCHEMA = 1
_ID = re.compile(r"[0-9a-f]{4,64}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?(Z|[+-]\d{2}:\d{2})?")


class NoSnapshot(Problem):
    """The repository opened, and holds no snapshot of the job: the one answer that can mean a first boot."""


class NotInSnapshot(NoSnapshot):
    """There is a snapshot, and the source was not one of the job's when it was made."""


@dataclass(frozen=True)
class Origin:
    """A source of a snapshot."""

    kind: str
    """``volume`` or ``path``."""
    name: str
    path: str
    """Where it lies in the snapshot."""
    only_by_name: bool = False
    """It comes back only when it is asked for: dumps are for a database to load, and have no place of their own."""

    @property
    def label(self) -> str:
        return f"{self.kind} {self.name}"


def check_wanted(wanted: str) -> None:
    """Problem unless the text is ``latest``, the beginning of an id, or a time."""
    if wanted != LATEST and not _ID.fullmatch(wanted):
        moment(wanted)


def moment(text: str) -> datetime:
    """A time such as ``2026-01-01T02:00Z``, in UTC; without a zone it is taken as UTC. Problem on anything else."""
    try:
        if not _MOMENT.fullmatch(text):
            raise ValueError(text)
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Problem(
            f"snapshot {text!r}: not understood. Give latest, at least 4 digits of an id, or a time with hours and "
            "minutes such as 2026-01-01T02:00Z (the latest snapshot at or before it)."
        ) from None
    return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).astimezone(timezone.utc)


def choose(snapshots: Sequence[Snapshot], wanted: str, job: str, host: str, repository: str) -> tuple[Snapshot, str]:
    """The snapshot that is wanted, of those of this job and host, which come oldest first; and a warning about it.

    One that is partial is chosen only by its id.
    """
    noun = f"job {job}: repository {repository}"
    if not snapshots:
        raise NoSnapshot(
            f"{noun}: opens, and holds no snapshot of this job by host {host}. "
            "If it was made by another host or under another host name, name that: --from-host with the command, "
            "from_host in the module."
        )
    first, last = words(snapshots[0].time), words(snapshots[-1].time)
    span = f"It has {len(snapshots)}, from {first} to {last}" if len(snapshots) > 1 else f"It has one, of {last}"
    if wanted != LATEST and _ID.fullmatch(wanted):
        found = [snapshot for snapshot in snapshots if snapshot.id.startswith(wanted)]
        if len(found) == 1:
            return found[0], _partial_words(noun, found[0])
        many = f"{len(found)} begin with it" if found else "none begins with it"
        raise Problem(
            f"{noun}: snapshot {wanted}: of those of this job by host {host}, {many}. {span}: list them with holdfast "
            f"snapshots {job}."
        )
    before = [snapshot for snapshot in snapshots if wanted == LATEST or snapshot.time <= moment(wanted)]
    if not before:
        raise Problem(f"{noun}: no snapshot of this job by host {host} at or before {wanted}. {span}.")
    whole = [snapshot for snapshot in before if PARTIAL not in snapshot.tags]
    if not whole:
        raise Problem(
            f"{noun}: snapshot {wanted}: of those of this job by host {host}, all {len(before)} that could be meant "
            "are partial: something could not be read when they were made. To restore what the newest of them holds, "
            f"name it by its id, {before[-1].short_id} ({words(before[-1].time)})."
        )
    return whole[-1], "" if whole[-1] is before[-1] else _skipped_words(noun, before[-1], whole[-1])


def _partial_words(noun: str, chosen: Snapshot) -> str:
    if PARTIAL not in chosen.tags:
        return ""
    return (
        f"{noun}: snapshot {chosen.short_id} ({words(chosen.time)}) is partial: something could not be read when it "
        "was made, and does not come back with it."
    )


def _skipped_words(noun: str, skipped: Snapshot, chosen: Snapshot) -> str:
    return (
        f"{noun}: snapshot {skipped.short_id} ({words(skipped.time)}) is partial and was skipped for the older "
        f"{chosen.short_id} ({words(chosen.time)}). To restore what the newer one holds, name it by its id."
    )


def origins(manifest: bytes, snapshot: Snapshot, job: str) -> list[Origin]:
    """The sources of the snapshot, from its manifest. One inside another comes back with that one."""
    noun = f"job {job}: snapshot {snapshot.short_id}"
    try:
        data = json.loads(manifest)
        found = [Origin("volume", str(name), str(path)) for name, path in data["volumes"].items()]
        found += [Origin("path", str(path), str(path)) for path in data["paths"]]
        dumps = str(data.get("dumps") or "")
        found += [Origin("path", dumps, dumps, only_by_name=True)] if dumps else []
        schema = data["schema"]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(f"{noun}: its manifest is not understood ({error!r}). Restore it with restic by hand.") from None
    if schema != _SCHEMA:
        raise Problem(f"{noun}: its manifest has schema {schema}, this program knows {_SCHEMA}. Use a newer holdfast.")
    return [one for one in found if one.only_by_name or not any(_inside(one, other) for other in found)]


def excluded(manifest: bytes) -> tuple[str, ...]:
    """The patterns of what the job did not save, from a manifest that :func:`origins` understands."""
    return tuple(str(pattern) for pattern in json.loads(manifest).get("exclude") or ())


def content_manifest(manifest: bytes) -> tuple[str, bool]:
    """Where in the snapshot its content manifest lies, and whether it has hashes; empty when there is none."""
    data = json.loads(manifest)
    return str(data.get("entries") or ""), data.get("manifest") == "sha256"


def excluded_at(patterns: Sequence[str], source: str) -> list[str]:
    """Those that may have kept something of the source, a path in the snapshot, out of it."""
    return [pattern for pattern in patterns if not pattern.startswith("!") and _may_match(pattern, source)]


def _may_match(pattern: str, source: str) -> bool:
    """Only a pattern from / on can be told to lie elsewhere, by what comes before its first wildcard."""
    fixed = re.split(r"[*?\[\\]", pattern, maxsplit=1)[0]
    if not pattern.startswith("/"):
        return True
    if fixed == pattern:
        return f"{pattern.rstrip('/')}/".startswith(f"{source.rstrip('/')}/") or source.startswith(f"{pattern}/")
    return fixed.startswith(f"{source.rstrip('/')}/") or source.startswith(fixed)


def select(found: Sequence[Origin], volume: str | None, path: str | None, job: str, snapshot: Snapshot) -> list[Origin]:
    """What of the snapshot is wanted: one volume, one path, or everything."""
    if not volume and not path:
        whole = [origin for origin in found if not origin.only_by_name]
        if whole:
            return whole
        dumps = ", ".join(origin.path for origin in found)
        raise Problem(
            f"job {job}: snapshot {snapshot.short_id}: holds nothing but dumps, which are for their databases to load. "
            f"Bring them back by name, beside: holdfast restore {job} --path {dumps} --mode new --target DIRECTORY."
        )
    wanted = Origin("volume", volume, "") if volume else Origin("path", str(path), "")
    chosen = [origin for origin in found if origin.label == wanted.label]
    if not chosen:
        known = ", ".join(origin.label for origin in found) or "nothing"
        raise NotInSnapshot(
            f"job {job}: snapshot {snapshot.short_id}: {wanted.label} is not in it. It holds {known}. "
            "Name one of these, or choose another snapshot."
        )
    return chosen


def words(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _inside(one: Origin, other: Origin) -> bool:
    return one.kind == other.kind == "path" and one.path.startswith(other.path.rstrip("/") + "/")
