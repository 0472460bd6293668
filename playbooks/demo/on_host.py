# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo does on the host itself, as root: fill the service with data, measure the data, lose it.

It is sent over ssh to ``python3 -`` with one of the words fill, measure, lose; measure prints JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import time

CONTAINER = "database"
VOLUME = "pgdata"
EXPORTS = "/srv/exports"
TABLES = ("pgbench_accounts", "pgbench_branches", "pgbench_history", "pgbench_tellers")
SECONDS_TO_START = 180


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def in_database(*command: str) -> str:
    return run("docker", "exec", CONTAINER, *command)


def sql(statement: str) -> str:
    return in_database("psql", "-U", "postgres", "-At", "-v", "ON_ERROR_STOP=1", "-c", statement).strip()


def wait_for_database() -> None:
    ready = ["docker", "exec", CONTAINER, "pg_isready", "--quiet"]
    end = time.monotonic() + SECONDS_TO_START
    while subprocess.run(ready, stderr=subprocess.DEVNULL, check=False).returncode:
        if time.monotonic() > end:
            log = run("docker", "logs", "--tail", "20", CONTAINER)
            sys.exit(f"container {CONTAINER}: does not answer after {SECONDS_TO_START} s. Its log:\n{log}")
        time.sleep(1)  # PostgreSQL tells nobody outside its container when it is ready


def fill() -> None:
    wait_for_database()
    in_database("pgbench", "-U", "postgres", "--initialize", "--scale=1", "--quiet")
    in_database("pgbench", "-U", "postgres", "--transactions=100")
    sql("copy pgbench_history to '/exports/history.csv' (format csv)")
    for name, mode, owner, group in (
        ("secret", 0o600, 0, 0),
        ("program", 0o4751, 12345, 54321),
        ("nobody's", 0o000, 65534, 65534),
        ("naïve name with\nnew line", 0o646, 5432, 0),
    ):
        add_file(f"{EXPORTS}/{name}", mode, owner, group)
    shared = f"{EXPORTS}/shared"
    os.makedirs(f"{shared}/empty")
    os.chown(shared, 12345, 5432)
    os.chmod(shared, 0o3770)
    add_file(f"{shared}/inside", 0o640, 12345, 5432)
    os.symlink("../secret", f"{shared}/link")
    os.link(f"{EXPORTS}/secret", f"{shared}/same file")


def add_file(path: str, mode: int, owner: int, group: int) -> None:
    with open(path, "wb") as file:
        file.write(os.urandom(4096))
    os.chown(path, owner, group)
    os.chmod(path, mode)


def measure() -> None:
    wait_for_database()
    root = run("docker", "volume", "inspect", "--format", "{{.Mountpoint}}", VOLUME).strip()
    measured = {
        "tables": {table: table_fingerprint(table) for table in TABLES},
        "volume": ownership(os.lstat(root)),
        "files": {repr(path): file_fingerprint(path) for path in every_path(EXPORTS)},
    }
    print(json.dumps(measured, sort_keys=True))


def table_fingerprint(table: str) -> dict[str, str]:
    rows, digest = sql(f"select count(*), sum(hashtextextended(t::text, 0)) from {table} t").split("|")
    return {"rows": rows, "hash": digest}


def every_path(root: str) -> list[str]:
    found = [root]
    for folder, folders, files in os.walk(root):
        found += [os.path.join(folder, name) for name in folders + files]
    return sorted(found)


def ownership(status: os.stat_result) -> str:
    return f"{stat.filemode(status.st_mode)} {status.st_uid}:{status.st_gid}"


def file_fingerprint(path: str) -> dict[str, object]:
    status = os.lstat(path)
    found: dict[str, object] = {"owner": ownership(status), "changed": status.st_mtime_ns}
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            found["sha256"] = hashlib.sha256(file.read()).hexdigest()
    elif stat.S_ISLNK(status.st_mode):
        found["target"] = os.readlink(path)
    return found


def lose() -> None:
    run("docker", "rm", "--force", CONTAINER)
    run("docker", "volume", "rm", VOLUME)
    shutil.rmtree(EXPORTS)


{"fill": fill, "measure": measure, "lose": lose}[sys.argv[1]]()
