# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the host: fills four databases, counts what is in them, loads dumps into fresh ones and counts those.

``databases.py fill``, ``databases.py count``, ``databases.py load DIRECTORY``; the last two print JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

ROWS = 20_000
SQLITE = "/var/lib/docker/volumes/files/_data/app.db"
PASSWORDS = {name: Path(f"/root/{name}.password").read_text().strip() for name in ("mariadb", "redis")}
SECONDS = 180


def run(*command: str, given: bytes | None = None, **environment: str) -> str:
    done = subprocess.run(command, input=given, capture_output=True, env={**os.environ, **environment}, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.decode().strip()}")
    return done.stdout.decode().strip()


def postgresql(statement: str, database: str = "postgres") -> str:
    return run("docker", "exec", "database", "psql", "-U", "postgres", "-Atqc", statement, database)


def mariadb(statement: str) -> str:
    return run("mariadb", "--batch", "--skip-column-names", "--execute", statement)


def redis(*command: str, given: bytes | None = None, port: str = "6379") -> str:
    return run("redis-cli", "-p", port, *command, given=given, REDISCLI_AUTH=PASSWORDS["redis"])


def await_postgresql() -> None:
    end = time.monotonic() + SECONDS
    ready = ["docker", "exec", "database", "pg_isready", "--quiet"]
    while subprocess.run(ready, stderr=subprocess.DEVNULL, check=False).returncode:
        if time.monotonic() > end:
            sys.exit("container database: does not answer")
        time.sleep(0.5)  # PostgreSQL tells nobody outside its container when it is ready


def fill() -> None:
    await_postgresql()
    postgresql("CREATE DATABASE shop")
    postgresql(f"CREATE TABLE orders AS SELECT n, md5(n::text) AS text FROM generate_series(1, {ROWS}) n", "shop")
    mariadb("CREATE DATABASE shop")
    mariadb(f"CREATE TABLE shop.orders SELECT seq AS n, MD5(seq) AS text FROM shop.seq_1_to_{ROWS}")
    mariadb(
        f"CREATE USER backup@localhost IDENTIFIED BY '{PASSWORDS['mariadb']}'; "
        "GRANT SELECT, SHOW VIEW, TRIGGER, LOCK TABLES, EVENT, RELOAD, PROCESS ON *.* TO backup@localhost"
    )
    redis("--pipe", given=b"".join(b"SET key:%d value-%d\r\n" % (n, n) for n in range(ROWS)))
    connection = sqlite3.connect(SQLITE)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE orders (n INTEGER, text TEXT)")
    connection.executemany("INSERT INTO orders VALUES (?, ?)", ((n, str(n) * 10) for n in range(ROWS)))
    connection.commit()
    connection.close()


def count() -> dict[str, str]:
    await_postgresql()
    return {
        "postgresql": postgresql("SELECT count(*), sum(n), max(text) FROM orders", "shop").replace("|", " "),
        "mariadb": mariadb("SELECT count(*), sum(n), max(text) FROM shop.orders").replace("\t", " "),
        "redis": redis("DBSIZE"),
        "sqlite": " ".join(
            map(str, sqlite3.connect(SQLITE).execute("SELECT count(*), sum(n), max(text) FROM orders").fetchone())
        ),
    }


def load(directory: Path) -> dict[str, str]:
    """Each dump goes into a database that is new, as the documentation says."""
    postgresql("DROP DATABASE shop")
    postgresql("CREATE DATABASE shop")
    run(
        "docker", "exec", "--interactive", "database", "psql", "--quiet", "--username=postgres", "--dbname=shop",
        "--set=ON_ERROR_STOP=1", given=(directory / "postgres.sql").read_bytes(),
    )  # fmt: skip
    mariadb("DROP DATABASE shop")
    run("mariadb", given=(directory / "mariadb.sql").read_bytes())
    run("systemctl", "stop", "redis-server")
    shutil.copy(directory / "redis.rdb", "/var/lib/redis/dump.rdb")
    shutil.chown("/var/lib/redis/dump.rdb", "redis", "redis")
    run("systemctl", "start", "redis-server")
    for suffix in ("", "-wal", "-shm"):
        Path(f"{SQLITE}{suffix}").unlink(missing_ok=True)
    shutil.copy(directory / "app.sqlite", SQLITE)
    end = time.monotonic() + SECONDS
    while "LOADING" in (found := redis("PING")) and time.monotonic() < end:
        time.sleep(0.1)
    if found != "PONG":
        sys.exit(f"redis: {found}")
    return count()


if sys.argv[1] == "fill":
    fill()
else:
    print(json.dumps(count() if sys.argv[1] == "count" else load(Path(sys.argv[2]))))
