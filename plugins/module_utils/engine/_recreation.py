# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a container is created again from Docker's own inspect of it. No input, no output.

Docker removes no volume that a container refers to, so a volume's definition changes only when its containers are
created again. What they wrote to their own layer is told apart here too: it goes with the container.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_JOINS = ("NetworkMode", "IpcMode", "PidMode", "UTSMode")
_CONTAINER = "container:"
_WITHOUT_ENDPOINTS = ("host", "none")
_DEFAULT = ("", "default")
_ENDPOINT = ("IPAMConfig", "Links", "DriverOpts", "GwPriority")
"""What somebody asked for of a network; the rest of an endpoint is what Docker answered."""
_OF_DOCKER = ("/.dockerenv", "/etc/hostname", "/etc/hosts", "/etc/mtab", "/etc/resolv.conf")
_FLEETING = ("/dev", "/proc", "/run", "/sys", "/tmp", "/var/run")
_DELETED = 2
"""Kind of a change in the answer of ``docker diff``; 0 is changed and 1 added."""


@dataclass(frozen=True)
class Creation:
    """What Docker is asked for, in this order: create, connect, disconnect."""

    config: Mapping[str, Any]
    connect: Mapping[str, Mapping[str, Any]]
    """Networks besides the first, each with its endpoint."""
    disconnect: tuple[str, ...]


@dataclass(frozen=True)
class Layer:
    """What a container changed in its own layer, as absolute paths in it."""

    written: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()


def creation(
    container: Mapping[str, Any], image: str, volume: str, driver: str, renamed: Mapping[str, str]
) -> Creation:
    """How to create the container again, with ``image`` and with ``volume``, which another driver keeps by now.

    ``renamed``: ids of containers that are created again too, with their names.
    """
    host = dict(container["HostConfig"])
    config = {**container["Config"], "Image": image}
    for key in _JOINS:
        host[key] = _retargeted(host.get(key) or "", renamed)
    if host["NetworkMode"].startswith(_CONTAINER):
        # What Docker took over from the other container, and refuses to be told.
        config.update(Hostname="", Domainname="", ExposedPorts=None, MacAddress="")
        host["PortBindings"] = None
    if host["UTSMode"] == "host":
        config.update(Hostname="", Domainname="")
    host["VolumesFrom"] = [_source_retargeted(each, renamed) for each in host.get("VolumesFrom") or ()] or None
    host["Links"] = [_link(link) for link in host.get("Links") or ()] or None
    host["Mounts"] = _mounts(container, volume) or None
    if host.get("VolumeDriver") not in (None, "", driver):
        host["VolumeDriver"] = ""
    networks = _networks(container)
    first = _first_network(container)
    if first in networks:
        config["NetworkingConfig"] = {"EndpointsConfig": {first: networks.pop(first)}}
        leave: tuple[str, ...] = ()
    else:
        leave = (first,) if first else ()
    return Creation({**config, "HostConfig": host}, networks, leave)


def references(container: Mapping[str, Any]) -> set[str]:
    """Names and ids of the containers without which this one cannot be: it lives in their namespaces, or links them."""
    host = container["HostConfig"]
    found = {host[key][len(_CONTAINER) :] for key in _JOINS if (host.get(key) or "").startswith(_CONTAINER)}
    found.update(each.partition(":")[0] for each in host.get("VolumesFrom") or ())
    found.update(link.partition(":")[0].lstrip("/") for link in host.get("Links") or ())
    return found


def volumes_of(container: Mapping[str, Any]) -> set[str]:
    """The volumes that it has mounted, those without a name of their own too."""
    return {mount["Name"] for mount in container.get("Mounts") or () if mount["Type"] == "volume" and mount.get("Name")}


def name_of(container: Mapping[str, Any]) -> str:
    return str(container["Name"]).lstrip("/")


def networks_of(container: Mapping[str, Any]) -> tuple[str, ...]:
    """The networks that must be there for the container to be created again."""
    return tuple(_networks(container))


