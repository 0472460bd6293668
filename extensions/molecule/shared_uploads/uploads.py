# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes an upload every tenth of a second: a file in the shared directory, and then a line that it was taken.

Both are on disk before the next one. Whatever the second file names must be in the first directory for ever.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path


def main(shared: str, taken: str) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    with open(taken, "a", encoding="ascii") as log:
        for number in range(1_000_000):
            name = f"{socket.gethostname()}-{boot}-{number}"
            with open(os.path.join(shared, name), "x", encoding="ascii") as upload:
                upload.write(name)
                upload.flush()
                os.fsync(upload.fileno())
            log.write(f"{name}\n")
            log.flush()
            os.fsync(log.fileno())
            time.sleep(0.1)


if __name__ == "__main__":
    main(*sys.argv[1:])
