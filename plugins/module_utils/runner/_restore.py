# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring data back: what the host and the repository hold, what is to be done about it, and doing it.

The command ``holdfast restore`` and the module backup_restore go this same way.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Sequence

from . import _choice, _files, _job, _paths, _placing, _quiesce, _repository, _state
from ._choice import Origin
from ._engine import Container, Engine
from ._placing import MISSING, OCCUPIED, STAGED, Content, Journal, Placement, Root
from ._problem import Locked, Problem
from ._restic import Node, Restic, Snapshot
from ._restore_plan import (
    IF_EMPTY,
    MODES,
    NEW,
    REPLACE,
    Chosen,
    Observed,
    Place,
    Request,
    Step,
    Tree,
    origin_of,
    plan,
    refuse_use,
)
from ._sources import is_mounted
from ._systemd import show
from ._text import complain, say

_LABEL = "holdfast.restored-from"
"""On a volume that a restore made: the snapshot and source that its content comes from."""
_LOCK_WAIT = 5
"""Seconds to wait for another restore of the same job."""
_REPOSITORY_WAIT = 600
"""Seconds to wait for a repository that somebody else works on."""


@dataclass(frozen=True)
class _Consumers:
    """The containers of this host that matter to a restore."""

    running: tuple[Container, ...] = ()
    returning: tuple[Container, ...] = ()
    """Those that a backup has stopped and will start again; their names are followed by its job."""


