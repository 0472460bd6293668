# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each kind of database is told to write itself to its standard output. Pure.

Passwords go through the environment, or through what the program reads where it knows no variable: whoever lists the
processes of the host sees neither.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ._job_steps import COMMAND, Dump

_SUFFIXES = {
    "postgresql": ".sql",
    "mariadb": ".sql",
    "mysql": ".sql",
    "mongodb": ".archive",
    "redis": ".rdb",
    "sqlite": ".sqlite",
    COMMAND: "",
}
_PASSWORDS = {
    "postgresql": ("POSTGRES_PASSWORD",),
    "mariadb": ("MARIADB_ROOT_PASSWORD", "MYSQL_ROOT_PASSWORD"),
    "mysql": ("MYSQL_ROOT_PASSWORD",),
    "mongodb": ("MONGO_INITDB_ROOT_PASSWORD",),
    "redis": ("REDIS_PASSWORD",),
}
"""Under which names images are given the password of their administrator."""
_USERS = {"postgresql": "POSTGRES_USER", "mongodb": "MONGO_INITDB_ROOT_USERNAME"}
_VARIABLES = {
    "postgresql": "PGPASSWORD",
    "mariadb": "MYSQL_PWD",
    "mysql": "MYSQL_PWD",
    "redis": "REDISCLI_AUTH",
}


@dataclass(frozen=True)
class Call:
    """A command, and what it gets besides its arguments."""

    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    given: bytes = b""
    """What it reads."""
    run_as: str | None = None


def file_name(dump: Dump) -> str:
    """What the file is called that holds the dump."""
    return dump.name + _SUFFIXES[dump.type]


def call(dump: Dump, surroundings: Mapping[str, str], password: str | None) -> Call:
    """How the dump is made. ``surroundings``: the environment that its container was made with."""
    if dump.type == COMMAND:
        return Call(dump.command, run_as=dump.run_as)
    user = dump.user or surroundings.get(_USERS.get(dump.type, ""))
    if password is None and dump.user in (None, surroundings.get(_USERS.get(dump.type, "")), "root", "postgres"):
        found = [surroundings[name] for name in _PASSWORDS[dump.type] if surroundings.get(name)]
        password = found[0] if found else None
    make = {"postgresql": _postgresql, "mongodb": _mongodb, "redis": _redis}.get(dump.type, _mysql)
    command = make(dump, user)
    run_as = dump.run_as
    if dump.type == "postgresql" and not dump.container and not run_as:
        run_as = "postgres"  # as whom its server knows the system's user of this name
    if password is None:
        return Call(command, run_as=run_as)
    if dump.type == "mongodb":
        given = f"password: {json.dumps(password)}\n".encode()
        return Call((*command, "--config=/dev/stdin"), given=given, run_as=run_as)
    return Call(command, {_VARIABLES[dump.type]: password}, run_as=run_as)


def _postgresql(dump: Dump, user: str | None) -> tuple[str, ...]:
    # Never asked for, which nobody would answer.
    program = ["pg_dump", f"--dbname={dump.database}"] if dump.database else ["pg_dumpall"]
    name = user or ("postgres" if dump.container else None)
    return (program[0], "--no-password", *([f"--username={name}"] if name else []), *program[1:])


def _mysql(dump: Dump, user: str | None) -> tuple[str, ...]:
    program = "mariadb-dump" if dump.type == "mariadb" else "mysqldump"
    what = ["--databases", dump.database] if dump.database else ["--all-databases"]
    return (
        program,
        f"--user={user or 'root'}",
        "--single-transaction",
        "--quick",
        "--routines",
        "--events",
        "--hex-blob",
        *what,
    )


def _mongodb(dump: Dump, user: str | None) -> tuple[str, ...]:
    who = [f"--username={user}", "--authenticationDatabase=admin"] if user else []
    return ("mongodump", "--archive", "--quiet", *who, *([f"--db={dump.database}"] if dump.database else []))


def _redis(dump: Dump, _user: str | None) -> tuple[str, ...]:
    return ("redis-cli", *(["--user", dump.user] if dump.user else []), "--rdb", "-")
