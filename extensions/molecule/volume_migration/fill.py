# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills a directory with all that a file system has: fill.py DIRECTORY."""

from __future__ import annotations

import os
import sys
from pathlib import Path

root = Path(sys.argv[1])
base = root / "base"
base.mkdir(mode=0o2770)
os.chown(root, 70, 70)
os.chmod(root, 0o1750)
for number in range(200):
    path = base / f"{number}"
    path.write_bytes(os.urandom(number * 7))
    os.chown(path, 1000 + number % 5, 70)
    os.chmod(path, 0o600 + number % 0o77)
    os.utime(path, (1_700_000_000 + number, 1_600_000_000 + number))
with open(base / "sparse", "wb") as sparse:
    sparse.seek(50_000_000)
    sparse.write(b"end")
os.link(base / "7", root / "same as 7")
os.symlink("base/8", root / "link")
os.symlink("/etc/passwd", root / "link out")
os.mkfifo(root / "pipe", 0o640)
(root / "naïve name\nwith a new line").write_text("odd")
os.chmod(base / "9", 0o4755)
os.setxattr(base / "10", "user.note", b"kept")
