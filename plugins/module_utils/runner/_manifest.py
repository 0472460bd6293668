# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two manifests in every snapshot: which path was which volume, and what lay there, entry by entry."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import _files, _paths
from ._job import Job
from ._problem import Problem
from ._words import entries

if TYPE_CHECKING:
    from ._answers import Node
    from ._manifest_comparison import Comparison, Difference
    from ._restic import Restic

SCHEMA = 1
MOST_TOLD = 20


def write(job: Job, sources: Sequence[dict[str, Any]], apart: Sequence[str]) -> list[str]:
    """Write what goes into the snapshot beside the sources; the paths. ``apart``: patterns besides the job's own."""
    path, large = _paths.manifest_file(job.name), _paths.entries_file(job.name)
    try:
        _files.private_directory(_paths.STATE)
        _files.private_directory(path.parent)
        _write_small(job, sources)
        if job.manifest == "none":
            large.unlink(missing_ok=True)
            return [str(path)]
        _write_large(job, sources, apart)
    except OSError as error:
        raise Problem(_files.unwritten(f"job {job.name}: its manifest", path.parent, error)) from None
    return [str(path), str(large)]


def verify(restic: Restic, snapshot: str, manifest: str, hashes: bool, source: str, tree: str) -> str:
    """Compare the restored tree with the snapshot's content manifest; what was found, in words. Problem if it differs.

    ``manifest``: its path in the snapshot. Raises OSError.
    """
    from ._manifest_comparison import Comparison, settled
    from ._manifest_file import Unsound

    comparison = Comparison(source, tree, hashes)
    try:
        restic.lines(snapshot, manifest, comparison.take)
        comparison.end()
    except Unsound as error:
        raise Problem(
            f"{source}: the content manifest of snapshot {snapshot[:8]}: {error}. To restore without the comparison: "
            "--no-verify with the command, verify: false in the module."
        ) from None
    finally:
        comparison.close()
    found = comparison.differences
    differences = settled(found, _nodes(restic, snapshot, source, found)) if found else []
    if differences:
        raise Problem(_differing(snapshot, source, differences))
    return _proven(comparison, hashes)


def _write_small(job: Job, sources: Sequence[dict[str, Any]]) -> None:
    path = _paths.manifest_file(job.name)
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "job": job.name,
        "host": job.host,
        "volumes": {source["name"]: source["path"] for source in sources if source["kind"] == "volume"},
        "paths": list(job.paths),
        "exclude": list(job.exclude),
        "manifest": job.manifest,
    }
    if job.dumps:
        manifest["dumps"] = str(_paths.dumps_directory(job.name))
    if job.manifest != "none":
        manifest["entries"] = str(_paths.entries_file(job.name))
    content = (json.dumps(manifest, indent=2) + "\n").encode()
    # Left alone when it says so already: restic then has nothing new to store for it.
    if not path.exists() or path.read_bytes() != content:
        _files.write(path, content, 0o600)


def _write_large(job: Job, sources: Sequence[dict[str, Any]], apart: Sequence[str]) -> None:
    from ._exclusion import Exclusion
    from ._manifest_making import Manner, write as make

    manner = Manner(job.manifest == "sha256", job.manifest_max_age, int(time.time()))
    exclusion = Exclusion([*job.exclude, *apart])
    make(_paths.entries_file(job.name), [source["path"] for source in sources], exclusion.leaves_out, manner)


def _nodes(restic: Restic, snapshot: str, source: str, differences: Sequence[Difference]) -> dict[str, Node]:
    """What the snapshot holds of the entries that differ."""
    wanted = {os.path.normpath(os.path.join(source, one.path)): one.path for one in differences}
    found: dict[str, Node] = {}

    def take(node: Node) -> None:
        if node.path in wanted:
            found[wanted[node.path]] = node

    restic.walk(snapshot, [source], True, take)
    return found


def _differing(snapshot: str, source: str, differences: Sequence[Difference]) -> str:
    told = "; ".join(one.sentence for one in differences[:MOST_TOLD])
    more = f"; and {len(differences) - MOST_TOLD:,} more" if len(differences) > MOST_TOLD else ""
    return (
        f"{source}: {entries(len(differences))} did not come back from snapshot {snapshot[:8]} as its manifest tells "
        f"them: {told}{more}. Nothing was put in place. Restore another snapshot, or this one as it is: --no-verify "
        "with the command, verify: false in the module."
    )


def _proven(comparison: Comparison, hashes: bool) -> str:
    what = "content, owners and modes" if hashes else "sizes, owners and modes"
    words = f"{entries(comparison.entries)} compared with the manifest of the snapshot ({what})"
    moved = comparison.doubtful + len(comparison.differences)
    return words + (f", of which {moved:,} changed while the backup ran" if moved else "")
