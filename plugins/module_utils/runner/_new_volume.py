# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plain volume that a restore makes for itself when it must not touch the one that is there."""

from __future__ import annotations

import http.client
import json
from urllib.parse import quote

from . import _paths
from ._engine import Engine, _Connection
from ._problem import Problem

LABEL = "holdfast.restored-from"
_TIMEOUT = 60


class NewVolumes(Engine):
    """A client of the daemon that can also make such volumes and remove them again."""

    def predicted_mountpoint(self, name: str) -> str:
        """Where the local driver puts the data of a volume of this name."""
        return f"{self._call('GET', '/info', 'ask for its root directory')['DockerRootDir']}/volumes/{name}/_data"

    def origin(self, name: str) -> str:
        """The snapshot and source that the volume was restored from; empty for every other volume."""
        found = self._call("GET", f"/volumes/{quote(name, safe='')}", f"look for volume {name}", absent=True)
        return str(((found or {}).get("Labels") or {}).get(LABEL, ""))

    def create(self, name: str, origin: str) -> None:
        """Make the volume. The caller has looked whether there is one: Docker would answer with that."""
        connection = _Connection("localhost", timeout=_TIMEOUT)
        body = json.dumps({"Name": name, "Driver": "local", "Labels": {LABEL: origin}})
        try:
            connection.request("POST", "/volumes/create", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            answer = response.read().decode(errors="replace").strip()
        except (OSError, http.client.HTTPException) as error:
            raise Problem(
                f"Docker: could not create volume {name}: {_paths.DOCKER_SOCKET}: {error}. "
                "Look at the daemon: systemctl status docker."
            ) from None
        finally:
            connection.close()
        if response.status >= http.client.BAD_REQUEST:
            raise Problem(f"Docker: could not create volume {name}: {answer}. Name another target.")

    def remove(self, name: str) -> None:
        self._call("DELETE", f"/volumes/{quote(name, safe='')}", f"remove volume {name}", absent=True)
