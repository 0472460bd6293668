# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""restic, called with argument lists; what it says is put into the exact terms that the rest of the program uses."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Callable, TypeVar

from . import _answers, _processes
from ._answers import Forgotten, Lock, Node, Progress, Snapshot, Summary
from ._probe import Finding, Probe, classify, look_at_directory, look_by_sftp
from ._problem import Locked, Problem
from ._repository import Repository
from ._restic_process import Interrupted, Outcome, run

__all__ = (
    "Finding",
    "Forgotten",
    "Interrupted",
    "Lock",
    "Node",
    "Probe",
    "Progress",
    "Restic",
    "Snapshot",
    "Summary",
)

Result = TypeVar("Result")

OLDEST = (0, 14, 0)
PROBE_TIMEOUT = 30
"""Seconds within which a repository must answer to count as reachable."""
_POLL = 5
"""Seconds between two looks at the lock of another host, which nothing tells us about."""
_LOCKED = re.compile(r"repository is already locked|unable to create lock in backend: .*locked")
# The last of these would have a live lock removed by somebody who believes it.
_NOISE = re.compile(
    r"Is there a repository at the following location\?|rclone: .* NOTICE: .*|the `unlock` command can be used .*"
)
_RETRY = re.compile(r"^.* returned error, retrying after [^:]*: (.*)$", re.MULTILINE)
_CREATE = "create the repository"
_LOCKED_EXIT = 11


class _Found(Exception):
    """What a search was after; nothing has gone wrong."""


