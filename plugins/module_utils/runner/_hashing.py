# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SHA-256 of files, by several threads: one buffer for each, whatever the files' sizes."""

from __future__ import annotations

import hashlib
import os
import threading

AHEAD = 64
"""Files that are being hashed while the first of them is waited for."""
THREADS = os.cpu_count() or 1
_BUFFER = 1 << 18

_buffers = threading.local()


def sha256(path: str) -> tuple[str, os.stat_result]:
    """The hash of the file's content in hexadecimal digits, and what the file was like once that was read.

    Raises OSError.
    """
    if not hasattr(_buffers, "own"):
        _buffers.own = bytearray(_BUFFER)
    view = memoryview(_buffers.own)
    summed = hashlib.sha256()
    # Whatever has taken the file's place meanwhile, a pipe is not waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        while count := os.readv(descriptor, [view]):
            summed.update(view[:count])
        return summed.hexdigest(), os.fstat(descriptor)
    finally:
        os.close(descriptor)
