# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much volumes hold, counted where their data lies on this host, all of them within so many seconds."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..runner._sources import is_mounted
from ..trees._content import Content, content_of
from ._kind import BIND, kind_of
from ._volume import LOCAL, Volume, hidden

_GRACE = 1.0
"""Seconds for a process that counts to notice itself that its time is over, and to say what it has."""
_CHUNK = 65536
_OUT_OF_TIME = "the time was over before it was looked at"


@dataclass(frozen=True)
class Place:
    """Where the data of a volume can be seen on this host."""

    path: str = ""
    unknown: str = ""
    """Why it cannot be seen, as a sentence; empty when it can."""
    may_hang: bool = False
    """Something may be mounted there of which the server does not answer."""


def place_of(volume: Volume, in_use: bool) -> Place:
    """The volume's place; ``in_use``: a container that runs has it mounted."""
    if not hidden(volume):
        return Place(volume.mountpoint)
    if volume.driver != LOCAL:
        if in_use and volume.mountpoint:
            return Place(volume.mountpoint, may_hang=True)
        return Place(unknown=f"{hidden(volume)}, and no container that runs uses it")
    if kind_of(volume.driver, volume.driver_options) is BIND:
        return Place(volume.driver_options["device"], may_hang=True)
    if is_mounted(volume.mountpoint):
        return Place(volume.mountpoint, may_hang=True)
    return Place(unknown=hidden(volume))


def count(places: Mapping[str, Place], seconds: float) -> dict[str, Content]:
    """What lies at each place, by the same keys.

    Each place gets an equal share of what is left of the time, so that a large one hides none of the others. What is
    left in the end goes to those that were not finished.
    """
    deadline = time.monotonic() + seconds
    counted = {name: Content(unknown=place.unknown) for name, place in places.items() if place.unknown}
    _count_each({name: place for name, place in places.items() if not place.unknown}, deadline, counted)
    left = deadline - time.monotonic()
    unfinished = {name: places[name] for name, content in counted.items() if content.more}
    if unfinished and left / len(unfinished) > 2 * seconds / len(places):
        _count_each(unfinished, deadline, counted)
    return counted


def _count_each(places: Mapping[str, Place], deadline: float, counted: dict[str, Content]) -> None:
    for number, (name, place) in enumerate(places.items()):
        share = (deadline - time.monotonic()) / (len(places) - number)
        if share > 0:
            counted[name] = _apart(place.path, share) if place.may_hang else _content(place.path, share)
        else:
            counted.setdefault(name, Content(unknown=_OUT_OF_TIME))


def _content(path: str, seconds: float) -> Content:
    return content_of(path, most_files=sys.maxsize, most_seconds=seconds)


def _apart(path: str, seconds: float) -> Content:
    """Count in a process of its own, which is left alone when the kernel keeps it waiting for a server."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _answer(writing, path, seconds)
    os.close(writing)
    try:
        answer = _read(reading, time.monotonic() + seconds + _GRACE)
        _end(child, reading)
    finally:
        os.close(reading)
    if answer is None:
        return Content(unknown=f"{path} did not answer within {seconds:.1f} s; is its server down?")
    return Content(**{**answer, "beside": tuple(answer["beside"])})


def _answer(descriptor: int, path: str, seconds: float) -> None:
    """Say what was counted, and end: nothing of the module may run on in this process."""
    try:
        os.write(descriptor, json.dumps(asdict(_content(path, seconds))).encode())
    finally:
        os._exit(0)


def _read(descriptor: int, deadline: float) -> dict[str, Any] | None:
    """What the process said; None when it did not in time, or ended without a word."""
    said = b""
    while select.select([descriptor], [], [], max(deadline - time.monotonic(), 0))[0]:
        piece = os.read(descriptor, _CHUNK)
        if not piece:
            return dict(json.loads(said)) if said else None
        said += piece
    return None


def _end(child: int, descriptor: int) -> None:
    """End the process, of which the kernel closes the other side; one that it keeps waiting ends with its wait."""
    os.kill(child, signal.SIGKILL)
    if select.select([descriptor], [], [], _GRACE)[0]:
        os.waitpid(child, 0)
