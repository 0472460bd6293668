# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Docker volume plugin whose behaviour a test chooses (docs.docker.com/engine/extend/plugins_volume).

    python3 volume_driver.py /run/docker/plugins/NAME.sock DIRECTORY

Its volumes are the folders ``DIRECTORY/volumes/NAME``. Its behaviour is what the file ``DIRECTORY/mode`` says at each
request, without the file it is ``normal``:

========== =========================================================================================================
normal     answers at once
slow N     answers after N seconds
dead       accepts a request and never answers it, the handshake included
stuck      answers the handshake, and nothing else
broken     answers every request for a volume with an error, as a driver does whose server is gone
partial    lists no volume, and gives each when it is asked for by name
keeping    refuses to remove
========== =========================================================================================================

A removal removes the folder with all that is in it, as some drivers do with the remote data. Every request is a line in
``DIRECTORY/requests``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socketserver
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

HANDSHAKE = "/Plugin.Activate"
NEVER = 24 * 60 * 60
"""Seconds: longer than any test."""


class Refused(Exception):
    """What the driver tells Docker instead of doing what it was asked for."""


class Driver:
    """The volumes, and what is answered about them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._volumes = directory / "volumes"
        self._volumes.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()

    def answer(self, request: str, about: dict[str, Any]) -> dict[str, Any]:
        """The answer to one request, after as long as the mode says."""
        self._note(request, about)
        mode, _blank, amount = self._mode().partition(" ")
        if mode == "dead" or (mode == "stuck" and request != HANDSHAKE):
            threading.Event().wait(NEVER)
        if mode == "slow":
            threading.Event().wait(float(amount))
        if mode == "broken" and request not in (HANDSHAKE, "/VolumeDriver.Capabilities"):
            raise Refused("the server behind this driver cannot be reached")
        with self._lock:
            return self._do(request, str(about.get("Name", "")), mode)

    def _do(self, request: str, name: str, mode: str) -> dict[str, Any]:
        if request == HANDSHAKE:
            return {"Implements": ["VolumeDriver"]}
        if request == "/VolumeDriver.Capabilities":
            return {"Capabilities": {"Scope": "local"}}
        if request == "/VolumeDriver.List":
            names = [] if mode == "partial" else sorted(os.listdir(self._volumes))
            return {"Volumes": [self._shown(listed) for listed in names]}
        if request == "/VolumeDriver.Create":
            (self._volumes / name).mkdir(exist_ok=True)
            return {}
        return self._do_with(self._existing(name), request, mode)

    def _do_with(self, volume: Path, request: str, mode: str) -> dict[str, Any]:
        if request == "/VolumeDriver.Get":
            return {"Volume": self._shown(volume.name)}
        if request in ("/VolumeDriver.Mount", "/VolumeDriver.Path"):
            return {"Mountpoint": str(volume)}
        if request == "/VolumeDriver.Unmount":
            return {}
        if request == "/VolumeDriver.Remove":
            if mode == "keeping":
                raise Refused("this driver removes nothing")
            shutil.rmtree(volume)
            return {}
        raise Refused(f"{request} is nothing that this driver knows")

    def _existing(self, name: str) -> Path:
        volume = self._volumes / name
        if not name or not volume.is_dir():
            raise Refused(f"no such volume: {name}")
        return volume

    def _shown(self, name: str) -> dict[str, str]:
        return {"Name": name, "Mountpoint": str(self._volumes / name)}

    def _mode(self) -> str:
        try:
            return (self._directory / "mode").read_text(encoding="ascii").strip() or "normal"
        except FileNotFoundError:
            return "normal"

    def _note(self, request: str, about: dict[str, Any]) -> None:
        with self._lock, open(self._directory / "requests", "a", encoding="utf-8") as log:
            log.write(f"{request} {json.dumps(about)}\n")


class Handler(BaseHTTPRequestHandler):
    """Docker's requests: every one is a POST with JSON, or with nothing."""

    protocol_version = "HTTP/1.1"
    driver: ClassVar[Driver]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status = 200
        try:
            answer = self.driver.answer(self.path, json.loads(body) if body.strip() else {})
        except Refused as refused:
            status, answer = 500, {"Err": str(refused)}
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.docker.plugins.v1.1+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def address_string(self) -> str:
        return "docker"

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
        """Requests are in a file of their own."""


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """A thread a request: one that waits does not hold up the others."""

    daemon_threads = True


def main() -> None:
    parser = argparse.ArgumentParser(description="A Docker volume plugin for tests.")
    parser.add_argument("socket", type=Path)
    parser.add_argument("directory", type=Path)
    arguments = parser.parse_args()
    Handler.driver = Driver(arguments.directory)
    arguments.socket.parent.mkdir(parents=True, exist_ok=True)
    arguments.socket.unlink(missing_ok=True)
    with Server(str(arguments.socket), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
