# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the first content of a volume comes from, as the user wrote it. No input, no output.

An adoption is a seed whose source is a container, a hydration one whose source is a snapshot.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from ..runner._choice import LATEST, check_wanted
from ..runner._job import check_name
from ..runner._problem import Problem
from ..volumes._driver_options import as_strings, secrets

DIRECTORY, ARCHIVE, URL, VOLUME, IMAGE = "directory", "archive", "url", "volume", "image"
CONTAINER, SNAPSHOT = "container", "snapshot"

_SOURCES = (DIRECTORY, ARCHIVE, URL, VOLUME, IMAGE)
SEED_OPTIONS: Mapping[str, Any] = {
    **{source: {"type": "path" if source in (DIRECTORY, ARCHIVE) else "str"} for source in _SOURCES},
    "checksum": {"type": "str"},
    "strip": {"type": "int", "default": 0},
    "remote_src": {"type": "bool", "default": False},
    "command": {"type": "list", "elements": "str"},
    "path": {"type": "str", "default": "/seed"},
    "environment": {"type": "dict"},
    "user": {"type": "str"},
    "network": {"type": "str", "default": "none"},
    "timeout": {"type": "int", "default": 3600},
}
ADOPT_OPTIONS: Mapping[str, Any] = {
    "container": {"type": "str", "required": True},
    "path": {"type": "str", "required": True},
}
HYDRATE_OPTIONS: Mapping[str, Any] = {
    "job": {"type": "str", "required": True},
    "repository": {"type": "str"},
    "host": {"type": "str"},
    "snapshot": {"type": "str", "default": LATEST},
    "volume": {"type": "str"},
    "first_boot": {"type": "str", "choices": ["refused", "allowed"], "default": "refused"},
}

