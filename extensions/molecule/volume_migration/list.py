# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down what a directory holds, by other means than the collection's own: list.py DIRECTORY FILE."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

root = Path(sys.argv[1])
links: dict[int, str] = {}
found: dict[str, Any] = {}
for path in sorted([root, *root.rglob("*")]):
    status = os.lstat(path)
    name = str(path.relative_to(root))
    found[name] = {
        "mode": stat.filemode(status.st_mode),
        "owner": [status.st_uid, status.st_gid],
        "modified": int(status.st_mtime),
        "size": status.st_size if stat.S_ISREG(status.st_mode) else 0,
        "is_sparse": stat.S_ISREG(status.st_mode) and status.st_blocks * 512 < status.st_size,
        "same_as": links.setdefault(status.st_ino, name),
        "target": os.readlink(path) if path.is_symlink() else "",
        "attributes": {
            key: os.getxattr(path, key, follow_symlinks=False).hex()
            for key in os.listxattr(path, follow_symlinks=False)
        },
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(status.st_mode) else "",
    }
Path(sys.argv[2]).write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")