class Restoration:
    """One restore on this host: looks, and carries out the steps of a plan."""

    def __init__(self, request: Request, check: bool = False) -> None:
        """``check``: only look, so that what will have been made before may still be missing."""
        self.request = request
        self._check = check
        self._chosen: Chosen | None = None
        self._engine = Engine()
        self._restic: Restic
        self._journal: Journal | None = None
        self._seen: Journal | None = None
        self._brought: dict[str, tuple[str, Placement]] = {}
        """By target: the snapshot that this program brought there, and how."""
        self._held = ExitStack()
        self._is_held = False

    def observe(self) -> Observed:
        """What the repository and the host hold. The snapshot is chosen the first time only."""
        if os.geteuid() != 0:
            raise Problem(
                f"restore {self.request.job}: owners can only be restored as root. Become root (become: true, or sudo)."
            )
        self._chosen = self._chosen or self._choose()
        self._seen = _placing.load_journal(self.request.job)
        consumers = self._consumers(self._chosen)
        places = tuple(self._place(tree, consumers) for tree in self._chosen.trees)
        targets = [placement.target for placement in self._seen.placements] if self._seen else []
        return Observed(
            self._chosen,
            places,
            self._seen,
            interrupted_users=_users_of_any(consumers.running, targets),
            stamp=time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
            interrupted_returning=_users_of_any(consumers.returning, targets),
            backup=_busy_backup(self.request.job),
        )

    def carry_out(self, step: Step) -> None:
        """Do one step of the plan. A run that is killed in it is finished or cleaned up by the next one."""
        self._hold()
        if self._seen and step.verb in ("clean", "finish"):
            self._end_interrupted(self._seen)
            return
        journal = self._journal or self._stage(step.placements)
        if step.verb != "drop":
            self._require_unused(journal, journal.placements[step.index])
        if step.verb == "keep":
            _placing.set_aside(journal, step.index)
        elif step.verb == "restore":
            _placing.bring_in(journal, step.index)
            placement = journal.placements[step.index]
            self._brought[placement.target] = (journal.snapshot, placement)
        else:
            _placing.drop_kept(journal, step.index)
            placement = replace(journal.placements[step.index], kept="")
            self._brought[placement.target] = (journal.snapshot, placement)
        if step.last:
            journal.forget()

    def prepare(self, placement: Placement) -> None:
        """Make the volume that the placement needs, if any."""
        if not placement.new_volume:
            return
        labels = {_LABEL: origin_of(self._snapshot().id, placement.label)}
        self._engine.create_volume(placement.new_volume, labels)
        volume = self._engine.volume(placement.new_volume)
        found = volume.mountpoint if volume else "nowhere"
        if found != placement.target:
            raise Problem(
                f"volume {placement.new_volume}: Docker keeps it at {found}, not at {placement.target} as was planned. "
                f"Create it first (docker volume create {placement.new_volume}, or the module volume), then restore "
                "into it."
            )

    def fetch(self, placement: Placement) -> None:
        """Restore the source of the snapshot below the staging directory."""
        snapshot, staging, verify = self._snapshot().id, Path(placement.staging), self.request.verify
        self._restic.patiently(
            lambda: self._restic.restore(snapshot, staging, include=placement.source, verify=verify), _REPOSITORY_WAIT
        )

    def dispose(self, placement: Placement) -> None:
        """Undo :meth:`prepare`, and end a restic that a killed run left writing."""
        _end_writers(placement.staging)
        volume = self._engine.volume(placement.new_volume) if placement.new_volume else None
        if volume and _LABEL in volume.labels and _placing.look(placement.target, False) != OCCUPIED:
            self._engine.remove_volume(volume.name)

    def _snapshot(self) -> Snapshot:
        """The snapshot that :meth:`observe` chose."""
        if self._chosen is None:
            raise RuntimeError("carry_out comes after observe")
        return self._chosen.snapshot

    def _choose(self) -> Chosen:
        request = self.request
        job = _job.load(request.job)
        self._restic = Restic(_repository.load(job.repository))
        self._restic.version()
        host = request.from_host or job.host
        try:
            snapshots = self._restic.snapshots(host, job.name)
        except Locked:
            raise
        except Problem:
            # restic's own words for it do not tell unreachable, absent and wrong password apart in every version.
            self._restic.require_open()
            raise
        snapshot, warning = _choice.choose(snapshots, request.snapshot, job.name, host, job.repository)
        manifest = self._restic.dump(snapshot.id, str(_paths.manifest_file(job.name)))
        origins = _choice.origins(manifest, snapshot, job.name)
        wanted = _choice.select(origins, request.volume, request.path, job.name, snapshot)
        return Chosen(snapshot, tuple(self._tree(snapshot, origin) for origin in wanted), warning)

    def _tree(self, snapshot: Snapshot, origin: Origin) -> Tree:
        nodes = list(self._restic.listing(snapshot.id, origin.path))
        root = next((node for node in nodes if node.path == origin.path), None)
        noun = f"restore {self.request.job}: snapshot {snapshot.short_id}: {origin.label}"
        if root is None:
            raise Problem(
                f"{noun}: {origin.path} is not in it, although its manifest says so. Choose another snapshot."
            )
        if root.type not in ("dir", "file"):
            raise Problem(f"{noun}: {origin.path} is a {root.type} in it, and holds no data. Choose another snapshot.")
        lost = os.path.join(origin.path, "lost+found")
        below = [node for node in nodes if node is not root and not f"{node.path}/".startswith(f"{lost}/")]
        files = [node for node in ([*below, root]) if node.type == "file"]
        content = Content(len(files), sum(node.size for node in files))
        return Tree(origin, _root_of(root), content, len(below) + (root.size if root.type == "file" else 0))

    def _consumers(self, chosen: Chosen) -> _Consumers:
        """The containers of now. Without Docker there are none, unless volumes are to be restored."""
        needed = any(tree.origin.kind == "volume" for tree in chosen.trees)
        if not needed and not _paths.DOCKER_SOCKET.exists():
            return _Consumers()
        there = self._engine.containers()
        running = tuple(one for one in there if one.state in ("running", "paused", "restarting"))
        noted = {name: job for job in _quiesce.noted_jobs() for name in _quiesce.waiting(job)}
        stopped = [one for one in there if one.name in noted and one not in running]
        return _Consumers(running, tuple(replace(one, name=f"{one.name} (job {noted[one.name]})") for one in stopped))

    def _require_unused(self, journal: Journal, placement: Placement) -> None:
        """Look again at who uses the target: staging may have taken hours. What waits there goes when it is in use."""
        if self.request.mode == NEW or self._chosen is None:
            return
        consumers = self._consumers(self._chosen)
        volume = placement.label.partition("volume ")[2]
        noun = f"restore {self.request.job}: {placement.label}"
        try:
            refuse_use(
                noun,
                placement.target,
                _users(consumers.running, volume, placement.target),
                _users(consumers.returning, volume, placement.target),
                _busy_backup(self.request.job),
            )
        except Problem:
            # Once the previous content has been moved, the next run goes on from the journal instead.
            if placement.phase == STAGED:
                _placing.give_up(journal, self)
            raise

    def _place(self, tree: Tree, consumers: _Consumers) -> Place:
        found = self._volume_place(tree) if tree.origin.kind == "volume" else self._path_place(tree)
        brought = self._brought.get(found.path)
        unfinished = [
            placement
            for placement in (self._seen.placements if self._seen and self._seen.committed else ())
            if placement.target == found.path
        ]
        if self._seen and unfinished:
            placement = unfinished[0]
            return replace(
                found, state=OCCUPIED, snapshot=self._seen.snapshot, kept=placement.kept, content=placement.content
            )
        if brought:
            content = _placing.measure(found.path, (brought[1].kept,))
            return replace(found, snapshot=brought[0], kept=brought[1].kept, content=content)
        if self.request.mode != NEW:
            volume = tree.origin.name if tree.origin.kind == "volume" else ""
            users = _users(consumers.running, volume, found.path)
            found = replace(found, users=users, returning=_users(consumers.returning, volume, found.path))
        if self.request.mode == REPLACE and found.state == OCCUPIED:
            inside = tuple(_mounts_inside(found.path))
            content = Content() if inside else _placing.measure(found.path)
            return replace(found, content=content, mounts_inside=inside)
        job = self.request.job
        known = _state.load(job).last_success is not None or found.path in _placing.restored(job)
        return replace(found, is_known=known)

    def _volume_place(self, tree: Tree) -> Place:
        request = self.request
        name = tree.origin.name
        if request.mode == NEW:
            name = request.target or f"{name}.restored-{self._snapshot().short_id}"
        noun = f"restore {request.job}: volume {name}"
        volume = self._engine.volume(name)
        if volume is None:
            if request.mode != NEW and not self._check:
                raise Problem(
                    f"{noun}: Docker on this host has none of this name. Create it first, with its own driver and "
                    f"options (docker volume create {name}, the module volume, or the playbook provision), then run "
                    "this again; or restore it with mode new."
                )
            path = self._engine.predicted_mountpoint(name)
            place = _look(path, beside=os.path.dirname(path))
            return replace(place, new_volume=name) if request.mode == NEW else replace(place, supposed=True)
        if not volume.mountpoint:
            raise Problem(f"{noun}: its driver {volume.driver} gives no path on this host. Restore it with mode new.")
        if volume.is_mount and not is_mounted(volume.mountpoint):
            raise Problem(
                f"{noun}: it is mounted only while a container uses it, and what is restored now would land beneath. "
                f"Mount its device at {volume.mountpoint} for the restore, or restore it with mode new."
            )
        path = os.path.realpath(volume.mountpoint)
        return replace(_look(path, beside=os.path.dirname(path)), origin=volume.labels.get(_LABEL, ""))

    def _path_place(self, tree: Tree) -> Place:
        path = tree.origin.path
        if self.request.mode == NEW:
            path = self.request.target or f"{path}.restored-{self._snapshot().short_id}"
        path = os.path.realpath(path)
        return _look(path, beside=_placing.existing_ancestor(path))

    def _hold(self) -> None:
        """Keep other restores of this job out, from the first step until this process ends."""
        if self._is_held:
            return
        path = _placing.journal_file(self.request.job)
        try:
            self._held.enter_context(_files.lock(path.with_suffix(".lock"), _LOCK_WAIT))
        except Locked:
            raise Locked(
                f"restore {self.request.job}: another restore of this job is at work. Run this again when it has ended."
            ) from None
        if _placing.load_journal(self.request.job) != self._seen:
            raise Problem(f"restore {self.request.job}: another restore of this job came in between. Run this again.")
        self._is_held = True

    def _end_interrupted(self, journal: Journal) -> None:
        if not journal.committed:
            _placing.clean(journal, self)
        else:
            _placing.finish(journal)
            for placement in journal.placements:
                self._brought[placement.target] = (journal.snapshot, placement)
        self._seen = None

    def _stage(self, placements: Sequence[Placement]) -> Journal:
        snapshot = self._snapshot()
        journal = Journal(self.request.job, snapshot.id, _choice.words(snapshot.time), list(placements))
        _placing.stage(journal, self)
        self._journal = journal
        return journal


