# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small tar archives made in memory."""

from __future__ import annotations

import io
import tarfile
from typing import Mapping


def archive_of(files: Mapping[str, str], private: frozenset[str] = frozenset()) -> bytes:
    """A tar archive of text files that belong to root.

    :param files: content by path, relative to the root
    :param private: paths that only root may read; their directories stay as they are where they are unpacked
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, content in files.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(content.encode())
            entry.mode = 0o600 if path in private else 0o644
            archive.addfile(entry, io.BytesIO(content.encode()))
    return buffer.getvalue()
