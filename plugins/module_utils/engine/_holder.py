# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reach the data of volumes that their driver mounts only while a container uses them.

A container that does nothing holds the volumes mounted, exactly as Docker mounts them, and its root directory is
reached through ``/proc``. Its image is empty and made on the spot: what it runs is this host's own ``sleep``.

Such a container also keeps volumes from being pruned while the containers that use them are away (:func:`keep`).
"""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ..runner._problem import Problem
from ._containers import DockerContainers
from ._docker import HOLDER_LABEL, Docker
from ._recreation import volumes_of

LABEL = HOLDER_LABEL
"""On the image, and on every holder with its purpose as the value."""
KEEPER_LABEL = "holdfast.keeper"
"""On the holders that outlast their process, with the volume in whose migration they keep others."""
IMAGE = "holdfast/holder:1"

_MARK = "holdfast-holder"
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")


class Holder:
    """Holds volumes mounted while the context lasts: ``with Holder(docker, "migrate pgdata", {"pgdata": "/data"})``.

    The context is a dictionary from each volume's name to the path on this host where its data is. Raises Problem: a
    volume is missing, its mount fails, or Docker runs elsewhere. Whoever uses one ``purpose`` sees to it that nobody
    else uses it at the same time: entering removes what a killed run left of the same purpose.
    """

    def __init__(self, docker: Docker, purpose: str, volumes: Mapping[str, str]) -> None:
        """``volumes``: each volume's name and where the holder has it, absolute."""
        self._docker = docker
        self._containers = DockerContainers(docker)
        self._purpose = purpose
        self._volumes = dict(volumes)
        self._id = ""

    def __enter__(self) -> dict[str, Path]:
        remove_holders(self._docker, self._purpose)
        if not self._docker.is_local:
            raise Problem(
                f"volumes {', '.join(self._volumes)}: their data lies on another host. Run the task there, with the "
                "docker_host of its own daemon."
            )
        for name in self._volumes:
            # Docker would make a plain volume of it.
            if self._docker.volume(name) is None:
                raise Problem(f"volume {name}: cannot be held mounted: there is none of this name. Create it first.")
        name = f"holdfast-holder-{uuid.uuid4().hex[:12]}"
        self._id = _create(self._containers, name, {LABEL: self._purpose}, self._volumes)
        try:
            self._containers.start(self._id, name)
            root = self._root()
        except BaseException:
            self._remove()
            raise
        return {volume: root / path.lstrip("/") for volume, path in self._volumes.items()}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove()

    def _remove(self) -> None:
        self._containers.remove(self._id, force=True)

    def _root(self) -> Path:
        """Refuse another process of the same number: Docker counts them for itself when it runs in a container."""
        found = self._containers.find(self._id)
        root = Path(f"/proc/{found['State']['Pid'] if found else 0}/root")
        if not (root / _MARK).is_dir():
            raise Problem(
                f"volumes {', '.join(self._volumes)}: cannot be reached from here: Docker's processes are not those "
                "of this host. Run the task where the daemon itself runs."
            )
        return root


def remove_holders(docker: Docker, purpose: str) -> None:
    """Remove what a killed run left of this purpose, and with it its hold on the volumes."""
    containers = DockerContainers(docker)
    for found in containers.labelled(f"{LABEL}={purpose}"):
        containers.remove(found, force=True)


def let_go(docker: Docker, volume: str) -> None:
    """Remove the holders that a killed run left on the volume, whatever for: Docker would not remove it before.

    Those of :func:`keep` stay, since what they keep may be the only copy.
    """
    containers = DockerContainers(docker)
    for holder in _found(containers, LABEL):
        if volume in volumes_of(holder) and KEEPER_LABEL not in holder["Config"]["Labels"]:
            containers.remove(holder["Id"], force=True)


def keep(docker: Docker, owner: str, volumes: Collection[str]) -> None:
    """Let one container run that has just these volumes mounted, so that nobody prunes them; without any, let it go.

    It starts again with the daemon. The previous one of the same ``owner`` (a volume) goes after the new one runs.
    """
    containers = DockerContainers(docker)
    found = _found(containers, f"{KEEPER_LABEL}={owner}")
    sound = [one["Id"] for one in found if one["State"]["Running"] and volumes_of(one) == {*volumes}][:1]
    if volumes and not sound:
        name = f"holdfast-keeper-{uuid.uuid4().hex[:12]}"
        labels = {LABEL: f"keep {owner}", KEEPER_LABEL: owner}
        targets = {volume: f"/volume-{number}" for number, volume in enumerate(sorted(volumes))}
        sound = [_create(containers, name, labels, targets, restart="always")]
        containers.start(sound[0], name)
    for one in found:
        if one["Id"] not in sound:
            containers.remove(one["Id"], force=True)


def _found(containers: DockerContainers, label: str) -> list[dict[str, Any]]:
    """The holders with this label, as Docker inspects them."""
    found = [containers.find(container) for container in containers.labelled(label)]
    return [holder for holder in found if holder is not None]


def _create(
    containers: DockerContainers,
    name: str,
    labels: Mapping[str, str],
    volumes: Mapping[str, str],
    restart: str = "no",
) -> str:
    """The id of a container with the volumes mounted where they say, and with this restart policy."""
    if not containers.has_image(IMAGE):
        containers.import_image(IMAGE, _image(), {LABEL: "image"})
    mounts = [
        {"Type": "volume", "Source": volume, "Target": path, "VolumeOptions": {"NoCopy": True}}
        for volume, path in volumes.items()
    ]
    config = {
        "Image": IMAGE,
        "Cmd": ["/usr/bin/sleep", "infinity"],
        # As the first process of its container sleep would not notice a milder signal, and hold up the daemon's stop.
        "StopSignal": "SIGKILL",
        "Labels": dict(labels),
        "HostConfig": {
            "Mounts": [{"Type": "bind", "Source": "/usr", "Target": "/usr", "ReadOnly": True}, *mounts],
            "NetworkMode": "none",
            "ReadonlyRootfs": True,
            "UsernsMode": "host",
            "SecurityOpt": ["no-new-privileges"],
            "LogConfig": {"Type": "none"},
            "RestartPolicy": {"Name": restart},
        },
    }
    return containers.create(name, config)


def _image() -> bytes:
    """A root directory with nothing in it but the way to this host's programs."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name in ("usr", _MARK):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(folder)
        for name in _LINKS:
            link = tarfile.TarInfo(name)
            link.type, link.linkname, link.mode = tarfile.SYMTYPE, f"usr/{name}", 0o777
            archive.addfile(link)
    return content.getvalue()