def _root_of(node: Node) -> Root:
    return Root(node.type == "dir", node.uid, node.gid, node.mode)


def _look(path: str, beside: str) -> Place:
    mount_point = is_mounted(path)
    state = _placing.look(path, mount_point)
    where = path if mount_point else _placing.existing_ancestor(path)
    space = os.statvfs(where)
    return Place(
        path=path,
        state=state,
        beside=beside,
        device=os.stat(where).st_dev,
        free=space.f_bavail * space.f_frsize,
        root=None if state == MISSING else _placing.root_of(path),
        mount_point=mount_point,
    )


def _mounts_inside(path: str) -> list[str]:
    """What is mounted below the path, as the kernel writes it: blanks and the like as octal numbers."""
    written = re.sub(r"[ \t\n\\]", lambda match: f"\\{ord(match[0]):03o}", path)
    with open(_paths.MOUNTINFO, encoding="utf-8", errors="surrogateescape") as lines:
        return sorted({line.split()[4] for line in lines if line.split()[4].startswith(f"{written}/")})


def _busy_backup(job: str) -> str:
    """The unit of the job's backup while it is at work, else empty."""
    if not (_paths.RUN / "systemd" / "system").is_dir():  # sd_booted(3): no systemd, no units
        return ""
    unit = _paths.backup_service(job)
    state = show([unit], ["ActiveState"]).get(unit, {}).get("ActiveState")
    return unit if state in ("activating", "active", "deactivating") else ""


