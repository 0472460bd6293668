# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills directories with all that a file system has, the same in each: fill.py DIRECTORY…"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path


def fill(root: Path) -> None:
    chance = random.Random(7)
    os.chown(root, 70, 70)
    root.chmod(0o1750)
    for number in range(200):
        folder = root / f"part-{number % 8}"
        folder.mkdir(mode=0o2770, exist_ok=True)
        path = folder / f"{number}"
        path.write_bytes(chance.randbytes(chance.randrange(40_000)))
        os.chown(path, 1000 + number % 5, 70)
        path.chmod(0o600 + number % 0o77)
        os.utime(path, (1_700_000_000 + number, 1_600_000_000 + number))
    for number in range(60):
        (root / f"top-{number}").write_text(f"{number}\n")
    with (root / "sparse").open("wb") as sparse:
        sparse.seek(8_000_000)
        sparse.write(b"end")
    os.link(root / "part-7" / "7", root / "same as 7")
    (root / "link").symlink_to("part-0/8")
    (root / "naïve name\nwith a new line").write_text("odd")
    (root / "part-1" / "9").chmod(0o4755)
    os.setxattr(root / "part-2" / "10", "user.note", b"kept")


for directory in sys.argv[1:]:
    Path(directory).mkdir(parents=True, exist_ok=True)
    fill(Path(directory))
