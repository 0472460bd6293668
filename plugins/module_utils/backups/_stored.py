# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder in which this host keeps what opens a repository, and its replacement in one step."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..runner import _files, _paths

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_REPLACED = "replaced"


@dataclass(frozen=True)
class Credentials:
    """What opens a repository. The secrets stay out of its ``repr``, and with it out of messages."""

    location: str = field(repr=False)
    password: str = field(repr=False)
    environment: Mapping[str, str] = field(repr=False, default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    """restic's own ``-o``; never a secret, since they are arguments of a command."""

    def contents(self) -> dict[str, bytes]:
        """File name → content, in the form that the runner reads."""
        return {
            "location": f"{self.location}\n".encode(),
            "password": f"{self.password}\n".encode(),
            "environment": _lines(self.environment),
            "options": _lines(self.options),
        }


@dataclass(frozen=True)
class Stored:
    """What the folder holds; None for a file that is missing."""

    location: bytes | None = field(repr=False)
    password: bytes | None = field(repr=False)
    environment: bytes | None = field(repr=False)
    options: bytes | None = None
    id: str = ""
    """Of the repository that was initialised or opened; empty before the first time."""
    exposed: tuple[str, ...] = ()
    """What others than its owner may read: names in the folder, ``.`` for itself."""
    replaced: str = ""
    """The id of the key whose password is being changed: written before the new one is added, removed with the key."""

    def differing(self, wanted: Credentials) -> list[str]:
        """The names of the files that are not as wanted."""
        return [name for name, content in wanted.contents().items() if getattr(self, name) != content]


def read(name: str) -> Stored | None:
    """What is stored of this repository; None when there is nothing."""
    directory = _paths.repository_directory(name)
    if not directory.is_dir():
        return None
    contents = {part: _content(directory / part) for part in ("location", "password", "environment", "options")}
    exposed = [part for part in (".", *contents) if _is_exposed(directory / part)]
    repository_id, replaced = ((_content(directory / part) or b"").decode().strip() for part in ("id", _REPLACED))
    return Stored(**contents, id=repository_id, exposed=tuple(exposed), replaced=replaced)


def write_files(directory: Path, credentials: Credentials) -> None:
    """Write the files into a folder of mode 0700 that exists already."""
    for name, content in credentials.contents().items():
        _files.write(directory / name, content, 0o600)


def replace(name: str, credentials: Credentials, repository_id: str, replaced: str = "") -> None:
    """Store all at once: whenever this is killed, the folder holds either all of the old or all of the new."""
    directory = _paths.repository_directory(name)
    directory.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    with_all = _new(directory)
    shutil.rmtree(with_all, ignore_errors=True)
    with_all.mkdir(mode=0o700)
    write_files(with_all, credentials)
    for part, note in (("id", repository_id), (_REPLACED, replaced)):
        if note:
            _files.write(with_all / part, f"{note}\n".encode(), 0o600)
    if directory.exists():
        _exchange(with_all, directory)
    else:
        os.rename(with_all, directory)
    _files.synchronise(directory.parent)
    shutil.rmtree(with_all, ignore_errors=True)


def record_id(name: str, repository_id: str) -> None:
    """Note that the repository is there and has been opened."""
    _files.write(_paths.repository_directory(name) / "id", f"{repository_id}\n".encode(), 0o600)


def note_replaced(name: str, key: str) -> None:
    """Note whose password is about to be changed, before anything of that is done."""
    _files.write(_paths.repository_directory(name) / _REPLACED, f"{key}\n".encode(), 0o600)


def forget_replaced(name: str) -> None:
    """The change of the password is done, or was taken back."""
    _files.remove(_paths.repository_directory(name) / _REPLACED)


def forget(name: str) -> None:
    """Remove the folder in one step."""
    directory = _paths.repository_directory(name)
    aside = _old(directory)
    shutil.rmtree(aside, ignore_errors=True)
    os.rename(directory, aside)
    _files.synchronise(directory.parent)
    shutil.rmtree(aside)


def leftovers(name: str) -> tuple[Path, ...]:
    """What a run that was killed left: folders that nothing uses, but with secrets in them."""
    directory = _paths.repository_directory(name)
    return tuple(folder for folder in (_new(directory), _old(directory)) if folder.exists())


def remove_leftovers(name: str) -> None:
    for folder in leftovers(name):
        shutil.rmtree(folder)


def _lines(pairs: Mapping[str, str]) -> bytes:
    return "".join(f"{key}={value}\n" for key, value in sorted(pairs.items())).encode()


def _new(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.new")


def _old(directory: Path) -> Path:
    return directory.with_name(f".{directory.name}.old")


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _is_exposed(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & 0o077)


def _exchange(one: Path, other: Path) -> None:
    """Each takes the other's name, in one step: renameat2(2), which Python's ``os`` does not offer."""
    library = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(one), os.fsencode(other)
    if library.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))
