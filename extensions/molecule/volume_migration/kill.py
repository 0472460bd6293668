# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends, with SIGKILL, the run that migrates, as soon as it has removed a container: kill.py CONTAINER."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

LOCK = Path("/var/lib/holdfast/migrations/.lock")

of_removal = ["docker", "events", "--filter", "event=destroy", "--filter", f"container={sys.argv[1]}"]
with subprocess.Popen(of_removal, stdout=subprocess.PIPE) as events:
    assert events.stdout is not None
    events.stdout.readline()
    for line in Path("/proc/locks").read_text(encoding="utf-8").splitlines():
        _number, _kind, _strength, _access, process, file, *_range = line.split()
        if file.endswith(f":{LOCK.stat().st_ino}"):
            os.kill(int(process), signal.SIGKILL)
    events.kill()