def _users_of_any(containers: Sequence[Container], targets: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({name for target in targets for name in _users(containers, "", target)}))


def _users(containers: Sequence[Container], volume: str, path: str) -> tuple[str, ...]:
    """The containers that would see another content than they opened, or write into the one being restored."""
    return tuple(sorted(one.name for one in containers if _uses(one, volume, path)))


def _uses(container: Container, volume: str, path: str) -> bool:
    for mount in container.mounts:
        source = os.path.realpath(mount.source) if mount.source else ""
        if volume and mount.volume == volume:
            return True
        if source and os.path.commonpath([source, path]) == path:
            return True
        # One that only reads from above, such as a monitor of the whole host, follows the new content by its name.
        if source and mount.writable and os.path.commonpath([source, path]) == source:
            return True
    return False


def _end_writers(staging: str) -> None:
    """End a restic that outlived the killed run that started it, and would go on filling the staging directory."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if f"--target={staging}".encode() in words:
            _end(int(entry.name))


def _end(pid: int) -> None:
    """Interrupt it, so that it lets go of its lock; kill it when that takes long."""
    for number, patience in ((signal.SIGINT, 10.0), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + patience
        try:
            os.kill(pid, number)
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                time.sleep(0.1)
        except ProcessLookupError:
            return


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of ``holdfast restore``."""
    parser.add_argument("job", metavar="JOB")
    parser.add_argument(
        "--snapshot",
        default=_choice.LATEST,
        help="latest, the beginning of an id, or a time such as 2026-01-01T02:00Z for the latest at or before it",
    )
    parser.add_argument("--from-host", metavar="HOST", help="whose snapshots (default: the job's own host)")
    parser.add_argument(
        "--mode",
        choices=MODES,
        default=IF_EMPTY,
        help="only into what is empty (default), beside what is there, or in its place",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--volume", help="only this volume (default: everything in the snapshot)")
    what.add_argument("--path", help="only this path")
    parser.add_argument(
        "--target", help="with --mode new: the name of the volume, or the path (default: named for you)"
    )
    parser.add_argument("--no-verify", action="store_true", help="do not read back what was written")
    parser.add_argument(
        "--data-loss",
        choices=("refuse", "allow"),
        default="refuse",
        help="with --mode replace: keep the previous content beside it (default), or remove it at the end",
    )
    parser.add_argument("--check", action="store_true", help="say what would be done, and do nothing")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def main(arguments: argparse.Namespace) -> int:
    """Carry out ``holdfast restore``; 0 when all that was wanted is in place. Raises Problem."""
    request = Request(
        job=arguments.job,
        snapshot=arguments.snapshot,
        from_host=arguments.from_host,
        mode=arguments.mode,
        volume=arguments.volume,
        path=arguments.path,
        target=arguments.target,
        verify=not arguments.no_verify,
        drop_previous=arguments.data_loss == "allow",
    )
    restoration = Restoration(request, arguments.check)
    outlook = plan(request, restoration.observe())
    for warning in outlook.warnings:
        complain(warning)
    result = outlook.after
    for step in outlook.steps:
        if not arguments.json:
            say(f"would {step.sentence}" if arguments.check else step.sentence)
        if not arguments.check:
            restoration.carry_out(step)
    if outlook.steps and not arguments.check:
        result = _confirmed(restoration, request)
    if arguments.json:
        say(json.dumps({**result, "actions": [step.sentence for step in outlook.steps]}, indent=2))
    else:
        for left in result["left"]:
            say(f"left as it is: {left['kind']} {left['name']}: {left['target']} {left['reason']}")
        if not arguments.check:
            say(_done_words(request, outlook.steps))
    return 0


def _done_words(request: Request, steps: Sequence[Step]) -> str:
    noun = f"restore {request.job}: done"
    if not steps:
        return f"{noun}: nothing was to be restored."
    labels = [step.placements[step.index].label for step in steps if step.verb == "restore"]
    if not labels:
        return f"{noun}: what an interrupted restore left is settled."
    verified = (
        "what was written was read back and is what the repository holds"
        if request.verify
        else "what was written was not read back (--no-verify)"
    )
    return f"{noun}: {', '.join(labels)} restored; {verified}."


def _confirmed(restoration: Restoration, request: Request) -> dict[str, Any]:
    """What is there now. Problem when the host does not agree that everything is done."""
    again = plan(request, restoration.observe())
    if again.steps:
        raise Problem(
            f"restore {request.job}: did not hold, still to do: {'; '.join(s.sentence for s in again.steps)}."
        )
    return again.before
