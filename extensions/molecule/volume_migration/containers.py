# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes down what the containers are, without what a new container cannot have of an old one: containers.py FILE."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

OF_ONE_LIFE = {
    "Id", "Created", "ResolvConfPath", "HostnamePath", "HostsPath", "LogPath", "GraphDriver", "State", "Platform",
    "EndpointID", "NetworkID", "SandboxID", "SandboxKey", "DNSNames", "Links", "Mode",
}  # fmt: skip
ID = re.compile("[0-9a-f]{12}")


def lasting(value: Any) -> Any:
    """Without what Docker gives every container anew; nothing, null and empty are the same to it."""
    if isinstance(value, dict):
        rows = {key: lasting(item) for key, item in value.items() if key not in OF_ONE_LIFE}
        return {key: item for key, item in rows.items() if item not in (None, [], {})}
    if isinstance(value, list):
        kept = [lasting(item) for item in value if not ID.fullmatch(str(item))]
        return sorted(kept, key=lambda row: json.dumps(row, sort_keys=True))
    return value


listed = subprocess.run(["docker", "ps", "--all", "--quiet"], capture_output=True, check=True, text=True)
inspected = subprocess.run(["docker", "inspect", *listed.stdout.split()], capture_output=True, check=True, text=True)
found = {}
for container in json.loads(inspected.stdout):
    # An anonymous volume is asked for by its name the second time; that it is mounted stands in Mounts.
    container["HostConfig"].pop("Mounts", None)
    found[container["Name"]] = {**lasting(container), "runs": container["State"]["Status"]}
Path(sys.argv[1]).write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")
