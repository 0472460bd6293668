# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Passwords of shares, in files that only root can read: neither fstab nor a unit nor a process shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..runner import _files
from ..runner._problem import Problem
from . import _units
from ._kinds import Kind

DIRECTORY = Path("/etc/holdfast/credentials")
_MODE = 0o600


@dataclass(frozen=True)
class Credentials:
    """Who asks for the share. Never shown."""

    username: str
    password: str = field(repr=False)
    domain: str = ""

    def text(self, kind: Kind) -> str:
        """As the type's helper reads it."""
        if kind.credentials == "ceph":
            return f"{self.password}\n"
        domain = f"domain={self.domain}\n" if self.domain else ""
        return f"username={self.username}\npassword={self.password}\n{domain}"


def credentials(kind: Kind, username: str | None, password: str | None, domain: str | None) -> Credentials | None:
    """From the options; None when there are none. Raises Problem."""
    if not any((username, password, domain)):
        return None
    if not kind.credentials:
        raise Problem(
            f"password: fstype {kind.fstype} takes no user and password from a file. Leave username, password and "
            "domain out; how it proves who it is stands in the documentation of its helper."
        )
    if not username or not password:
        raise Problem("password: username and password go together. Give both, or none for access as a guest.")
    if any(character in text for text in (username, password, domain or "") for character in "\n\0"):
        raise Problem("password: username, password and domain must not hold line ends. Write each on one line.")
    return Credentials(username, password, domain or "")


def file_of(path: str) -> Path:
    return DIRECTORY / _units.escaped(path)


def option_of(kind: Kind, path: str) -> str:
    """What names the file among the mount's options."""
    return f"{kind.secret_option}={file_of(path)}"


def is_written(kind: Kind, path: str, wanted: Credentials) -> bool:
    """Whether the file is there, for root alone, and says this. Raises OSError."""
    file = file_of(path)
    try:
        return file.read_text(encoding="utf-8") == wanted.text(kind) and file.stat().st_mode & 0o7777 == _MODE
    except FileNotFoundError:
        return False


def write(kind: Kind, path: str, wanted: Credentials) -> None:
    _files.private_directory(DIRECTORY)
    _files.write(file_of(path), wanted.text(kind).encode(), _MODE)


def remove(path: str) -> None:
    if file_of(path).exists():
        _files.remove(file_of(path))


def read(path: str) -> bytes | None:
    """What the file says now; None when there is none."""
    file = file_of(path)
    return file.read_bytes() if file.exists() else None


def restore(path: str, content: bytes | None) -> None:
    """Have the file say again what it said before."""
    if content is None:
        remove(path)
    else:
        _files.write(file_of(path), content, _MODE)
