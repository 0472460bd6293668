# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What would be exported, and complained of, if the task's lines were in place; nothing is in place yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..directories._ownership import Ownership
from . import _host, _place, _rehearsal
from ._declared import Desired
from ._export import Seen, text_of
from ._host import Tables
from ._syntax import Entry, entries

Pair = tuple[Desired, Seen]


class Forecast:
    """Of one call of exportfs for all items together."""

    def __init__(self, program: str, pairs: Sequence[Pair], texts: Mapping[Path, str], tables: Tables) -> None:
        """Rehearses, and once more with the files as they are if there are complaints. Raises Problem, and OSError."""
        own = [(wanted, seen) for wanted, seen in pairs if not _host.of_path(wanted.path, seen.others)]
        self._paths = {wanted.path for wanted, _seen in own}
        """Those that are not somebody else's."""
        self._texts = {wanted.path: text_of(wanted, seen) for wanted, seen in own if wanted.present}
        replaced = {_place.file_of(path) for path in self._paths}
        candidate = {file: text for file, text in texts.items() if file not in replaced}
        candidate.update({_place.file_of(path): text for path, text in self._texts.items()})
        outcome = _rehearsal.rehearse(program, _in_directory(candidate))
        self.table = outcome.table
        self.known: tuple[str, ...] = ()
        """What exportfs complains of without the task's lines."""
        if outcome.complaints:
            self.known = _rehearsal.rehearse(program, _in_directory(texts)).complaints
        to_come = [wanted.path for wanted, seen in own if wanted.present and seen.directory in (None, Ownership())]
        complaints = [
            said for said in outcome.complaints if not any(_host.is_of_directory(said, path) for path in to_come)
        ]
        self._complaints = {wanted.path: _of_item(wanted, complaints) for wanted, _seen in pairs}
        told = {said for mine in self._complaints.values() for said in mine}
        self._strange = [said for said in complaints if said not in told and said in self.known]
        self._new = [said for said in complaints if said not in told and said not in self.known]
        self._tables = tables

    def upon(self, wanted: Desired, seen: Seen) -> Seen:
        """What is known of an item, with what exportfs would make of it."""
        said = [*self._complaints[wanted.path], *self._new]
        siblings = (entry for path, text in self._texts.items() if path != wanted.path for entry in _of(path, text))
        return replace(
            seen,
            rehearsed=tuple(entry for entry in self.table if entry.path == wanted.path),
            refusals=(*seen.refusals, *(f"exportfs would not take it: {complaint}." for complaint in said)),
            hindrance=self._hindrance(),
            siblings=tuple(siblings),
        )

    def warnings(self) -> list[str]:
        """What others should know of, and this call neither makes nor mends."""
        told = [f"exportfs complains of lines that are not this task's: {said}" for said in self._strange]
        foreign = [entry for entry in self.table if entry.path not in self._paths]
        if self._tables.running:
            told += [
                f"{entry.path} for {entry.host} is not live as its file says; it will be when exportfs runs."
                for entry in _host.changed(self._tables.live, foreign)
            ]
        return told

    def _hindrance(self) -> str:
        """Why exportfs must not run at all: it would take away what is live and none of this task's."""
        lost = [entry for entry in _host.lost(self._tables.live, self.table) if entry.path not in self._paths]
        if not lost:
            return ""
        names = ", ".join(f"{entry.path} for {entry.host}" for entry in lost)
        because = f" exportfs says: {'; '.join(self._strange)}." if self._strange else " No file holds it any more."
        return (
            f"exportfs -r would end exports that are live and not this task's: {names}.{because} Mend the line, write "
            "what is missing into a file, or end it knowingly with exportfs -u; then run again."
        )


def _of_item(wanted: Desired, complaints: Iterable[str]) -> list[str]:
    name = _place.file_of(wanted.path).name
    hosts = [client.host for client in wanted.clients]
    return [said for said in complaints if _host.of_item(said, name, wanted.path, hosts)]


def _of(path: str, text: str) -> tuple[Entry, ...]:
    return entries(text, str(_place.file_of(path)))


def _in_directory(texts: Mapping[Path, str]) -> dict[str, str]:
    return {file.name: text for file, text in texts.items() if file.parent == _place.DIRECTORY}
