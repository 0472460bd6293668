# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user says of a repository, refused before anything is touched where it cannot be. No input, no output."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..runner._job import check_name
from ..runner._problem import Problem
from ..runner._repository import Repository

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BACKENDS = ("s3", "sftp", "rest", "rclone", "b2", "azure", "gs", "swift")
_S3 = re.compile(r"s3:(https?://|//)?[^/]+/[^/]+.*")
_RESTIC_OPTION = re.compile(r"[a-z0-9]+\.[a-z0-9-]+")
_OWN_VARIABLES = re.compile(r"RESTIC_(REPOSITORY|PASSWORD|CACHE_DIR).*|CREDENTIALS_DIRECTORY")

OPTIONS: dict[str, Any] = {
    "location": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "password_file": {"type": "path", "no_log": False},
    "environment": {"type": "dict", "default": {}, "no_log": True},
    "restic_options": {"type": "dict", "default": {}},
    "initialise": {"type": "bool", "default": True},
    "password_change": {"type": "str", "choices": ["refuse", "add", "replace"], "default": "refuse", "no_log": False},
    "prove_append_only": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
"""What the module takes for one item besides its name."""


@dataclass(frozen=True)
class Desired:
    """One repository as the host shall know it; ``location`` is empty when it shall be absent."""

    name: str
    location: str = field(default="", repr=False)
    password: str | None = field(default=None, repr=False)
    password_file: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    restic_options: Mapping[str, str] = field(default_factory=dict)
    initialise: bool = True
    """Whether one is made where there is none."""
    password_change: str = "refuse"
    """What is done when only the stored password opens it."""
    prove_append_only: bool = False
    """Whether this host must not be able to delete there."""


def desired(item: Mapping[str, Any]) -> Desired:
    """The options of one repository as desired state. Problem on names and values that cannot be."""
    name = check_name("repository", item["name"])
    if item["state"] == "absent":
        return Desired(name)
    noun = f"repository {name}"
    if not item["location"]:
        raise Problem(f"{noun}: location is missing. Say where it lies, such as /srv/backup/{name} or s3:https://….")
    if (item["password"] is None) == (item["password_file"] is None):
        raise Problem(f"{noun}: give it either password or password_file; restic encrypts every repository.")
    _check_location(noun, item["location"])
    if item["password"] is not None:
        check_password(noun, "password", item["password"])
    elif not os.path.isabs(item["password_file"]):
        raise Problem(f"{noun}: password_file {item['password_file']!r}: must be an absolute path on the host.")
    environment = {str(key): _value(noun, key, value) for key, value in (item["environment"] or {}).items()}
    return Desired(
        name,
        item["location"],
        item["password"],
        item["password_file"],
        environment,
        _restic_options(noun, item["restic_options"] or {}),
        item["initialise"],
        item["password_change"],
        item["prove_append_only"],
    )


def url_password(location: str) -> str | None:
    """The password that a location such as ``rest:https://user:password@host/`` holds."""
    try:
        return urlsplit(location.partition(":")[2]).password
    except ValueError:
        return None


def repository(name: str, location: str) -> Repository:
    """To be looked at only: it has no files, so restic could not open it."""
    return Repository(name, location, Path(), Path())


def masked(location: str) -> str:
    return repository("", location).masked_location


def _check_location(noun: str, location: str) -> None:
    shown = masked(location)
    if location != location.strip() or not location.isprintable():
        raise Problem(f"{noun}: location {shown!r}: must be one line without spaces at its ends.")
    local = repository("", location).local_path
    if location.startswith("s3:") and not _S3.fullmatch(location):
        raise Problem(f"{noun}: location {shown!r}: names no bucket. Write s3:https://host/bucket or s3:host/bucket.")
    if (local is None and location.partition(":")[0] not in _BACKENDS) or (local and not local.is_absolute()):
        raise Problem(
            f"{noun}: location {shown!r}: is neither an absolute path nor begins with a kind of storage that restic "
            f"knows: {', '.join(f'{backend}:' for backend in _BACKENDS)}."
        )
    if local is None:
        return
    if os.path.normpath(local) != str(local) or ".." in local.parts or local == Path("/"):
        raise Problem(f"{noun}: location {shown!r}: must be a plain path without .. and not / itself.")


def check_password(noun: str, option: str, password: str) -> None:
    if not password or password != password.strip() or not set("\n\r\0").isdisjoint(password):
        raise Problem(
            f"{noun}: {option}: must be one line, not empty, without spaces at its ends (restic drops those, so the "
            "password that opens the repository would be another one)."
        )


def _value(noun: str, key: object, value: object) -> str:
    if not _VARIABLE.fullmatch(str(key)):
        raise Problem(f"{noun}: environment {key!r}: is no name of a variable. Use letters, digits and _.")
    if _OWN_VARIABLES.fullmatch(str(key)):
        raise Problem(f"{noun}: environment {key}: is set by holdfast itself. Use location, password or password_file.")
    if isinstance(value, bool):
        return str(value).lower()
    if not isinstance(value, (str, int, float)) or not set("\n\r\0").isdisjoint(str(value)):
        raise Problem(f"{noun}: environment {key}: its value must be one line of text. Quote it.")
    return str(value)


def _restic_options(noun: str, options: Mapping[str, Any]) -> dict[str, str]:
    for key, value in options.items():
        if not _RESTIC_OPTION.fullmatch(str(key)):
            raise Problem(
                f"{noun}: restic_options {key!r}: is no extended option of restic, such as rclone.program. "
                "The command restic options lists them."
            )
        if not isinstance(value, (str, int)) or not str(value).isprintable():
            raise Problem(f"{noun}: restic_options {key}: its value must be one line of text. Quote it.")
    return {str(key): str(value).lower() if isinstance(value, bool) else str(value) for key, value in options.items()}
