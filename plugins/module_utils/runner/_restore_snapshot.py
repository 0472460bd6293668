# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes back: the snapshot that a person means, and the trees of it that are wanted."""

from __future__ import annotations

import os

from . import _choice, _paths
from ._choice import Origin
from ._job import Job
from ._problem import Locked, Problem
from ._restic import Restic, Snapshot
from ._restore_terms import Chosen, Request, Tree
from ._tree import LOST_FOUND, Content, Root


def choose(request: Request, job: Job, restic: Restic) -> Chosen:
    """Ask the repository. Changes nothing, and takes no lock."""
    restic.version()
    host = request.from_host or job.host
    try:
        snapshots = restic.snapshots(host, job.name)
    except Locked:
        raise
    except Problem:
        # restic's own words for it do not tell unreachable, absent and wrong password apart in every version.
        restic.require_open()
        raise
    snapshot, warning = _choice.choose(snapshots, request.snapshot, job.name, host, job.repository)
    manifest = restic.dump(snapshot.id, str(_paths.manifest_file(job.name)))
    origins = _choice.origins(manifest, snapshot, job.name)
    wanted = _choice.select(origins, request.volume, request.path, job.name, snapshot)
    trees = tuple(_tree(request, restic, snapshot, origin) for origin in wanted)
    return Chosen(snapshot, trees, warning, _choice.excluded(manifest), *_choice.content_manifest(manifest))


def _tree(request: Request, restic: Restic, snapshot: Snapshot, origin: Origin) -> Tree:
    nodes = list(restic.listing(snapshot.id, origin.path))
    root = next((node for node in nodes if node.path == origin.path), None)
    noun = f"restore {request.job}: snapshot {snapshot.short_id}: {origin.label}"
    if root is None:
        raise Problem(f"{noun}: {origin.path} is not in it, although its manifest says so. Choose another snapshot.")
    if root.type not in ("dir", "file"):
        raise Problem(f"{noun}: {origin.path} is a {root.type} in it, and holds no data. Choose another snapshot.")
    lost = os.path.join(origin.path, LOST_FOUND)
    below = [node for node in nodes if node is not root and not f"{node.path}/".startswith(f"{lost}/")]
    files = [node for node in ([*below, root]) if node.type == "file"]
    content = Content(len(files), sum(node.size for node in files))
    entries = len(below) + (root.size if root.type == "file" else 0)
    return Tree(origin, Root(root.type == "dir", root.uid, root.gid, root.mode), content, entries)