class Restic:
    """restic on one repository. Every method raises Problem (or Locked) with restic's own words, secrets masked."""

    def __init__(self, repository: Repository, program: str = "restic") -> None:
        self.repository = repository
        self._program = program
        self._version: tuple[int, int, int] | None = None

    def version(self) -> tuple[int, int, int]:
        """The version of the restic on this host. Problem when there is none, or one older than supported."""
        if self._version is None:
            said = self._run(["version"]).output.decode(errors="replace")
            match = re.match(r"restic (\d+)\.(\d+)\.(\d+)", said)
            if not match:
                raise Problem(f"restic: its version is not understood: {said.strip()!r}. Install restic 0.14 or newer.")
            found = (int(match[1]), int(match[2]), int(match[3]))
            if found < OLDEST:
                raise Problem(
                    f"restic: {_dotted(found)} is installed, {_dotted(OLDEST)} or newer is needed. "
                    "Install a newer one, on Debian from bookworm or a later release."
                )
            self._version = found
        return self._version

    def probe(self, timeout: float = PROBE_TIMEOUT) -> Probe:
        """Look whether the repository is there and opens. Takes no lock and changes nothing."""
        local = self.repository.local_path
        found = look_at_directory(local) if local is not None else None
        if found:
            return found
        try:
            outcome = self._run(["cat", "config", "--no-lock", "--no-cache"], timeout=timeout)
        except subprocess.TimeoutExpired as late:
            retries = _RETRY.findall((late.stderr or b"").decode(errors="replace"))
            if not retries:
                return Probe(Finding.UNREACHABLE, f"no answer within {timeout:g} s")
            outcome = Outcome(1, b"", f"unable to open config file: {retries[-1]}")
        if outcome.code == 0:
            return Probe(Finding.OPEN, id=str(_answers.parse(outcome.output, "cat config")["id"]))
        finding = classify(outcome.code, outcome.errors, self.repository.location)
        if finding is Finding.ABSENT and self.repository.location.startswith("sftp:"):
            return look_by_sftp(self.repository.location, timeout)
        return Probe(finding, self._words(outcome.errors))

    def require_open(self) -> None:
        """Problem unless the repository is there, reachable and opens."""
        probe = self.probe()
        if probe.finding is not Finding.OPEN:
            raise probe.problem(self.repository)

    def init(self) -> str:
        """Make the repository and return its id. The caller has made certain that there is none."""
        self._checked(["init"], _CREATE)
        probe = self.probe()
        if probe.finding is not Finding.OPEN:
            raise probe.problem(self.repository)
        return probe.id

    def backup(
        self,
        paths: Sequence[str],
        exclude: Sequence[str],
        host: str,
        tags: Sequence[str],
        on_progress: Callable[[Progress], None],
    ) -> Summary:
        """Save the paths as one snapshot. What could not be read is in the summary, and is for the caller to judge."""
        arguments = ["backup", "--json", f"--host={host}", *(f"--tag={tag}" for tag in tags)]
        arguments += [f"--exclude={pattern}" for pattern in exclude]
        summary: dict[str, Any] = {}

        def take(line: bytes) -> None:
            message = _answers.message(line)
            if message.get("message_type") == "status":
                on_progress(_answers.progress(message))
            elif message.get("message_type") == "summary":
                summary.update(message)

        outcome = self._run([*arguments, "--", *paths], on_line=take)
        if outcome.code not in (0, _answers.PARTIAL_EXIT) or "snapshot_id" not in summary:
            raise self._problem("save a snapshot", outcome)
        return Summary(
            snapshot=str(summary["snapshot_id"]),
            files=int(summary["total_files_processed"]),
            bytes=int(summary["total_bytes_processed"]),
            bytes_added=int(summary["data_added"]),
            unread=_answers.unread(outcome.code, outcome.errors),
        )

    def snapshots(self, host: str | None = None, job: str | None = None) -> list[Snapshot]:
        """The snapshots of a host and a job, oldest first; without them those of all."""
        arguments = ["snapshots", "--json", "--no-lock", *_selection(host, job)]
        listed = _answers.parse(self._checked(arguments, "list the snapshots").output, "snapshots")
        return sorted((_answers.snapshot(entry) for entry in listed or []), key=lambda snapshot: snapshot.time)

    def mark_partial(self, snapshot: str, host: str, job: str) -> str:
        """Tag the snapshot as partial; its new id, for restic writes it anew. Problem when that was not possible."""
        what = f"tag snapshot {snapshot} as partial"
        outcome = self._checked(["tag", f"--add={_answers.PARTIAL_TAG}", snapshot], what)
        found = self.snapshots(host, job)
        marked = [one for one in found if one.partial and one.original.startswith(snapshot)]
        # Where nothing may be removed, restic succeeds and leaves the old one beside the new one.
        if not marked or any(one.id.startswith(snapshot) for one in found):
            raise self._problem(what, outcome)
        return marked[-1].id

    def forget(self, host: str, job: str, rules: Mapping[str, int | str], dry_run: bool) -> Forgotten:
        """Apply the retention rules (``keep_daily: 7``) to one job, and give its space free.

        A dry run removes nothing and says what would go. The rules are not empty.
        """
        arguments = ["forget", "--json", *_selection(host, job), "--group-by=host,tags"]
        arguments += [f"--{name.replace('_', '-')}={value}" for name, value in rules.items()]
        arguments += ["--dry-run", "--no-lock"] if dry_run else ["--prune"]
        output = self._checked(arguments, "apply the retention").output
        # restic 0.14 prints the removal of the data as text behind the JSON.
        groups = json.JSONDecoder().raw_decode(output.decode(errors="replace").lstrip() or "[]")[0] or []
        return Forgotten(
            _answers.ids(groups, "keep"), _answers.ids(groups, "remove"), frozenset(_answers.partial_ids(groups))
        )

    def restore(self, snapshot: str, target: Path, include: str | None = None, verify: bool = False) -> None:
        """Write a snapshot below the target; with ``include`` only that path. Files lie at target + their full path.

        ``verify`` reads back what was written and compares it with the repository.
        """
        arguments = ["restore", snapshot, f"--target={target}"]
        arguments += [f"--include={_literal(include)}"] if include else []
        arguments += ["--verify"] if verify else []
        arguments += ["--sparse"] if self.version() >= (0, 15, 0) else []
        self._checked(arguments, f"restore {include or 'everything'} from snapshot {snapshot}")

    def dump(self, snapshot: str, path: str) -> bytes:
        """The content of one file of a snapshot."""
        return self._checked(["dump", "--no-lock", snapshot, path], f"read {path} from snapshot {snapshot}").output

    def lines(self, snapshot: str, path: str, on_line: Callable[[bytes], None]) -> None:
        """Give out one file of a snapshot line by line, however large it is. What the function raises ends restic."""
        outcome = self._run(["dump", "--no-lock", snapshot, path], on_line=on_line)
        if outcome.code != 0:
            raise self._problem(f"read {path} from snapshot {snapshot}", outcome)

    def walk(self, snapshot: str, paths: Sequence[str], recursive: bool, on_node: Callable[[Node], None]) -> None:
        """Give out the objects at the paths and those in them, one by one: directly, or at any depth.

        Nothing comes for a path that is not there. What the function raises ends restic.
        """
        arguments = ["ls", "--json", "--no-lock", *(["--recursive"] if recursive else []), snapshot, *paths]
        roots = [path.rstrip("/") + "/" for path in paths]

        def take(line: bytes) -> None:
            entry = _answers.message(line)
            is_node = entry.get("struct_type", entry.get("message_type")) == "node"
            if is_node and any(f"{entry.get('path')}/".startswith(root) for root in roots):
                on_node(_answers.node(entry))

        # Line by line: the JSON of millions of files is many times as large as what is kept of it.
        outcome = self._run(arguments, on_line=take)
        if outcome.code != 0:
            raise self._problem(f"list {', '.join(paths)} of snapshot {snapshot}", outcome)

    def listing(self, snapshot: str, path: str) -> Iterator[Node]:
        """The object at the path, and what is below it when it is a directory; nothing when it is not there."""
        nodes: list[Node] = []
        self.walk(snapshot, [path], True, nodes.append)
        return iter(nodes)

    def holds_something(self, snapshot: str, path: str) -> bool:
        """Whether the snapshot has data at the path: an empty file and a lone ``lost+found`` are none."""
        return self._any(snapshot, path, lambda node: node.size > 0 if node.path == path else True)

    def holds_a_file(self, snapshot: str, path: str) -> bool:
        """Whether the snapshot has anything but directories at the path; ``lost+found`` does not count."""
        return self._any(snapshot, path, lambda node: node.type != "dir")

    def _any(self, snapshot: str, path: str, sought: Callable[[Node], bool]) -> bool:
        """Whether one of the objects at the path is sought; the first that is ends the search."""
        lost_found = path.rstrip("/") + "/lost+found/"

        def take(node: Node) -> None:
            if not f"{node.path}/".startswith(lost_found) and sought(node):
                raise _Found

        try:
            self.walk(snapshot, [path], True, take)
        except _Found:
            return True
        return False

    def locks(self) -> list[Lock]:
        """Who holds locks on the repository now."""
        listed = self._checked(["list", "locks", "--no-lock"], "list the locks").output.decode().split()
        found = []
        for lock_id in listed:
            outcome = self._run(["cat", "lock", lock_id, "--no-lock"])
            if outcome.code == 0:  # otherwise it was let go of in between
                lock = _answers.parse(outcome.output, "cat lock")
                found.append(_answers.lock(lock_id, lock))
        return found

    def unlock_own_dead(self) -> bool:
        """Remove the locks that dead processes of this host and user left; True when that was all of them.

        restic decides by host name, process id and user: run for a lock of another host or user, it has removed live
        ones. So it is run only when every lock is of a restic that this host itself has started.
        """
        locks, name = self.locks(), self.repository.name
        host, uid = os.uname().nodename, os.getuid()
        for lock in locks:
            if lock.host != host or lock.uid != uid or not _processes.is_own_and_gone(name, lock.pid):
                return False
        if locks:
            self._checked(["unlock"], "remove the locks of dead processes")
        _processes.forget_gone(name)
        return True

    def patiently(self, operation: Callable[[], Result], wait: float) -> Result:
        """Carry out the operation; while somebody holds the repository locked, again, for up to ``wait`` seconds.

        Raises Locked when the time is over. What a dead process of this host left is no reason to wait.
        """
        deadline = time.monotonic() + wait
        while True:
            try:
                return operation()
            except Locked:
                if time.monotonic() >= deadline:
                    raise
                if not self.unlock_own_dead():
                    time.sleep(_POLL)

    def _checked(self, arguments: Sequence[str], what: str) -> Outcome:
        """Run restic, and raise unless it succeeded."""
        outcome = self._run(arguments)
        if outcome.code != 0:
            raise self._problem(what, outcome)
        return outcome

    def _problem(self, what: str, outcome: Outcome) -> Problem:
        noun = f"repository {self.repository.name}"
        words = self._words(outcome.errors) or f"restic ended with {outcome.code} and said nothing"
        if outcome.code == _LOCKED_EXIT or _LOCKED.search(outcome.errors):
            return Locked(f"{noun}: could not {what}: {words}. Run again once the other has finished.")
        local = self.repository.local_path
        found = look_at_directory(local) if local is not None and what != _CREATE else None
        if found:
            return found.problem(self.repository)
        finding = classify(outcome.code, outcome.errors, self.repository.location)
        if finding is not Finding.UNREACHABLE:
            return Probe(finding, words).problem(self.repository)
        return Problem(f"{noun}: could not {what} at {self.repository.masked_location}: {words}.")

    def _run(
        self,
        arguments: Sequence[str],
        on_line: Callable[[bytes], None] | None = None,
        timeout: float | None = None,
    ) -> Outcome:
        return run(self._program, self.repository, arguments, on_line, timeout)

    def _words(self, errors: str) -> str:
        """restic's own words as one line, without its noise and without secrets."""
        mask = self.repository.mask
        texts = [mask(text.removeprefix("Fatal: ")) for text in _answers.words(errors)]
        lines = [text for text in texts if not _NOISE.fullmatch(text) and text != self.repository.masked_location]
        return "; ".join(lines[-5:]).rstrip(".")


def _dotted(version: Sequence[int]) -> str:
    return ".".join(str(part) for part in version)


def _selection(host: str | None, job: str | None) -> list[str]:
    return [*([f"--host={host}"] if host else []), *([f"--tag=holdfast,job={job}"] if job else [])]


def _literal(path: str) -> str:
    """The path as a pattern of restic that matches it and nothing else."""
    return re.sub(r"([\\*?\[])", r"\\\1", path)
