# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be known about the place where a repository should be. Only exact knowledge makes it absent.

restic gives the same answer for a directory that is missing, empty, full of other things, or on a disk that is not
mounted. A repository made in the wrong one of these hides the right one; so the place itself is looked at.
"""

from __future__ import annotations

import enum
import os
import posixpath
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import _paths
from ._mount_points import unmounted_above
from ._problem import Problem
from ._repository import Repository

_WRONG_PASSWORD = re.compile(r"wrong password or no key found")
_NO_CONFIG = re.compile(
    r"unable to open config file: (Stat: The specified (key|bucket) does not exist|Lstat: file does not exist)"
)
# The 404 of a live REST server. rclone, through which restic says the same, also gives it for a disk not mounted.
_NO_CONFIG_REST = re.compile(r"unable to open config file: <config/> does not exist")
_OBJECT_STORES = ("s3", "rest", "b2", "azure", "gs", "swift")
"""Where nothing can be unmounted, so that restic's "there is none" is all that there is to know."""
_NO_REPOSITORY = 10
_WRONG_PASSWORD_EXIT = 12
_SFTP_URL = re.compile(r"sftp://(?P<host>[^/:\[]*|[^/\[]*\[[^\]]*\])(:(?P<port>\d+))?/(?P<path>.+)")
_SFTP_PLAIN = re.compile(r"sftp:(?P<host>[^:\[]*|[^:\[]*\[[^\]]*\]):(?P<path>.+)")


class Finding(enum.Enum):
    """What a look at a repository finds. Only ``ABSENT`` allows to make one there."""

    OPEN = "open"
    ABSENT = "absent"
    WRONG_PASSWORD = "wrong password"
    NOT_A_REPOSITORY = "not a repository"
    UNREACHABLE = "unreachable"


@dataclass(frozen=True)
class Probe:
    """A finding, with restic's own words for it and, for an open repository, its id."""

    finding: Finding
    detail: str = ""
    id: str = ""

    def problem(self, repository: Repository) -> Problem:
        """What a person is told when the repository had to be open."""
        noun = f"repository {repository.name}"
        where = repository.masked_location
        known = _known_id(repository.name)
        if self.finding is Finding.ABSENT and known:
            return Problem(
                f"{noun}: it has vanished: {where} holds none ({self.detail}), although this host has used repository "
                f"{known[:8]} there. Bring back what is missing, such as a mount or a bucket. To begin an empty "
                f"repository knowingly, remove {_id_file(repository.name)} and run backup_repository."
            )
        if self.finding is Finding.ABSENT:
            return Problem(f"{noun}: there is none yet at {where} ({self.detail}). Create it with backup_repository.")
        if self.finding is Finding.WRONG_PASSWORD:
            return Problem(f"{noun}: the password does not open {where}. Give the password it was created with.")
        if self.finding is Finding.NOT_A_REPOSITORY:
            return Problem(
                f"{noun}: {where} is not a repository ({self.detail}). "
                "Correct the location: a repository is only made in a place that is empty."
            )
        return Problem(
            f"{noun}: {where} cannot be reached ({self.detail}). "
            "Nothing is known about what it holds; make it reachable and try again."
        )


def _id_file(name: str) -> Path:
    return _paths.repository_directory(name) / "id"


def _known_id(name: str) -> str:
    """The id of the repository that was there once; empty when there was none, or only root may know."""
    try:
        return _id_file(name).read_text(encoding="utf-8").strip()
    except (FileNotFoundError, PermissionError):
        return ""


