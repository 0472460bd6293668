# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restic repository as the host knows it: location, password and environment, each in a file of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import _paths
from ._job import check_name
from ._problem import Problem

_CREDENTIALS = re.compile(r"(//[^/@:\s]*):([^/@\s]*)@")
_SECRET = re.compile(r"(SECRET|PASS|KEY|TOKEN|AUTH|CREDENTIAL)(?!.*_ID$)")
_SHORTEST_SECRET = 4
"""Shorter ones would blacken innocent words and hide nothing that could not be guessed."""
_BACKEND = re.compile(r"(?!local:)[a-z0-9]+:")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPTION = re.compile(r"[a-z0-9]+\.[a-z0-9-]+")


@dataclass(frozen=True)
class Repository:
    """Where restic's data lies and what opens it. The password itself is never read, only its file is named."""

    name: str
    location: str
    """As restic takes it; may hold credentials: show :attr:`masked_location`."""
    location_file: Path
    password_file: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    """restic's own ``-o``."""

    @property
    def local_path(self) -> Path | None:
        """The directory on this host; None when the repository is elsewhere."""
        if self.location.startswith("local:"):
            return Path(self.location[len("local:") :])
        return None if _BACKEND.match(self.location) else Path(self.location)

    @property
    def masked_location(self) -> str:
        return self.mask(self.location)

    def mask(self, text: str) -> str:
        """The text without the credentials of this repository."""
        credentials = _CREDENTIALS.search(self.location)
        secrets = [value for key, value in self.environment.items() if _is_secret(key, value)]
        if credentials and len(credentials[2]) >= _SHORTEST_SECRET:
            secrets.append(credentials[2])
        text = _CREDENTIALS.sub(r"\1:***@", text)
        for secret in sorted(secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return text


def load(name: str) -> Repository:
    """The repository of this name: from the unit's credentials inside a unit, else from /etc/holdfast (as root).

    Problem when it is not configured on this host or its files are not sound.
    """
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials and os.path.exists(os.path.join(credentials, "location")):
        return read(name, Path(credentials))
    return read(name, _paths.repository_directory(check_name("repository", name)))


def read(name: str, directory: Path) -> Repository:
    """The repository whose location, password and environment lie in this directory."""
    noun = f"repository {name}"
    try:
        location = (directory / "location").read_text(encoding="utf-8").strip()
        (directory / "password").stat()
        environment = _pairs(noun, directory / "environment", _KEY)
        options = _pairs(noun, directory / "options", _OPTION)
    except FileNotFoundError as error:
        raise Problem(
            f"{noun}: {error.filename} is missing. Configure the repository with backup_repository."
        ) from None
    except PermissionError as error:
        raise Problem(f"{noun}: {error.filename} cannot be read. Become root.") from None
    if not location or "\n" in location:
        raise Problem(f"{noun}: {directory / 'location'} must hold one line. Write it again with backup_repository.")
    repository = Repository(name, location, directory / "location", directory / "password", environment, options)
    if repository.local_path and not repository.local_path.is_absolute():
        raise Problem(f"{noun}: location {location!r}: a path that depends on where one stands. Write it from / on.")
    return repository


def _is_secret(key: str, value: str) -> bool:
    return len(value) >= _SHORTEST_SECRET and bool(_SECRET.search(key.upper()))


def _pairs(noun: str, path: Path, name: re.Pattern[str]) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    pairs = [line.partition("=") for line in lines if line.strip()]
    if not all(equals and name.fullmatch(key) for key, equals, _value in pairs):
        raise Problem(f"{noun}: {path} must hold lines KEY=value. Write it again with backup_repository.")
    return {key: value for key, _equals, value in pairs}
