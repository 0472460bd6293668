# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The short way to declare a volume on an NFS server. No input, no output."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from ..mounts import _options
from ..mounts._presets import resolve
from ..runner._problem import Problem

NFS_OPTIONS: Mapping[str, Any] = {
    "server": {"type": "str", "required": True},
    "path": {"type": "str", "required": True},
    "preset": {
        "type": "str",
        "choices": ["default", "database", "efs", "filestore", "azure_files"],
        "default": "default",
    },
    "opts": {"type": "raw"},
}

_OF_FSTAB = re.compile(r"_netdev|nofail|(no)?auto|users?|x-.*|comment=.*|fg|bg|retry=.*")
"""What mount and systemd read and the kernel does not know: Docker hands everything to the kernel."""
_SERVER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f:]*:[0-9A-Fa-f:.]+")


def driver_options(given: Mapping[str, Any]) -> dict[str, str]:
    """What the local driver needs for it. Problem, which begins with the option's name."""
    server, path = str(given["server"]), str(given["path"])
    if not _SERVER.fullmatch(server):
        raise Problem(
            f"nfs.server: '{server}' is neither a host name nor an address. Write one, without path and port."
        )
    if not path.startswith("/") or path != os.path.normpath(path):
        raise Problem(
            f"nfs.path: '{path}' is not the path of an export. Write it as the server exports it: absolute, without "
            "'..' and without '/' at its end."
        )
    try:
        resolved = resolve(given["preset"], "nfs", _options.split(given["opts"]))
    except Problem as problem:
        raise Problem(f"nfs.{problem}") from problem
    if any(option.partition("=")[0] in ("addr", "clientaddr") for option in resolved):
        raise Problem("nfs.opts: addr= is what server says. Take it out.")
    words = [option for option in resolved if not _OF_FSTAB.fullmatch(option)]
    return {"type": "nfs", "device": f":{path}", "o": ",".join([f"addr={server}", *words])}
