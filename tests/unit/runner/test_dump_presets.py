# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How databases are told to dump themselves: no secret ever stands among the arguments."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._dump_presets import call, file_name
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job_steps import TYPES, Dump


@pytest.mark.parametrize(
    ("dump", "surroundings", "password", "command", "environment"),
    [
        (
            Dump("a", "postgresql", container="db"),
            {"POSTGRES_PASSWORD": "s3cret", "POSTGRES_USER": "admin"},
            None,
            "pg_dumpall --no-password --username=admin",
            {"PGPASSWORD": "s3cret"},
        ),
        (
            Dump("a", "postgresql", container="db", database="shop"),
            {},
            None,
            "pg_dump --no-password --username=postgres --dbname=shop",
            {},
        ),
        (Dump("a", "postgresql", database="shop"), {}, None, "pg_dump --no-password --dbname=shop", {}),
        (
            Dump("a", "postgresql", container="db", user="reader"),
            {"POSTGRES_PASSWORD": "of another"},
            "s3cret",
            "pg_dumpall --no-password --username=reader",
            {"PGPASSWORD": "s3cret"},
        ),
        (
            Dump("a", "postgresql", container="db", user="reader"),
            {"POSTGRES_PASSWORD": "of another"},
            None,
            "pg_dumpall --no-password --username=reader",
            {},
        ),
        (
            Dump("a", "mariadb", container="db"),
            {"MYSQL_ROOT_PASSWORD": "s3cret"},
            None,
            "mariadb-dump --user=root --single-transaction --quick --routines --events --hex-blob --all-databases",
            {"MYSQL_PWD": "s3cret"},
        ),
        (
            Dump("a", "mysql", database="shop", user="reader"),
            {},
            None,
            "mysqldump --user=reader --single-transaction --quick --routines --events --hex-blob --databases shop",
            {},
        ),
        (Dump("a", "redis"), {}, "s3cret", "redis-cli --rdb -", {"REDISCLI_AUTH": "s3cret"}),
        (Dump("a", "redis", user="reader"), {}, None, "redis-cli --user reader --rdb -", {}),
        (Dump("a", "command", command=("/bin/x", "-a b")), {}, None, "/bin/x -a b", {}),
    ],
)
def test_the_command_and_what_it_gets(
    dump: Dump, surroundings: dict[str, str], password: str | None, command: str, environment: dict[str, str]
) -> None:
    made = call(dump, surroundings, password)
    assert (" ".join(made.command), made.environment, made.given) == (command, environment, b"")


def test_mongodb_reads_its_password() -> None:
    surroundings = {"MONGO_INITDB_ROOT_USERNAME": "root", "MONGO_INITDB_ROOT_PASSWORD": 's3"cret'}
    made = call(Dump("a", "mongodb", container="db"), surroundings, None)
    assert made.command[-3:] == ("--username=root", "--authenticationDatabase=admin", "--config=/dev/stdin")
    assert made.given == b'password: "s3\\"cret"\n'
    assert made.environment == {}


def test_postgresql_of_the_host_knows_its_own_user() -> None:
    assert call(Dump("a", "postgresql"), {}, None).run_as == "postgres"
    assert call(Dump("a", "postgresql", run_as="admin"), {}, None).run_as == "admin"
    assert call(Dump("a", "postgresql", container="db"), {}, None).run_as is None


@pytest.mark.parametrize("kind", sorted(set(TYPES) - {"sqlite", "command"}))
def test_no_secret_stands_among_the_arguments(kind: str) -> None:
    made = call(Dump("a", kind), {}, "s3cret")
    assert "s3cret" not in " ".join(made.command)
    assert "s3cret" in f"{made.environment}{made.given!r}"


def test_file_names() -> None:
    assert [file_name(Dump("a", kind)) for kind in TYPES] == [
        "a.sql",
        "a.sql",
        "a.sql",
        "a.archive",
        "a.rdb",
        "a.sqlite",
        "a",
    ]
