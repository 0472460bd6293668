# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs on the host: fills the volume that a migration is measured with, or measures what cp and sha256sum need for it.

``migration.py fill`` writes 1 GiB in 10,000 files. ``migration.py bare`` prints the seconds that ``cp -a`` of these and
one ``sha256sum`` of every file of both trees take.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

VOLUME = "bench-migration"
FOLDERS, FILES, SIZE = 100, 100, (1 << 30) // 10_000
COPY = Path("/srv/bench-migration-copy")


def data() -> Path:
    command = ["docker", "volume", "inspect", "--format", "{{.Mountpoint}}", VOLUME]
    return Path(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())


def fill() -> None:
    for folder in range(FOLDERS):
        place = data() / f"{folder:03}"
        place.mkdir()
        for number in range(FILES):
            (place / f"{number:03}").write_bytes(os.urandom(SIZE))
    os.sync()


def bare() -> float:
    started = time.monotonic()
    subprocess.run(["cp", "-a", f"{data()}/.", COPY], check=True)
    for tree in (data(), COPY):
        # By find itself with as many files as fit into one command.
        subprocess.run(["find", tree, "-type", "f", "-exec", "sha256sum", "{}", "+"], check=True, capture_output=True)
    lasted = time.monotonic() - started
    shutil.rmtree(COPY)
    os.sync()
    return lasted


if sys.argv[1] == "fill":
    fill()
else:
    print(bare())
