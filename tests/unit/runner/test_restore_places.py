# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a restore puts a volume or a path, on a host in a temporary directory."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._choice import Origin
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._engine import Engine, Volume
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restic import Snapshot
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_places import (
    ORIGIN_LABEL,
    mounts_inside,
    place_of,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_terms import Place, Request, Tree
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._tree import (
    EMPTY,
    MISSING,
    OCCUPIED,
    Content,
    Root,
    root_of,
)

SNAPSHOT = Snapshot("1a2b3c4d" * 8, datetime(2026, 1, 1, tzinfo=timezone.utc), "web1", (), (), None, None)


def place(monkeypatch: pytest.MonkeyPatch, origin: Origin, *, docker: Volume | None = None, **options: Any) -> Place:
    """``docker``: what it says of any volume."""
    monkeypatch.setattr(Engine, "volume", lambda _self, _name: docker)
    monkeypatch.setattr(Engine, "predicted_mountpoint", lambda _self, name: str(_paths.STATE.parent / name))
    check = options.pop("check", False)
    tree = Tree(origin, Root(True, 0, 0, 0o755), Content(1, 5), 1)
    return place_of(tree, Request("app", **options), SNAPSHOT, Engine(), check)


PGDATA = Origin("volume", "pgdata", "/docker/pgdata")


def test_a_path_goes_home_without_symbolic_links(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (host / "srv").mkdir()
    (host / "link").symlink_to("srv")
    found = place(monkeypatch, Origin("path", str(host / "link"), str(host / "link")))
    assert (found.path, found.state, found.beside) == (str(host / "srv"), EMPTY, str(host))
    assert found.root == root_of(str(host / "srv"))
    assert found.device == os.stat(host).st_dev


def test_one_whose_parents_are_missing_is_staged_beside_the_nearest(
    host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = place(monkeypatch, Origin("path", str(host / "a" / "b"), str(host / "a" / "b")))
    assert (found.state, found.beside, found.root) == (MISSING, str(host), None)


def test_a_new_path_is_named_after_the_snapshot_unless_it_is_named(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = Origin("path", str(host / "srv"), str(host / "srv"))
    assert place(monkeypatch, origin, mode="new").path == str(host / "srv.restored-1a2b3c4d")
    wanted = {"mode": "new", "path": str(host / "srv"), "target": str(host / "copy")}
    assert place(monkeypatch, origin, **wanted).path == str(host / "copy")


def test_a_volume_goes_where_docker_keeps_it(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (host / "_data").mkdir()
    (host / "_data" / "file").touch()
    labels = {ORIGIN_LABEL: "1a2b volume pgdata"}
    docker = Volume("pgdata", "local", str(host / "_data"), is_mount=False, labels=labels)
    found = place(monkeypatch, PGDATA, docker=docker)
    assert (found.path, found.state, found.origin) == (str(host / "_data"), OCCUPIED, "1a2b volume pgdata")


def test_a_volume_that_docker_does_not_know_is_told_with_the_way_to_make_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Problem, match=r"docker volume create pgdata, .* or the playbook provision\), then run this"):
        place(monkeypatch, PGDATA)


def test_in_check_mode_it_is_supposed_to_come(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = place(monkeypatch, PGDATA, check=True)
    assert (found.path, found.supposed, found.new_volume) == (str(host / "pgdata"), True, "")


def test_a_new_volume_is_to_be_made(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = place(monkeypatch, PGDATA, mode="new")
    name = "pgdata.restored-1a2b3c4d"
    assert (found.path, found.supposed, found.new_volume) == (str(host / name), False, name)


@pytest.mark.parametrize(
    ("docker", "words"),
    [
        (Volume("pgdata", "remote", "", is_mount=False), "its driver remote gives no path on this host"),
        (Volume("pgdata", "local", "/docker/pgdata", is_mount=True), "what is restored now would land beneath"),
    ],
)
def test_a_volume_that_has_no_place_now_is_refused(monkeypatch: pytest.MonkeyPatch, docker: Volume, words: str) -> None:
    with pytest.raises(Problem, match=words):
        place(monkeypatch, PGDATA, docker=docker)


def test_what_is_mounted_inside_is_found_by_the_words_of_the_kernel() -> None:
    rows = [
        "22 1 0:20 / / rw - ext4 /dev/vda rw",
        "23 22 0:21 / /srv/my\\040app rw - ext4 /dev/vdb rw",
        "24 23 0:22 / /srv/my\\040app/uploads rw - ext4 /dev/vdc rw",
        "25 22 0:23 / /srv/my\\040application rw - ext4 /dev/vdd rw",
    ]
    _paths.MOUNTINFO.write_text("\n".join(rows) + "\n")
    assert mounts_inside("/srv/my app") == ("/srv/my\\040app/uploads",)
    assert mounts_inside("/srv/other") == ()
