# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's own judgement, and the image that it makes without a registry."""

from __future__ import annotations

import hashlib
import importlib
import io
import json
import stat
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

DEMO = Path(__file__).resolve().parents[2] / "playbooks" / "demo"


@pytest.fixture(name="demo")
def fixture_demo(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(DEMO))
    demo = importlib.import_module("demo")
    yield demo
    for name in ("demo", "postgres_image"):
        sys.modules.pop(name)


@pytest.fixture(name="root")
def fixture_root(tmp_path: Path) -> Path:
    """A root file system as mmdebstrap would leave it, with something to keep and something to leave out."""
    root = tmp_path / "root.tar"
    with tarfile.open(root, "w") as target:
        for name in ("./", "./usr/", "./usr/lib/", "./usr/share/doc/", "./tmp/"):
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            target.addfile(folder)
        for name in ("./usr/lib/libpq.so.5", "./usr/share/doc/readme", "./usr/lib/x86_64-linux-gnu/libLLVM-14.so.1"):
            file = tarfile.TarInfo(name)
            file.size, file.mtime = 4, 1700000000
            target.addfile(file, io.BytesIO(b"text"))
    return root


MEASURED = {
    "tables": {"accounts": {"rows": "3", "hash": "7"}},
    "volume": "drwx------ 5432:5432",
    "files": {"'/srv/exports/a'": {"owner": "-rw------- 0:0", "sha256": "1"}},
}


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (MEASURED, []),
        ({**MEASURED, "volume": "drwxr-xr-x 0:0"}, ["volume: drwx------ 5432:5432 → drwxr-xr-x 0:0"]),
        ({**MEASURED, "tables": {"accounts": {"rows": "2", "hash": "7"}}}, ["tables accounts rows: 3 → 2"]),
        ({**MEASURED, "files": {}}, ["files '/srv/exports/a': {'owner': '-rw------- 0:0', 'sha256': '1'} → None"]),
    ],
    ids=["identical", "owner of the volume", "a row lost", "a file lost"],
)
def test_every_difference_is_told(demo: Any, after: dict[str, Any], said: list[str]) -> None:
    assert demo.differences(MEASURED, after) == said


def test_something_new_is_a_difference_too(demo: Any) -> None:
    assert demo.differences({}, {"files": "more"}) == ["files: None → more"]


def test_contents_are_counted(demo: Any) -> None:
    assert demo.contents(MEASURED) == "3 rows in 1 tables, 1 files and folders"


def test_layer_keeps_what_the_server_needs(demo: Any, root: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(demo.postgres_image._layer(root))) as layer:
        entries = {entry.name: entry for entry in layer}
        names = layer.getnames()
    assert "usr/lib/libpq.so.5" in entries
    assert not {"usr/share/doc", "usr/share/doc/readme", "usr/lib/x86_64-linux-gnu/libLLVM-14.so.1"} & set(entries)
    assert len(names) == len(set(names)), "Docker refuses a layer in which a path occurs twice"
    data = entries[demo.postgres_image.DATA]
    assert (data.uid, data.gid, data.mode) == (5432, 5432, 0o700)
    assert entries["usr/local/bin/serve-postgres"].mode & stat.S_IXUSR
    assert {entry.mtime for entry in entries.values()} == {0}


def content(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    assert file is not None
    return file.read()


def test_archive_is_one_that_docker_loads(demo: Any, root: Path, tmp_path: Path) -> None:
    layer = demo.postgres_image._layer(root)
    archives = [tmp_path / "first.tar.gz", tmp_path / "second.tar.gz"]
    for archive in archives:
        demo.postgres_image._write_archive(archive, layer)
    assert archives[0].read_bytes() == archives[1].read_bytes()
    with tarfile.open(archives[0]) as image:
        [manifest] = json.loads(content(image, "manifest.json"))
        config = json.loads(content(image, manifest["Config"]))
        assert [content(image, name) for name in manifest["Layers"]] == [layer]
    assert manifest["RepoTags"] == ["holdfast/demo-postgres:15"]
    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer).hexdigest()}"]
    assert config["config"]["User"] == "postgres"
