# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports as a resource of the pipeline; what to do is decided in ``_export``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from .._pipeline import Action, Plan, Resource
from .._privilege import require_root
from ..directories._ownership import Ownership
from ..runner import _files, _mountinfo
from ..runner._problem import Problem
from . import _directory, _host, _place, _prerequisites, _rehearsal
from ._declared import Desired, desire
from ._export import EXPORTING, Seen, mountpoint_of, plan
from ._forecast import Forecast
from ._host import Tables

_MODE = 0o644


class Exports(Resource[Desired, Seen]):
    """The exports of one host."""

    noun = "export"
    plural = "exports"
    key = "path"

    def __init__(self, module: AnsibleModule) -> None:
        self._module = module
        self._program = module.get_bin_path("exportfs", opt_dirs=["/usr/sbin", "/sbin"])
        self._known: tuple[str, ...] = ()
        """What exportfs complained of before this call changed anything."""
        self._replaced: dict[Path, str | None] = {}
        """What was in the files that this call wrote or removed."""

    def desire(self, item: Mapping[str, Any]) -> Desired:
        return desire(item)

    def plan(self, desired: Desired, observed: Seen) -> Plan:
        return plan(desired, observed)

    def observe(self, desired: Sequence[Desired]) -> Sequence[Seen | Problem]:
        require_root("nfs_export", f"the files in {_place.DIRECTORY} and the server's table")
        _host.check_state()
        texts, tables = _host.files(), _host.tables()
        mounts = frozenset(mount.path for mount in _mountinfo.mounts())
        seen = [self._look(wanted, texts, tables, mounts) for wanted in desired]
        return self._forecast(desired, seen, texts, tables) if self._program else seen

    def apply(self, desired: Desired, action: Action) -> None:
        try:
            if action.verb == "make":
                _directory.make(desired.path, action.details["wanted"])
            elif action.verb == "set":
                _directory.shape(desired.path, action.details["wanted"])
            elif action.verb == "write":
                self._replace(_place.file_of(desired.path), action.details["text"])
            elif action.verb == "remove":
                self._replace(_place.file_of(desired.path), None)
        except Problem as problem:
            raise Problem(f"export {desired.path}: {problem}") from problem

    def settling(self, actions: Sequence[Action]) -> str:
        exporting = any(action.verb in EXPORTING for action in actions)
        return "have the server take over the exports (exportfs -r)" if exporting else ""

    def settle(self) -> None:
        """Have all files read. What exportfs then complains of for the first time makes them what they were."""
        complaints = self._new_complaints()
        if not complaints:
            return
        for file, text in self._replaced.items():
            _write(file, text)
        live = "" if self._new_complaints() else " and so are the exports"
        raise Problem(
            f"exports: exportfs complains: {'; '.join(complaints)}. The files are as they were{live}. Mend that, and "
            "run again."
        )

    def _new_complaints(self) -> list[str]:
        return [said for said in _rehearsal.run(str(self._program)) if said not in self._known]

    def _replace(self, file: Path, text: str | None) -> None:
        self._replaced.setdefault(file, _host.text(file))
        _write(file, text)

    def _look(
        self, wanted: Desired, texts: Mapping[Path, str], tables: Tables, mounts: frozenset[str]
    ) -> Seen | Problem:
        """What is there, as far as it can be told without exportfs."""
        file = _place.file_of(wanted.path)
        try:
            directory, missing, is_empty = _directory.look(wanted.path)
        except (Problem, OSError) as error:
            if wanted.present:
                return Problem(f"export {wanted.path}: {error}")
            directory, missing, is_empty = None, (), True
        if not self._program and (wanted.present or file in texts):
            return Problem(f"export {wanted.path}: exportfs is not there. Install nfs-kernel-server, and run again.")
        seen = Seen(
            file=texts.get(file),
            live=tuple(entry for entry in tables.live if entry.path == wanted.path),
            kernel=tuple(entry for entry in tables.kernel if entry.path == wanted.path),
            running=tables.running,
            mounts=mounts,
            directory=directory,
            missing=missing,
            is_empty=is_empty,
            others=_host.foreign(texts, file),
        )
        return self._with_needs(wanted, seen) if wanted.present else seen

    def _with_needs(self, wanted: Desired, seen: Seen) -> Seen:
        """The same with what is missing. In check mode an earlier task may have promised it, and it is a warning."""
        needs = list(_prerequisites.missing([option for client in wanted.clients for option in client.options]))
        if not self._module.check_mode:
            return replace(seen, refusals=tuple(needs))
        place = mountpoint_of(wanted, seen)
        if place and place not in seen.mounts:
            needs.append(f"Nothing is mounted at {place}.")
            seen = replace(seen, mounts=seen.mounts | {place})
        if seen.directory is None and wanted.ownership == Ownership():
            needs.append("The directory does not exist.")
            seen = replace(seen, directory=Ownership())
        told = [f"export {wanted.path}: {need} The real run refuses unless that is mended by then." for need in needs]
        return replace(seen, warnings=tuple(told))

    def _forecast(
        self, desired: Sequence[Desired], seen: Sequence[Seen | Problem], texts: Mapping[Path, str], tables: Tables
    ) -> Sequence[Seen | Problem]:
        pairs = [(wanted, of) for wanted, of in zip(desired, seen) if isinstance(of, Seen)]
        if not pairs:
            return seen
        forecast = Forecast(str(self._program), pairs, texts, tables)
        self._known = forecast.known
        upon = [forecast.upon(wanted, of) if isinstance(of, Seen) else of for wanted, of in zip(desired, seen)]
        warnings = forecast.warnings()
        if not tables.running and any(wanted.present for wanted in desired):
            warnings.append(
                "the NFS server does not run, so nobody can mount the exports; it takes them over at start."
            )
        first = next(index for index, of in enumerate(upon) if isinstance(of, Seen))
        of = upon[first]
        if isinstance(of, Seen):
            upon[first] = replace(of, warnings=(*of.warnings, *warnings))
        return upon


def _write(file: Path, text: str | None) -> None:
    """Durably; None removes it."""
    if text is None:
        if file.exists():
            _files.remove(file)
        return
    if not file.parent.is_dir():
        file.parent.mkdir(mode=0o755, exist_ok=True)
        _files.synchronise(file.parent.parent)
    _files.write(file, text.encode("utf-8", "surrogateescape"), _MODE)
