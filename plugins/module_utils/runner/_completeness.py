# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a snapshot holds what it was made for. restic calls one of nothing a success."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from ._answers import Node
from ._sources import Source, is_mounted
from ._tree import LOST_FOUND, OCCUPIED, holds_a_file, look

if TYPE_CHECKING:
    from ._restic import Restic


def left_out(
    restic: Restic, snapshot: str, sources: Sequence[Source], filled: Collection[str], exclude: Sequence[str]
) -> tuple[str, ...]:
    """A sentence for each source of which the snapshot holds nothing. ``filled``: the labels of those with data.

    Without patterns restic leaves out nothing that lies there, so that a second look at the host is enough. Asking
    the repository takes as long as a small backup, and containers may stand still meanwhile.
    """
    if not exclude:
        return tuple(f"{source.place}: {words}" for source in sources if (words := _vanished(source, filled)))
    tops = _Tops(sources)
    restic.walk(snapshot, [source.path for source in sources], False, tops.take)
    patterns = f"the job's exclude ({', '.join(exclude)})"
    found = []
    for source in sources:
        if source.path not in tops.present:
            found.append(f"{source.place}: is not in the snapshot, {patterns} leaves it out")
        elif source.label in filled and not _has_content(restic, snapshot, source, tops):
            found.append(f"{source.place}: holds data, and none of it is in the snapshot, {patterns} leaves it out")
    return tuple(found)


class _Tops:
    """What a listing says of the sources themselves and of what lies directly in them."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._roots = {source.path for source in sources}
        self.present: set[str] = set()
        self.with_data: set[str] = set()
        """Those that are a file with content, or hold anything but directories."""
        self.with_directories: set[str] = set()

    def take(self, node: Node) -> None:
        if node.path in self._roots:
            self.present.add(node.path)
            if node.type != "dir" and (node.size > 0 or node.type != "file"):
                self.with_data.add(node.path)
        above, name = os.path.split(node.path)
        if above in self._roots and name != LOST_FOUND:
            (self.with_directories if node.type == "dir" else self.with_data).add(above)


def _vanished(source: Source, filled: Collection[str]) -> str:
    try:
        found = look(source.path, is_mounted(source.path))
    except OSError as error:
        return f"{error.strerror}, after it was saved"
    if source.label in filled and found != OCCUPIED:
        return f"held data before it was saved, and is {found} now"
    return ""


def _has_content(restic: Restic, snapshot: str, source: Source, tops: _Tops) -> bool:
    """Directories alone are content only where there was nothing else."""
    if source.path in tops.with_data:
        return True
    if source.path not in tops.with_directories:
        return False
    return restic.holds_a_file(snapshot, source.path) or not holds_a_file(source.path)
