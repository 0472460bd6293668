# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call costs, as ratios measured in one run on one container host (``make bench``).

Each playbook below has one play of one task or one loop. Every figure is the median of the wall-clock seconds of whole
``ansible-playbook`` processes, so that it holds all that a user waits for.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
LAB = CHECKOUT / "tests" / "lab" / "lab"
STATE = CHECKOUT / ".lab-bench"
HOST = "bench"
REPEATS = 3
BACKUPS = 5


def playbook(name: str) -> float:
    """Run one playbook and return its seconds."""
    started = time.monotonic()
    done = subprocess.run(
        ["ansible-playbook", "-i", str(STATE / "inventory.yml"), str(HERE / f"{name}.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{done.stdout}{done.stderr}\nbench: {name}.yml failed, see above")
    return time.monotonic() - started


def median(name: str) -> float:
    return statistics.median(playbook(name) for turn in range(REPEATS))


def on_host(script: str) -> str:
    done = subprocess.run(
        [str(LAB), "ssh", HOST, script], capture_output=True, text=True, check=False, env=lab_environment()
    )
    if done.returncode != 0:
        raise SystemExit(f"{done.stderr}\nbench: a script on the host failed, see above")
    return done.stdout


def lab_environment() -> dict[str, str]:
    return {**os.environ, "HOLDFAST_LAB": str(STATE)}


def backup_seconds() -> tuple[float, float, float]:
    """Median seconds of the job's unit, of bare restic, and of the unit without a manifest, in turns, all unchanged."""
    script = f"python3 - {BACKUPS} manifest <<'EOF'\n{(HERE / 'overhead.py').read_text()}\nEOF"
    return tuple(json.loads(on_host(script)))


def table(ping: float, rows: list[tuple[str, float, float | None]]) -> str:
    lines = [f"{'what':58} {'seconds':>8} {'× ping':>7}  target"]
    for what, seconds, target in rows:
        reached = "" if target is None else f"≤ {target:g} × ping: {'met' if seconds <= target * ping else 'MISSED'}"
        lines.append(f"{what:58} {seconds:8.2f} {seconds / ping:7.2f}  {reached}".rstrip())
    return "\n".join(lines)


def measure_calls() -> str:
    playbook("prepare")
    playbook("ping")
    ping = median("ping")
    rows: list[tuple[str, float, float | None]] = [("ping, one task", ping, None)]
    rows.append(("volume, 50 in one list, first", playbook("volumes_list"), None))
    rows.append(("volume, 50 in one list, unchanged", median("volumes_list"), 2.0))
    rows.append(("volume, 500 in one list, first", playbook("volumes_many"), None))
    rows.append(("volume, 500 in one list, unchanged", median("volumes_many"), 4.0))
    rows.append(("volume_info, 500 volumes", median("volume_info"), 2.0))
    playbook("volumes_remove")
    rows.append(("loop over community.docker.docker_volume, first", playbook("volumes_loop"), None))
    rows.append(("loop over community.docker.docker_volume, unchanged", median("volumes_loop"), None))
    rows.append(("backup_timer, 20 jobs in one list, first", playbook("jobs_list"), None))
    rows.append(("backup_timer, 20 jobs in one list, unchanged", median("jobs_list"), 2.0))
    rows.append(("loops copy + copy + systemd_service, 20 jobs, first", playbook("jobs_loop"), None))
    rows.append(("loops copy + copy + systemd_service, 20 jobs, unchanged", median("jobs_loop"), None))
    rows.append(("nfs_mount, 20 in one list, first", playbook("mounts_list"), None))
    rows.append(("nfs_mount, 20 in one list, unchanged", median("mounts_list"), 2.0))
    rows.append(("loop over ansible.posix.mount, 20, first", playbook("mounts_loop"), None))
    rows.append(("loop over ansible.posix.mount, 20, unchanged", median("mounts_loop"), None))
    return table(ping, rows)


def measure_migration() -> str:
    """What a migration of 1 GiB in 10,000 files costs beside a bare copy and one check sum of both trees, in turns."""
    playbook("migration_prepare")
    ping = median("ping")
    bare, own = [], []
    for _turn in range(REPEATS):
        bare.append(float(on_host(f"python3 - bare <<'EOF'\n{(HERE / 'migration.py').read_text()}\nEOF")))
        own.append(playbook("migration") - ping)
        playbook("migration_back")
    seconds, least = statistics.median(own), statistics.median(bare)
    verdict = "met" if seconds <= 1.5 * least else "MISSED"
    return (
        f"migration of 1 GiB in 10,000 files {seconds:.2f} s beyond ping, cp -a and sha256sum of both trees "
        f"{least:.2f} s: {seconds / least:.2f} × (≤ 1.5 ×: {verdict})"
    )


def measure_overhead() -> str:
    unit, bare, without = backup_seconds()
    overhead = without - bare
    verdict = "met" if overhead <= 0.5 else "MISSED"
    return (
        f"backup through its unit {unit:.2f} s, of it for the manifest {unit - without:.2f} s, "
        f"bare restic {bare:.2f} s, overhead without the manifest {overhead:.2f} s (≤ 0.5 s: {verdict})"
    )


def main() -> None:
    lab = lab_environment()
    subprocess.run(
        [str(LAB), "up", "--kind", "container", "--hosts", HOST, "--distro", "bookworm"], check=True, env=lab
    )
    try:
        print(measure_calls(), flush=True)
        print(measure_overhead(), flush=True)
        print(measure_migration())
    finally:
        subprocess.run([str(LAB), "down"], check=True, env=lab, stdout=sys.stderr)


if __name__ == "__main__":
    main()