def classify(code: int, errors: str, location: str) -> Finding:
    """What restic's failure to open a repository means, by its exit code and stderr (0.14: by stderr alone).

    On a file system, here or at the other end of SFTP, ``ABSENT`` still has to be confirmed by a look at the directory.
    """
    if code == _WRONG_PASSWORD_EXIT or _WRONG_PASSWORD.search(errors):
        return Finding.WRONG_PASSWORD
    none_there = code == _NO_REPOSITORY or _NO_CONFIG.search(errors)
    backend = location.partition(":")[0]
    if none_there and backend in (*_OBJECT_STORES, "sftp"):
        return Finding.ABSENT
    if backend == "rest" and _NO_CONFIG_REST.search(errors):
        return Finding.ABSENT
    return Finding.UNREACHABLE


def look_at_directory(path: Path) -> Probe | None:
    """What is certain about a local repository without restic; None when its config file is there."""
    try:
        unmounted = unmounted_above(path)
        if unmounted:
            return Probe(Finding.UNREACHABLE, f"nothing is mounted at {unmounted}, which is a mount point of this host")
        if not _exists(path.parent, follow=True):
            return Probe(Finding.UNREACHABLE, f"{path.parent} does not exist; is a disk not mounted?")
        if not _exists(path):
            return Probe(Finding.ABSENT, f"{path} does not exist")
        if not path.is_dir():
            return Probe(Finding.NOT_A_REPOSITORY, f"{path} is not a directory")
        if not any(path.iterdir()):
            return Probe(Finding.ABSENT, f"{path} is empty")
        if not _exists(path / "config"):
            return Probe(Finding.NOT_A_REPOSITORY, f"{path} holds other things and no repository's config")
    except OSError as error:
        return Probe(Finding.UNREACHABLE, f"{error.filename}: {error.strerror}")
    return None


def _exists(path: Path, follow: bool = False) -> bool:
    """Whether something is there, a link by itself or where it leads. Raises OSError when that cannot be known."""
    try:
        os.stat(path, follow_symlinks=follow)
    except FileNotFoundError:
        return False
    return True


def look_by_sftp(location: str, timeout: float) -> Probe:
    """What is certain about a place on an SFTP server on which restic found no repository."""
    match = _SFTP_URL.fullmatch(location) or _SFTP_PLAIN.fullmatch(location)
    if not match:
        return Probe(Finding.UNREACHABLE, "its location is not understood; write sftp:user@host:/path")
    parts = match.groupdict()
    # The program that restic takes too, so that both come through or neither.
    command = ["sftp", "-q", "-S", "ssh", *(["-P", parts["port"]] if parts.get("port") else []), "-b", "-"]
    command += ["--", parts["host"].replace("[", "").replace("]", "") if parts.get("port") else parts["host"]]
    path = parts["path"].rstrip("/") or "/"
    try:
        entries = _list_by_sftp(command, path, timeout)
        if entries == []:
            return Probe(Finding.ABSENT, f"{path} is empty")
        if entries:
            return Probe(Finding.NOT_A_REPOSITORY, f"{path} holds other things and no repository's config")
        parent = posixpath.dirname(path) or "."
        beside = _list_by_sftp(command, parent, timeout)
        if beside is None:
            return Probe(Finding.UNREACHABLE, f"{parent} cannot be listed on the server; is a disk not mounted there?")
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        return Probe(Finding.UNREACHABLE, f"the server could not be asked what is there: {error}")
    if posixpath.basename(path) in beside:
        return Probe(Finding.UNREACHABLE, f"{path} is there, and cannot be listed")
    return Probe(Finding.ABSENT, f"{path} does not exist")


def _list_by_sftp(command: list[str], directory: str, timeout: float) -> list[str] | None:
    """The names in a directory of the server; None when it cannot be listed."""
    quoted = re.sub(r'(["\\])', r"\\\1", directory)
    outcome = subprocess.run(
        command, input=f'ls -1a "{quoted}"\n', capture_output=True, text=True, timeout=timeout, check=False
    )
    if outcome.returncode != 0:
        return None
    names = [posixpath.basename(line) for line in outcome.stdout.splitlines() if not line.startswith("sftp> ")]
    return [name for name in names if name not in ("", ".", "..")]