_ONLY_FOR = {
    "checksum": (ARCHIVE, URL),
    "strip": (ARCHIVE, URL),
    "remote_src": (DIRECTORY, ARCHIVE),
    "command": (IMAGE,),
    "path": (IMAGE,),
    "environment": (IMAGE,),
    "user": (IMAGE,),
    "network": (IMAGE,),
    "timeout": (IMAGE,),
}
_SHORTEST_SECRET = 4
"""Shorter ones Ansible would hide in every word."""
_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}
_CHECKSUM = re.compile(r"(\w+):([0-9a-f]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Seed:
    """Where the first content of a volume comes from."""

    kind: str
    source: str
    """A path, a URL, or a name of what Docker knows."""
    on_host: bool = True
    """Whether a path is one of the managed host; else it is one of the control node."""
    sent: str = ""
    """Where on the host the action plugin put a source of the control node; empty when it has not."""
    algorithm: str = ""
    checksum: str = ""
    """In hexadecimal digits, lower case; empty when none is given."""
    strip: int = 0
    command: tuple[str, ...] | None = None
    """None: the image's own."""
    path: str = ""
    """Within a container, absolute; of a snapshot the volume whose data it is."""
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = ""
    network: str = "none"
    timeout: int = 3600
    """Seconds for the command; 0 for as long as it takes."""
    repository: str = ""
    """Where the snapshots of the job are; empty: where the job on this host keeps them."""
    host: str = ""
    """Who saved them; empty: this host."""
    snapshot: str = LATEST
    first_boot: bool = False
    """Whether there may be no snapshot."""
    otherwise: Seed | None = None
    """Where the first content comes from when there is no snapshot; None: the volume begins empty."""

    @property
    def words(self) -> str:
        """For people and for the provenance, without secrets."""
        if self.kind == URL:
            return f"url {shown_url(self.source)}"
        if self.kind == CONTAINER:
            return f"container {self.source} at {self.path}"
        if self.kind == SNAPSHOT:
            by = f" by host {self.host}" if self.host else ""
            return f"snapshot {self.snapshot} of job {self.source}{by}"
        where = "" if self.on_host else " of the control node"
        return f"{self.kind} {self.source}{where}"

    @property
    def is_adoption(self) -> bool:
        return self.kind == CONTAINER

    @property
    def option(self) -> str:
        """The option that asks for it."""
        return {CONTAINER: "adopt", SNAPSHOT: "hydrate_from"}.get(self.kind, f"seed.{self.kind}")

    @property
    def brings(self) -> str:
        """The field of the result and of the provenance that tells of it."""
        return {CONTAINER: "adopted", SNAPSHOT: "hydrated"}.get(self.kind, "seeded")

    def of_kind(self, kind: str) -> Seed:
        """This one, or the one that takes its place when there is no snapshot."""
        return self.otherwise if self.otherwise is not None and self.otherwise.kind == kind else self


def seed_of(item: Mapping[str, Any]) -> Seed | None:
    """The first content that ``hydrate_from``, ``seed`` or ``adopt`` ask for. Problem for what cannot be meant."""
    seed, adopt, hydrate = item.get("seed"), item.get("adopt"), item.get("hydrate_from")
    if adopt is not None and (seed is not None or hydrate is not None):
        other = "seed" if seed is not None else "hydrate_from"
        raise Problem(f"{other}, adopt: a volume has one first content. Keep one of them.")
    if adopt is not None:
        _check_absolute("adopt.path", adopt["path"])
        return Seed(CONTAINER, adopt["container"].lstrip("/"), path=_normal(adopt["path"]))
    first = None if seed is None else _seed(seed)
    return first if hydrate is None else _hydration(hydrate, str(item["name"]), first)


def _hydration(given: Mapping[str, Any], name: str, otherwise: Seed | None) -> Seed:
    first_boot = given["first_boot"] == "allowed"
    try:
        check_name("job", given["job"])
        if given["repository"]:
            check_name("repository", given["repository"])
        check_wanted(given["snapshot"])
    except Problem as problem:
        raise Problem(f"hydrate_from: {problem}") from problem
    if otherwise is not None and not first_boot:
        raise Problem(
            "seed: serves beside hydrate_from only at a first boot, when there is no snapshot. Set "
            "hydrate_from.first_boot: allowed, or take seed out."
        )
    return Seed(
        SNAPSHOT,
        given["job"],
        path=given["volume"] or name,
        repository=given["repository"] or "",
        host=given["host"] or "",
        snapshot=given["snapshot"],
        first_boot=first_boot,
        otherwise=otherwise,
    )


def _seed(given: Mapping[str, Any]) -> Seed:
    kinds = [kind for kind in _SOURCES if given.get(kind)]
    if len(kinds) != 1:
        named = ", ".join(kinds) or "none"
        raise Problem(f"seed: takes exactly one of {', '.join(_SOURCES)}, and {named} is given. Keep one.")
    kind = kinds[0]
    _check_company(kind, given)
    source = str(given[kind])
    if kind == URL:
        _check_url(source, given.get("checksum"))
    if given.get("remote_src"):
        _check_absolute(f"seed.{kind}", source)
    algorithm, checksum = _checksum(given.get("checksum"))
    command = given.get("command")
    return Seed(
        kind,
        source,
        on_host=kind not in (DIRECTORY, ARCHIVE) or bool(given.get("remote_src")),
        algorithm=algorithm,
        checksum=checksum,
        strip=_not_negative("strip", given.get("strip") or 0),
        command=None if command is None else tuple(command),
        path=_normal(given["path"]) if kind == IMAGE else "",
        environment=as_strings("seed.environment", given.get("environment") or {}),
        user=given.get("user") or "",
        network=given.get("network") or "none",
        timeout=_not_negative("timeout", given.get("timeout", 3600)),
    )


def _check_company(kind: str, given: Mapping[str, Any]) -> None:
    for name, kinds in _ONLY_FOR.items():
        default = SEED_OPTIONS[name].get("default")
        if kind not in kinds and given.get(name, default) not in (default, None):
            raise Problem(f"seed.{name}: goes with {' or '.join(kinds)}, not with {kind}. Take it out.")
    if kind == IMAGE:
        _check_absolute("seed.path", given["path"])
        if _normal(given["path"]) == "/" or ":" in given["path"]:
            raise Problem(f"seed.path: Docker can mount nothing at '{given['path']}'. Take a directory without ':'.")


def _check_absolute(of: str, path: str) -> None:
    if not path.startswith("/") or ".." in path.split("/"):
        raise Problem(f"{of}: '{path}' is not an absolute path without '..'. Write one.")


def _normal(path: str) -> str:
    """An absolute path without doubled and closing slashes."""
    return f"/{os.path.normpath(path).lstrip('/')}"


def _check_url(url: str, checksum: str | None) -> None:
    if urlsplit(url).scheme not in ("http", "https"):
        raise Problem(f"seed.url: '{shown_url(url)}' does not begin with http:// or https://. Write it so.")
    if not checksum:
        raise Problem(
            "seed.checksum: is missing. What comes over a network is taken only with it: set it to 'sha256:' and the "
            "64 digits that sha256sum prints for the archive."
        )


def _checksum(given: str | None) -> tuple[str, str]:
    if not given:
        return "", ""
    found = _CHECKSUM.fullmatch(given)
    algorithm = found.group(1).lower() if found else ""
    if found is None or len(found.group(2)) != _DIGITS.get(algorithm):
        raise Problem(
            f"seed.checksum: '{given}' is not one of {', '.join(_DIGITS)}, a colon, and as many hexadecimal digits as "
            "that has, such as 'sha256:' and 64 digits. Write one."
        )
    return algorithm, found.group(2).lower()


def _not_negative(name: str, value: int) -> int:
    if value < 0:
        raise Problem(f"seed.{name}: {value} is below 0. Write 0 or more.")
    return value


def shown_url(url: str) -> str:
    """Without user, password and query, in which signatures and tokens are."""
    parts = urlsplit(url)
    query = "********" if parts.query else ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def seed_secrets(item: Mapping[str, Any]) -> Iterator[str]:
    """What of an item's ``seed``, as the user wrote it, Ansible has to keep out of logs and results."""
    seed = item.get("seed") or {}
    yield from secrets(seed.get("environment") or {})
    parts = urlsplit(str(seed.get("url") or ""))
    yield from (secret for secret in (parts.netloc.rpartition("@")[0], parts.query) if len(secret) >= _SHORTEST_SECRET)
