# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One connection to Docker for a module, by the Docker SDK for Python (its options: doc fragment ``docker``).

The SDK is imported when a connection is made: its import costs more than everything else in an unchanged run.
"""

from __future__ import annotations

import os
import shutil
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.basic import env_fallback, missing_required_lib

from ..runner._problem import Problem
from ._drivers import Silent
from ._mounted import Container, container_of

OPTIONS: Mapping[str, Any] = {
    "docker_host": {
        "type": "str",
        "default": "unix:///var/run/docker.sock",
        "fallback": (env_fallback, ["DOCKER_HOST"]),
        "aliases": ["docker_url"],
    },
    "tls_hostname": {"type": "str", "fallback": (env_fallback, ["DOCKER_TLS_HOSTNAME"])},
    "api_version": {
        "type": "str",
        "default": "auto",
        "fallback": (env_fallback, ["DOCKER_API_VERSION"]),
        "aliases": ["docker_api_version"],
    },
    "timeout": {"type": "int", "default": 60, "fallback": (env_fallback, ["DOCKER_TIMEOUT"])},
    "ca_path": {"type": "path", "aliases": ["ca_cert", "tls_ca_cert", "cacert_path"]},
    "client_cert": {"type": "path", "aliases": ["tls_client_cert", "cert_path"]},
    "client_key": {"type": "path", "aliases": ["tls_client_key", "key_path"], "no_log": False},
    "tls": {"type": "bool", "default": False, "fallback": (env_fallback, ["DOCKER_TLS"])},
    "validate_certs": {
        "type": "bool",
        "default": False,
        "fallback": (env_fallback, ["DOCKER_TLS_VERIFY"]),
        "aliases": ["tls_verify"],
    },
    "use_ssh_client": {"type": "bool", "default": False},
    "debug": {"type": "bool", "default": False},
}
"""The options by which a module reaches Docker, as in community.docker."""

REQUIRED_TOGETHER = [("client_cert", "client_key")]

HOLDER_LABEL = "holdfast.holder"
"""On the containers that do nothing but hold volumes mounted for a module (``_holder``)."""

_FILES = {"ca_path": "ca.pem", "client_cert": "cert.pem", "client_key": "key.pem"}
_UNIX = "unix://"


class NotInstalled(Problem):
    """There is no Docker on this host, and none elsewhere was asked for."""


@dataclass(frozen=True)
class Consumer:
    """A container that uses a volume, running or not."""

    id: str
    name: str
    state: str
    """As Docker says it: ``running``, ``paused``, ``exited``, ``created`` …"""


class Docker:
    """What the modules ask of Docker. Every method raises :class:`Problem`, which says what was being done."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        """Connect as ``params`` (the options of :data:`OPTIONS`) say, and agree on a version of the API."""
        self._host = str(params["docker_host"])
        if not _installed(self._host):
            raise NotInstalled(
                f"Docker is not installed on this host: there is neither {self._host} nor the program dockerd. "
                "Install it, for example with the role holdfast.persistence.docker_engine, or set docker_host."
            )
        self._sdk, self._requests = _import_sdk()
        self._transport_errors = _transport_errors(self._host, self._sdk, self._requests)
        with self._while("connecting"):
            self._client = self._sdk.APIClient(**_connection(self._sdk, params))

    @property
    def is_local(self) -> bool:
        """Whether paths in Docker's answers are paths of this host."""
        return self._host.startswith(_UNIX)

    def info(self) -> Mapping[str, Any]:
        """What the daemon says of itself."""
        with self._while("reading the daemon's settings"):
            return dict(self._client.info())

    def volume(self, name: str) -> Mapping[str, Any] | None:
        """The volume as Docker inspects it, None when there is none of exactly this name."""
        with self._while(f"reading volume {name}"):
            try:
                return dict(self._client.inspect_volume(name))
            except self._sdk.errors.NotFound:
                return None

    def create_volume(
        self, name: str, driver: str, driver_options: Mapping[str, str], labels: Mapping[str, str]
    ) -> Mapping[str, Any]:
        """Ask for a volume and return Docker's answer, which may be about a volume that was there before."""
        with self._while(f"creating volume {name}"):
            answer = dict(self._client.create_volume(name, driver, dict(driver_options), dict(labels)))
        if self.is_local and answer.get("Driver") == "local":
            _write_out_options(str(answer.get("Mountpoint") or ""))
        return answer

    def remove_volume(self, name: str) -> None:
        """Remove the volume; one that is gone already is no error."""
        with self._while(f"removing volume {name}"):
            try:
                self._client.remove_volume(name)
            except self._sdk.errors.NotFound:
                return

    def consumers(self, names: Sequence[str]) -> Mapping[str, tuple[Consumer, ...]]:
        """The containers that use each of the volumes, without the collection's own, by one request for all of them."""
        with self._while("listing the containers that use the volumes"):
            containers = self._client.containers(all=True, filters={"volume": list(names)})
        found: dict[str, list[Consumer]] = {name: [] for name in names}
        for container in containers:
            if HOLDER_LABEL in (container.get("Labels") or {}):
                continue
            consumer = Consumer(container["Id"], _name(container), container["State"])
            for name in {mount.get("Name") for mount in container.get("Mounts") or () if mount["Type"] == "volume"}:
                if name in found:
                    found[name].append(consumer)
        return {name: tuple(sorted(users, key=lambda user: user.name)) for name, users in found.items()}

    def volumes(self, driver: str = "") -> tuple[list[Mapping[str, Any]], tuple[str, ...]]:
        """All volumes as Docker lists them, and its warnings: with any, volumes of some driver are not among them.

        With ``driver`` those of this one, and no other is asked. A plugin that Docker runs has a tag in its name.
        """
        with self._while(f"listing the volumes{f' of the driver {driver}' if driver else ''}"):
            answer = self._client.volumes(filters={"driver": [driver, f"{driver}:latest"]} if driver else None)
        return list(answer.get("Volumes") or ()), tuple(answer.get("Warnings") or ())

    def containers(self) -> list[Container]:
        """All containers but the collection's own, with what they have mounted, by one request; ordered by name."""
        with self._while("listing the containers"):
            answers = self._client.containers(all=True)
        others = [answer for answer in answers if HOLDER_LABEL not in (answer.get("Labels") or {})]
        return sorted((container_of(answer, _name(answer)) for answer in others), key=lambda one: one.name)

    def image(self, image: str) -> Mapping[str, Any] | None:
        """The image as Docker inspects it, None when it is gone, as it may be while containers made of it remain."""
        with self._while(f"reading image {image}"):
            try:
                return dict(self._client.inspect_image(image))
            except self._sdk.errors.NotFound:
                return None

    def changes(self, name: str, seconds: float) -> list[Mapping[str, Any]]:
        """What a container's own layer changes of its image (``docker diff``), answered within so many seconds."""
        usual = self._client.timeout
        self._client.timeout = seconds
        try:
            with self._while(f"comparing container {name} with its image"):
                return list(self._client.diff(name) or ())
        finally:
            self._client.timeout = usual

    @property
    def not_found(self) -> type[Exception]:
        """What :meth:`request` lets out as a Problem unless it is caught within: Docker has no such object."""
        return self._sdk.errors.NotFound  # type: ignore[no-any-return]

    @contextmanager
    def request(self, doing: str) -> Iterator[Any]:
        """The SDK's own client for requests that have no method here, with the errors that all have here."""
        with self._while(doing):
            yield self._client

    @contextmanager
    def _while(self, doing: str) -> Iterator[None]:
        """Turn the SDK's errors into a :class:`Problem` that says what was being done and what can be done."""
        try:
            yield
        except self._sdk.errors.APIError as error:
            answer = str(error.explanation or error).strip().rstrip(".")
            raise Problem(f"Docker at {self._host} refused, while {doing}: {answer}.") from error
        except self._requests.exceptions.Timeout as error:
            raise Silent(
                f"Docker at {self._host} did not answer in time, while {doing}. Look into its journal "
                "(journalctl -u docker), a volume plugin may hang; or set a longer timeout."
            ) from error
        except self._transport_errors as error:
            raise Problem(f"Docker at {self._host} cannot be reached, while {doing}: {_reason(error)}") from error


