# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells what is on this host's disk, as one JSON object: look.py VOLUME DEVICE.

It knows nothing of the collection but where it keeps its journals, and hashes by itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

VOLUME, DEVICE = sys.argv[1:]
VOLUMES = Path("/var/lib/docker/volumes")
STATE = Path("/var/lib/holdfast")
LOG = "log"
"""What the container writes, line by line: 1, 2, 3, …"""
KEPT = ("user.", "trusted.", "system.posix_acl_", "security.capability")
MAKING = (".holdfast-seed", "lost+found")
"""At the top of a volume: what is not in place yet, and what mkfs makes."""


def main() -> None:
    places = {
        "volume": VOLUMES / VOLUME / "_data",
        "staging": VOLUMES / f"{VOLUME}.holdfast-staging" / "_data",
        "device": Path(DEVICE),
    }
    migration, seed = (STATE / kind / f"{VOLUME}.json" for kind in ("migrations", "seeds"))
    print(
        json.dumps(
            {
                "migration": journal(migration),
                "seed": journal(seed),
                "places": {name: place(path) for name, path in places.items() if path.is_dir()},
                "left": left([migration, seed], Path(DEVICE)),
                "containers": containers(),
                "definition": docker("volume", "inspect", "--format", "{{json .Options}}", VOLUME),
            }
        )
    )


def journal(path: Path) -> Any:
    """What is needed of it; None where there is none."""
    if not path.exists():
        return None
    known = json.loads(path.read_bytes())
    return {key: known.get(key) for key in ("phase", "stopping", "target", "inode")}


def place(root: Path) -> dict[str, Any]:
    """The digest of the data without the log, the last line of a sound log (-1: not sound), and how many names."""
    names = [name for name in os.listdir(root) if name not in MAKING]
    return {"digest": digest(root), "log": last_line(root / LOG), "names": len(names)}


def last_line(path: Path) -> int:
    lines = path.read_text(errors="replace").splitlines(keepends=True) if path.exists() else []
    return len(lines) if lines == [f"{number}\n" for number in range(1, len(lines) + 1)] else -1


def digest(root: Path) -> str:
    summed = hashlib.sha256()
    linked: dict[int, str] = {}
    for path in [root, *sorted(root.rglob("*"))]:
        inside = path.relative_to(root)
        if str(inside) == LOG or (inside.parts and inside.parts[0] in MAKING):
            continue
        found = path.lstat()
        first = linked.setdefault(found.st_ino, str(inside))
        attributes = [
            (name, os.getxattr(path, name, follow_symlinks=False).hex())
            for name in sorted(os.listxattr(path, follow_symlinks=False))
            if name.startswith(KEPT)
        ]
        is_file = stat.S_ISREG(found.st_mode)
        row = (
            str(inside),
            found.st_mode,
            found.st_uid,
            found.st_gid,
            found.st_size if is_file else 0,
            int(found.st_mtime) if is_file else 0,
            is_file and found.st_blocks * 1024 < found.st_size,
            os.readlink(path) if path.is_symlink() else "",
            first,
            attributes,
            hashlib.sha256(path.read_bytes()).hexdigest() if is_file else "",
        )
        summed.update(repr(row).encode("utf-8", "surrogateescape"))
    return summed.hexdigest()


def left(journals: list[Path], device: Path) -> list[str]:
    """What nothing may leave that is over."""
    volumes = [path for path in VOLUMES.iterdir() if path.name.startswith(f"{VOLUME}.")]
    notes = [path for file in journals for path in file.parent.glob(f"*{VOLUME}.json*")]
    tars = [path for file in journals for path in file.parent.glob(f"{VOLUME}.*.tar")]
    seeds = [path for folder in (VOLUMES / VOLUME, device.parent, device) for path in folder.glob(".holdfast-seed*")]
    holders = docker("ps", "--all", "--format", "{{.Names}}", "--filter", "label=holdfast.holder").split()
    return [str(path) for path in [*volumes, *notes, *tars, *seeds]] + holders


def containers() -> dict[str, dict[str, str]]:
    answer = docker("ps", "--all", "--format", "{{.Names}} {{.ID}}")
    names = dict(line.split() for line in answer.splitlines() if len(line.split()) == 2)
    shown = docker("inspect", *names) if names else "[]"
    return {
        one["Name"].lstrip("/"): {
            "state": one["State"]["Status"],
            "restart": one["HostConfig"]["RestartPolicy"]["Name"],
            "mounts": " ".join(sorted(f"{mount.get('Name')}:{mount['Destination']}" for mount in one["Mounts"])),
        }
        for one in json.loads(shown)
    }


def docker(*arguments: str) -> str:
    """The answer, or what went wrong: that is what the test wants to know then."""
    done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else f"error: {done.stderr.strip()}"


main()
