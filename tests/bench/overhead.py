# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the host: the job's whole unit against bare restic over the same sources, in turns, as medians.

``overhead.py TURNS`` prints those two. ``overhead.py TURNS manifest`` adds that of the unit without a content manifest:
what lies between it and the first is what the manifest costs.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

REPOSITORY = "/etc/holdfast/repositories/bench"
BARE = ["restic", "--quiet", "backup", "--host", "bare", "/srv/bench"]
JOB = Path("/etc/holdfast/jobs/bench0.json")
UNIT = ["systemctl", "start", "holdfast-backup-bench0.service"]


def seconds(command: list[str]) -> float:
    environment = {
        **os.environ,
        "RESTIC_REPOSITORY_FILE": f"{REPOSITORY}/location",
        "RESTIC_PASSWORD_FILE": f"{REPOSITORY}/password",
        "RESTIC_CACHE_DIR": "/var/cache/holdfast/bare",
    }
    started = time.monotonic()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    lasted = time.monotonic() - started
    # systemd starts a unit five times in ten seconds at most; this forgets how often it was.
    subprocess.run(["systemctl", "reset-failed", UNIT[-1]], check=True)
    return lasted


def without_manifest() -> float:
    text = JOB.read_text()
    JOB.write_text(json.dumps({**json.loads(text), "manifest": "none"}))
    try:
        return seconds(UNIT)
    finally:
        JOB.write_text(text)


rounds = [lambda: seconds(UNIT), lambda: seconds(BARE)]
if "manifest" in sys.argv:
    # Run before, so that the unit with a manifest finds none and makes it anew: run twice, and counted once.
    rounds = [lambda: (seconds(UNIT), seconds(UNIT))[1], rounds[1], without_manifest]
for measure in rounds:
    measure()
turns = [[measure() for measure in rounds] for turn in range(int(sys.argv[1]))]
print(json.dumps([statistics.median(column) for column in zip(*turns)]))