def _installed(host: str) -> bool:
    """False only when nothing of a local Docker is there: a daemon that is down is not a host without Docker."""
    if not host.startswith(_UNIX):
        return True
    folders = f"{os.environ.get('PATH', '')}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
    return os.path.exists(host[len(_UNIX) :]) or shutil.which("dockerd", path=folders) is not None


def _write_out_options(mountpoint: str) -> None:
    """Wait until the disk has the file in which the local driver keeps a volume's options.

    Docker does not. After a power cut the file may be there and empty, and then the daemon does not start any more.
    """
    folder = os.path.dirname(mountpoint)
    for path in (os.path.join(folder, "opts.json"), folder):
        with suppress(FileNotFoundError, PermissionError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _import_sdk() -> tuple[Any, Any]:
    """The SDK, and the library whose errors it lets through."""
    try:
        import docker
        import requests
    except ImportError as error:
        last = traceback.format_exception_only(type(error), error)[-1].strip()
        reason = "to talk to Docker (on Debian: package python3-docker, which the role docker_engine installs)"
        raise Problem(f"{missing_required_lib('docker', reason=reason)} ({last})") from error
    return docker, requests


def _transport_errors(host: str, sdk: Any, requests: Any) -> tuple[type[Exception], ...]:
    """What the SDK raises when the daemon cannot be reached; over ssh it lets the errors of Paramiko through."""
    errors = (sdk.errors.DockerException, requests.exceptions.RequestException, OSError)
    paramiko: Any = sys.modules.get("paramiko") if host.startswith("ssh://") else None
    return (*errors, paramiko.SSHException) if paramiko else errors


def _connection(sdk: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of the SDK's ``APIClient``."""
    secure = params["tls"] or params["validate_certs"]
    host = str(params["docker_host"])
    arguments: dict[str, Any] = {
        "base_url": host.replace("tcp://", "https://") if secure else host,
        "version": params["api_version"],
        "timeout": params["timeout"],
    }
    if secure:
        arguments["tls"] = _tls(sdk, params)
    if params["use_ssh_client"]:
        arguments["use_ssh_client"] = True
    return arguments


def _tls(sdk: Any, params: Mapping[str, Any]) -> Any:
    files = {option: params[option] or _file_of_environment(name) for option, name in _FILES.items()}
    arguments: dict[str, Any] = {"verify": bool(params["validate_certs"])}
    if files["client_cert"] and files["client_key"]:
        arguments["client_cert"] = (files["client_cert"], files["client_key"])
    if files["ca_path"] and params["validate_certs"]:
        arguments["ca_cert"] = files["ca_path"]
    if params["tls_hostname"]:
        arguments["assert_hostname"] = params["tls_hostname"]
    try:
        return sdk.tls.TLSConfig(**arguments)
    except TypeError as error:
        raise Problem(
            f"tls_hostname: '{params['tls_hostname']}' cannot be checked with version {sdk.__version__} of the Docker "
            "SDK for Python, which dropped it in 7.0.0. Leave it out (also DOCKER_TLS_HOSTNAME) and use a certificate "
            "that carries the name in docker_host."
        ) from error


def _file_of_environment(name: str) -> str | None:
    folder = os.environ.get("DOCKER_CERT_PATH")
    return os.path.join(folder, name) if folder else None


def _name(container: Mapping[str, Any]) -> str:
    """A container's own name, not those that links give it; of one that is being removed, its id."""
    names = [name.lstrip("/") for name in container.get("Names") or ()]
    return next((name for name in names if "/" not in name), str(container["Id"])[:12])


def _reason(error: BaseException) -> str:
    """Why the daemon cannot be reached and what to do, from the system's error beneath the SDK's, by its type alone.

    An error of TLS carries a number of its own, which as a number of the system would mean a missing permission.
    """
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, PermissionError):
            return "this user may not use it. Run the task as root (become: true)."
        if isinstance(link, (FileNotFoundError, ConnectionRefusedError)):
            return "the daemon is not running. Start it (systemctl start docker), or set docker_host."
        if isinstance(link, (ConnectionResetError, BrokenPipeError)):
            return "the connection broke off: the daemon stopped or started. Run again once it runs."
        link = link.__cause__ or link.__context__
    return f"{str(error).rstrip('.')}. Check docker_host, the network and the TLS options."
