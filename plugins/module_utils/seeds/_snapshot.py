# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup job saved of a volume, found in its repository and brought into a room.

That there is no snapshot is said only of a repository that opened: one that is out of reach, or opens with another
password, is a :class:`Problem`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from ..runner import _job, _manifest, _paths, _repository, _restore_snapshot
from ..runner._choice import NoSnapshot, words
from ..runner._job import Job
from ..runner._problem import Problem
from ..runner._restic import Restic
from ..runner._restore_terms import Chosen, Request
from ..runner._tree import LOST_FOUND
from ..trees._copying import Size, check_space
from ._room import Room, copy_traits
from ._seed import Seed

_LOCK_WAIT = 600
"""Seconds to wait for a repository that somebody else works on."""


class Unready(Problem):
    """The host has no restic, or does not know the repository: on a bare host what brings them has yet to come."""


class Snapshots:
    """What the repositories of this host hold for the seeds of one call. Each snapshot is chosen once."""

    def __init__(self, warn: Callable[[str], None]) -> None:
        """``warn`` takes what somebody should know of a snapshot, such as that a newer one is partial."""
        self._warn = warn
        self._chosen: dict[tuple[str, ...], Chosen] = {}

    def find(self, seed: Seed) -> Chosen | None:
        """The snapshot that the seed means; None when the repository opens and holds none of this volume."""
        key = (seed.source, seed.repository, seed.host, seed.snapshot, seed.path)
        if key not in self._chosen:
            job = _job_of(seed)
            restic = _restic(job)
            # restic itself would try for a quarter of an hour to reach what is out of reach.
            restic.require_open()
            request = Request(job.name, seed.snapshot, from_host=seed.host or None, volume=seed.path)
            try:
                self._chosen[key] = _restore_snapshot.choose(request, job, restic)
            except NoSnapshot:
                return None
            if self._chosen[key].warning:
                self._warn(self._chosen[key].warning)
        return self._chosen[key]

    def told(self, seed: Seed) -> str:
        """The snapshot in words: "snapshot 1a2b3c4d of job db (2026-03-01 02:00 UTC), 1,204 files (3.1 GB)"."""
        chosen = self._known(seed)
        snapshot = chosen.snapshot
        return f"snapshot {snapshot.short_id} of job {seed.source} ({words(snapshot.time)}), {_size(chosen)}"

    def id(self, seed: Seed) -> str:
        """The snapshot's own."""
        return self._known(seed).snapshot.id

    def fill(self, seed: Seed, room: Room) -> None:
        """Restore the snapshot into the room's tree.

        restic reads back what it wrote; then all of it is compared with the content manifest of the snapshot.
        """
        chosen = self._known(seed)
        tree, fetched = chosen.trees[0], room.staging / "snapshot"
        check_space("its data", _size(chosen), room.staging)
        fetched.mkdir(mode=0o700)
        restic = _restic(_job_of(seed))
        restic.patiently(
            lambda: restic.restore(chosen.snapshot.id, fetched, include=tree.origin.path, verify=True), _LOCK_WAIT
        )
        top = Path(f"{fetched}{tree.origin.path}")
        if chosen.manifest:
            _manifest.verify(restic, chosen.snapshot.id, chosen.manifest, chosen.hashes, tree.origin.path, str(top))
        copy_traits(top, room.tree)
        # Some versions of restic leave the directory at the top as they have made it.
        os.chown(room.tree, tree.root.uid, tree.root.gid)
        os.chmod(room.tree, tree.root.mode)
        for name in os.listdir(top):
            if name != LOST_FOUND:
                os.rename(top / name, room.tree / name)

    def _known(self, seed: Seed) -> Chosen:
        chosen = self.find(seed)
        if chosen is None:
            raise Problem(absence(seed))
        return chosen


def absence(seed: Seed) -> str:
    """That there is no snapshot, with the ways on."""
    by = f" by host {seed.host}" if seed.host else ""
    return (
        f"the repository opens, and holds nothing of volume {seed.path} among the snapshots of job {seed.source}{by}. "
        "If this is its first boot, set hydrate_from.first_boot: allowed. If another host saved it, name that host as "
        "hydrate_from.host."
    )


def _size(chosen: Chosen) -> Size:
    tree = chosen.trees[0]
    return Size(tree.content.files, tree.content.bytes, tree.content.bytes, tree.entries)


def _job_of(seed: Seed) -> Job:
    """The job as this host knows it, or, where the repository is named, as far as a restore needs it."""
    if not seed.repository:
        try:
            return _job.load(seed.source)
        except Problem as problem:
            raise Unready(f"{problem} Or name the repository as hydrate_from.repository.") from problem
    return Job(seed.source, seed.repository, volumes=(seed.path,))


def _restic(job: Job) -> Restic:
    if not _paths.repository_directory(job.repository).is_dir():
        raise Unready(
            f"repository {job.repository}: is not configured on this host. Configure it with backup_repository first."
        )
    if shutil.which("restic") is None:
        raise Unready("restic: not installed on this host. Install the package restic first.")
    return Restic(_repository.load(job.repository))
