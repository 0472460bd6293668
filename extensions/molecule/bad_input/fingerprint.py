# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints how a host is, to compare with later: every file outside of caches and logs, and what Docker has."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess

# What changes by itself, or by being looked at.
PASSED_OVER = {
    ".ansible",
    "/dev",
    "/proc",
    "/root/.cache",
    "/run",
    "/sys",
    "/tmp",
    "/var/cache",
    "/var/lib/containerd",
    "/var/lib/docker",
    "/var/lib/systemd",
    "/var/log",
    "/var/tmp",
    "__pycache__",
}


def main() -> None:
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if not {name, os.path.join(folder, name)} & PASSED_OVER]
        for name in sorted(folders + files):
            describe(os.path.join(folder, name))
    if shutil.which("docker"):
        for arguments in (["volume", "ls", "--quiet"], ["ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.State}}"]):
            print(subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False).stdout)


def describe(path: str) -> None:
    status = os.lstat(path)
    content = (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else ()
    print(repr(path), stat.filemode(status.st_mode), status.st_uid, status.st_gid, *content)


main()