def bound_sources(container: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of the host that must be there: Docker makes those of ``Binds`` itself."""
    mounts = container["HostConfig"].get("Mounts") or ()
    return tuple(mount["Source"] for mount in mounts if mount.get("Type") == "bind")


def layer(container: Mapping[str, Any], changes: Sequence[Mapping[str, Any]]) -> Layer:
    """What of the changes has to be carried over, out of the answer of ``docker diff``."""
    if container["HostConfig"].get("ReadonlyRootfs"):
        return Layer()
    apart = (*_OF_DOCKER, *_FLEETING, *_mount_points(container))
    own = [change for change in changes if not _lies_in(change["Path"], apart)]
    above = _ancestors([*(change["Path"] for change in changes), *apart])
    if all(change["Path"] in above for change in own):
        # Directories that count as changed for what Docker itself put into them.
        return Layer()
    return Layer(
        written=tuple(change["Path"] for change in own if change["Kind"] != _DELETED),
        deleted=tuple(change["Path"] for change in own if change["Kind"] == _DELETED),
    )


def _retargeted(mode: str, renamed: Mapping[str, str]) -> str:
    if not mode.startswith(_CONTAINER):
        return mode
    target = mode[len(_CONTAINER) :]
    return _CONTAINER + renamed.get(target, target)


def _source_retargeted(source: str, renamed: Mapping[str, str]) -> str:
    container, colon, mode = source.partition(":")
    return f"{renamed.get(container, container)}{colon}{mode}"


def _link(link: str) -> str:
    """Docker tells "/db:/web/database" and takes "db:database"."""
    target, _colon, alias = link.partition(":")
    return f"{target.lstrip('/')}:{alias.rpartition('/')[2]}"


def _mounts(container: Mapping[str, Any], volume: str) -> list[dict[str, Any]]:
    """The container's mounts as they were asked for, with the volumes without a name by the name that they got."""
    host = container["HostConfig"]
    asked = [_without_definition(mount, volume) for mount in host.get("Mounts") or () if _is_named(mount)]
    targets = {_normal(bind.split(":")[1]) for bind in host.get("Binds") or () if ":" in bind}
    targets.update(_normal(mount["Target"]) for mount in asked)
    return asked + [
        {
            "Type": "volume",
            "Source": mount["Name"],
            "Target": mount["Destination"],
            "ReadOnly": not mount.get("RW", True),
            "VolumeOptions": {"NoCopy": True},
        }
        for mount in container.get("Mounts") or ()
        if mount["Type"] == "volume" and _normal(mount["Destination"]) not in targets
    ]


def _is_named(mount: Mapping[str, Any]) -> bool:
    return mount.get("Type") != "volume" or bool(mount.get("Source"))


def _without_definition(mount: Mapping[str, Any], volume: str) -> dict[str, Any]:
    """A mount may bring the definition of its volume for the case that there is none; it is outdated now."""
    options = mount.get("VolumeOptions") or {}
    if mount.get("Source") != volume or "DriverConfig" not in options:
        return dict(mount)
    return {**mount, "VolumeOptions": {key: value for key, value in options.items() if key != "DriverConfig"}}


def _networks(container: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    mode = container["HostConfig"].get("NetworkMode") or ""
    if mode in _WITHOUT_ENDPOINTS or mode.startswith(_CONTAINER):
        return {}
    networks = container["NetworkSettings"].get("Networks") or {}
    return {name: _endpoint(container, endpoint or {}) for name, endpoint in networks.items()}


def _endpoint(container: Mapping[str, Any], endpoint: Mapping[str, Any]) -> dict[str, Any]:
    asked = {key: endpoint[key] for key in _ENDPOINT if endpoint.get(key)}
    # Docker adds the id by itself, and the new container has another one.
    aliases = [alias for alias in endpoint.get("Aliases") or () if alias != container["Id"][:12]]
    if aliases:
        asked["Aliases"] = aliases
    mac = endpoint.get("MacAddress") or ""
    if mac and mac != _mac_of(endpoint.get("IPAddress") or ""):
        asked["MacAddress"] = mac
    return asked


def _mac_of(address: str) -> str:
    """The hardware address that Docker makes of an IPv4 address when nobody asks for another."""
    return ":".join(["02", "42", *(f"{int(part):02x}" for part in address.split("."))]) if address else ""


def _first_network(container: Mapping[str, Any]) -> str:
    """The network that Docker connects at creation, by its name; empty when the container has none of its own."""
    mode = container["HostConfig"].get("NetworkMode") or ""
    if mode in _WITHOUT_ENDPOINTS or mode.startswith(_CONTAINER):
        return ""
    networks = container["NetworkSettings"].get("Networks") or {}
    wanted = "bridge" if mode in _DEFAULT else mode
    by_id = [name for name, endpoint in networks.items() if endpoint and endpoint.get("NetworkID") == wanted]
    return by_id[0] if by_id else wanted


def _mount_points(container: Mapping[str, Any]) -> list[str]:
    points = [_normal(mount["Destination"]) for mount in container.get("Mounts") or ()]
    return points + [_normal(path) for path in container["HostConfig"].get("Tmpfs") or {}]


def _normal(path: str) -> str:
    return posixpath.normpath(path)


def _lies_in(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder}/") for folder in folders)


def _ancestors(paths: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for path in paths:
        above = posixpath.dirname(path)
        while above not in found and above not in ("", "/"):
            found.add(above)
            above = posixpath.dirname(above)
    return found
