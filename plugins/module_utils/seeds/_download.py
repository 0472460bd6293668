# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetches an archive from a web server, and takes only what has the checksum that was declared."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ansible.module_utils.urls import open_url

from ..runner._problem import Problem
from ._seed import Seed, shown_url

_CHUNK = 1 << 20
_SILENCE = 60
"""Seconds without a byte after which the server is given up."""


def fetch(seed: Seed, target: Path) -> None:
    """Write what the URL answers to a new file, and check it."""
    shown = shown_url(seed.source)
    try:
        with (
            open_url(seed.source, timeout=_SILENCE, http_agent="holdfast") as answer,
            target.open("xb") as file,
        ):
            while chunk := answer.read(_CHUNK):
                file.write(chunk)
    except Exception as error:  # noqa: BLE001  what a library for networks raises has no common base
        # Its words may repeat the URL with all that is secret in it.
        why = str(error).replace(seed.source, shown)
        raise Problem(f"it could not be fetched: {why}. Check the URL, the server and the network.") from None
    check(seed, target)


def check(seed: Seed, archive: Path) -> None:
    """Problem when the file has not the checksum that is declared, if one is."""
    if not seed.checksum:
        return
    summed = hashlib.new(seed.algorithm)
    with archive.open("rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        while chunk := file.read(_CHUNK):
            summed.update(chunk)
    if summed.hexdigest() != seed.checksum:
        raise Problem(
            f"it has the checksum {seed.algorithm}:{summed.hexdigest()}, and {seed.algorithm}:{seed.checksum} is "
            "declared. It is another file, or it was damaged or tampered with: find out which before you declare the "
            "other."
        )
