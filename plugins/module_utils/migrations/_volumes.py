# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The volumes of a migration: staged, filled, swapped. Every step may be repeated."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..engine._containers import DockerContainers
from ..engine._docker import Docker
from ..engine._holder import Holder, keep, remove_holders
from ..engine._recreation import volumes_of
from ..runner import _files
from ..runner._problem import Problem
from ..runner._tree import LOST_FOUND
from ..trees._copying import check_space, copy_tree, measure
from ..trees._manifest import compare, fingerprint
from ..volumes._kind import PLAIN, is_same_driver, kind_of
from ..volumes._volume import Definition, Volume, fixed_root, observed
from . import _folders
from ._interrupted import STAGING_LABEL
from ._journal import Journal, probe_name
from ._way import MOVE, POINT, STAGE_NEW, STAGE_PLAIN, STAGE_TWICE, staging_definition

_MOST_TOLD = 5


class MigrationVolumes:
    """The old and the new volume of one name, and the staging volume beside them."""

    def __init__(self, docker: Docker, warn: Callable[[str], None]) -> None:
        self._docker = docker
        self._containers = DockerContainers(docker)
        self._warn = warn

    def root(self) -> Path:
        """Where the local driver keeps plain volumes."""
        return Path(self._containers.root_directory()) / "volumes"

    def definition(self, name: str) -> Definition | None:
        """What the volume was created from; None when there is none."""
        answer = self._docker.volume(name)
        return None if answer is None else _definition(answer)

    def stage(self, journal: Journal) -> None:
        """Create the staging volume, and make sure that the target is empty and the data fits into it."""
        self._create(journal.staging, staging_definition(journal.strategy, journal.new), journal)
        if journal.strategy in (MOVE, STAGE_PLAIN):
            moving = journal.volume if journal.strategy == MOVE else journal.staging
            journal.inode = os.stat(self._path(moving)).st_ino
        if journal.strategy == MOVE:
            return
        with self._reached(journal, journal.volume, journal.staging) as (source, target):
            _refuse_content(journal, target)
            size = measure(source)
            check_space(f"volume {journal.volume}", size, target)
        if journal.strategy == STAGE_TWICE:
            probe = probe_name(journal.volume)
            self._create(probe, Definition(journal.new.driver, journal.new.driver_options, {}), journal)
            with self._reached(journal, probe) as (target,):
                check_space(f"volume {journal.volume}", size, target)
            self._containers.remove_volume(probe)

    def copy(self, journal: Journal) -> None:
        """Copy all data into the staging volume. Its journal says before that what lies there is ours from then on."""
        with self._reached(journal, journal.volume, journal.staging) as (source, target):
            _refuse_content(journal, target)
            found = os.stat(target)
            journal.target = [found.st_uid, found.st_gid, found.st_mode & 0o7777]
            journal.fingerprint = fingerprint(source)
            journal.save()
            for warning in _copy(journal, source, target, journal.staging):
                self._warn(f"volume {journal.volume}: {warning}")

    def compare(self, journal: Journal) -> None:
        """Problem unless the staging volume holds exactly what the old one does, durably."""
        with self._reached(journal, journal.volume, journal.staging) as (source, target):
            _refuse_difference(journal, source, target, journal.staging)

    def refuse_change(self, journal: Journal) -> None:
        """Problem when somebody wrote into the old volume after it was copied."""
        if not journal.fingerprint or self.definition(journal.volume) != journal.old:
            return
        with self._reached(journal, journal.volume) as (source,):
            if fingerprint(source) != journal.fingerprint:
                raise Problem(
                    f"volume {journal.volume}: was written to after it was copied, though its containers were "
                    f"stopped. Find out who writes into {source} (fuser -vm), and run again."
                )

    def move_out(self, journal: Journal) -> None:
        """Rename the data, and what lies beside it, from the old volume's folder into that of the staging volume."""
        if journal.strategy == MOVE and self.definition(journal.volume) == journal.old:
            _folders.move(journal.inode, self._folder(journal.volume), self._folder(journal.staging))

    def has_moved_out(self, journal: Journal) -> bool:
        """Whether the data has left the old volume, in which somebody may have put other data since: a Problem."""
        if journal.strategy != MOVE or self.definition(journal.volume) != journal.old:
            return False
        path = self._path(journal.volume)
        if path.exists() and path.stat().st_ino == journal.inode:
            return False
        _folders.refuse_newcomers(journal, path)
        return True

    def replace(self, journal: Journal) -> None:
        """Remove the old volume and create the new one under its name."""
        found = self.definition(journal.volume)
        if found == journal.old and not _is(found, journal.new):
            self.keep(journal, but=journal.volume)
            self._containers.remove_volume(journal.volume)
            found = None
        if found is None:
            self._docker.create_volume(
                journal.volume, journal.new.driver, journal.new.driver_options, journal.new.labels
            )
            found = self.definition(journal.volume)
        if not _is(found, journal.new):
            raise Problem(
                f"volume {journal.volume}: somebody created another volume of this name during its migration. Its data "
                f"is {self._whereabouts(journal)}. Remove the other volume, and run again."
            )

    def fill(self, journal: Journal) -> None:
        """Bring the data into the new volume, where it does not show it by itself."""
        if journal.strategy in (MOVE, STAGE_PLAIN):
            path = self._path(journal.volume)
            is_in = os.stat(path).st_ino == journal.inode
            if not is_in:
                _folders.refuse_newcomers(journal, path)
            if not is_in or self.definition(journal.staging) is not None:
                _folders.move(journal.inode, self._folder(journal.staging), self._folder(journal.volume))
            if os.stat(path).st_ino != journal.inode:
                raise Problem(
                    f"volume {journal.volume}: {path} is not the directory that was moved. It should be in "
                    f"{self._folder(journal.staging)}: move it by hand."
                )
        elif journal.strategy == STAGE_TWICE:
            with self._reached(journal, journal.staging, journal.volume) as (source, target):
                if journal.is_filling:
                    _clear(target, os.listdir(source))
                _refuse_content(journal, target)
                journal.is_filling = True
                journal.save()
                _copy(journal, source, target, journal.volume)
                _refuse_difference(journal, source, target, journal.volume)

    def copied(self, journal: Journal) -> list[str]:
        """What a copy may have put into a place that is not the migration's own: the names at its top."""
        remove_holders(self._docker, _purpose(journal))
        if journal.strategy != STAGE_NEW or not journal.target or not self._is_ours(journal.staging, journal):
            return []
        with self._reached(journal, journal.volume) as (source,):
            return [name for name in os.listdir(source) if name != LOST_FOUND]

    def undo(self, journal: Journal, copied: Sequence[str]) -> None:
        """Remove what was staged, and from the new place what was copied there: the old volume has all data."""
        if copied:
            with self._reached(journal, journal.staging) as (target,):
                _clear(target, copied)
                os.chown(target, journal.target[0], journal.target[1])
                os.chmod(target, journal.target[2])
        self.remove_staging(journal)

    def remove_staging(self, journal: Journal) -> None:
        """Remove what the migration created for itself, and let go of the rest."""
        self.let_go(journal)
        for name in (journal.staging, probe_name(journal.volume)):
            if self._is_ours(name, journal):
                self._containers.remove_volume(name)

    def keep(self, journal: Journal, but: str = "") -> None:
        """See to it that nobody prunes what no container refers to before the migration is over.

        Docker prunes volumes of its own without options. Others hold nothing that would go with them, or are mounted
        at the price of a server that may be down.
        """
        staged = set() if journal.strategy == POINT else {journal.staging}
        names = {journal.volume}.union(staged, *(volumes_of(held.inspect) for held in journal.containers))
        answers = filter(None, map(self._docker.volume, sorted(names - {but})))
        keep(self._docker, journal.volume, {one.name for one in map(observed, answers) if _is_plain(one)})

    def let_go(self, journal: Journal) -> None:
        """Nothing needs to be kept from being pruned any more."""
        keep(self._docker, journal.volume, ())

    def _whereabouts(self, journal: Journal) -> str:
        if journal.strategy == POINT:
            return "where it was"
        if journal.strategy == STAGE_NEW:
            return f"complete in volume {journal.staging}, at the device of both"
        return f"complete in volume {journal.staging}"

    def _create(self, name: str, definition: Definition, journal: Journal) -> None:
        """Create a volume for the migration's own use; one that was left over is none of its business."""
        labels = {**definition.labels, STAGING_LABEL: journal.volume}
        if self._docker.volume(name) is None:
            self._docker.create_volume(name, definition.driver, definition.driver_options, labels)
        elif not self._is_ours(name, journal):
            raise Problem(
                f"volume {journal.volume}: cannot be migrated: a volume {name} is there, and nobody knows what it "
                "holds. Remove or rename it, and run again."
            )

    def _is_ours(self, name: str, journal: Journal) -> bool:
        found = self.definition(name)
        return found is not None and found.labels.get(STAGING_LABEL) == journal.volume

    @contextmanager
    def _reached(self, journal: Journal, *names: str) -> Iterator[list[Path]]:
        """Where the volumes' data is on this host, held mounted where their driver mounts it."""
        held: dict[str, str] = {}
        fixed: dict[str, Path] = {}
        for name in names:
            answer = self._docker.volume(name)
            if answer is None:
                raise Problem(f"volume {name}: is gone in the middle of the migration of {journal.volume}.")
            root = fixed_root(observed(answer))
            if root:
                fixed[name] = Path(root)
            else:
                held[name] = f"/volume-{len(held)}"
        if not held:
            yield [fixed[name] for name in names]
            return
        with Holder(self._docker, _purpose(journal), held) as paths:
            yield [{**fixed, **paths}[name] for name in names]

    def _path(self, name: str) -> Path:
        answer = self._docker.volume(name)
        if answer is None:
            raise Problem(f"volume {name}: is gone in the middle of a migration.")
        return Path(answer["Mountpoint"])

    def _folder(self, name: str) -> Path:
        return self._path(name).parent


def _purpose(journal: Journal) -> str:
    return f"migrate {journal.volume}"


def _definition(answer: Mapping[str, Any]) -> Definition:
    volume = observed(answer)
    return Definition(volume.driver, volume.driver_options, volume.labels)


def _is_plain(volume: Volume) -> bool:
    return kind_of(volume.driver, volume.driver_options) is PLAIN


def _is(found: Definition | None, wanted: Definition) -> bool:
    return (
        found is not None
        and is_same_driver(wanted.driver, found.driver)
        and found.driver_options == wanted.driver_options
        and found.labels == wanted.labels
    )


def _refuse_content(journal: Journal, target: Path) -> None:
    found = [name for name in os.listdir(target) if name != LOST_FOUND]
    if found:
        raise Problem(
            f"volume {journal.volume}: cannot be migrated: its new place is not empty "
            f"({', '.join(sorted(found)[:3])}). Empty it, or set data: keep_in_place to use what lies there instead of "
            "the volume's data."
        )


def _copy(journal: Journal, source: Path, target: Path, name: str) -> list[str]:
    """Copy into the volume of this name, which an error names instead of the way by which it is reached."""
    try:
        return copy_tree(source, target, durably=False)
    except Problem as problem:
        raise Problem(f"volume {journal.volume}: {str(problem).replace(str(target), f'volume {name}')}") from problem


def _refuse_difference(journal: Journal, source: Path, target: Path, name: str) -> None:
    with ThreadPoolExecutor(1) as disk:
        written = disk.submit(_files.write_out, target)
        differences = compare(source, target)
        written.result()
    if differences:
        raise Problem(
            f"volume {journal.volume}: the copy in volume {name} is not the same: "
            f"{'; '.join(differences[:_MOST_TOLD])}. The new place cannot hold what the old one does, or somebody "
            "writes into one of them."
        )


def _clear(target: Path, names: Collection[str]) -> None:
    """Remove these from the target, and nothing else."""
    for name in {*names} & {*os.listdir(target)} - {LOST_FOUND}:
        path = target / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    _files.write_out(target)
