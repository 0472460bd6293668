# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A seed on a real Docker, killed with SIGKILL before and in the middle of each of its steps, and then run again.

As root, with this machine's Docker, the SDK and a static busybox. What it makes there is called ``holdfast-seeding…``
and goes at the end.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.engine import _docker
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._containers import DockerContainers
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _files, _paths, _repository
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restic import Restic
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds import _container, _room, _seeding, _sources
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._plan import State, actions
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._seed import Seed
from ansible_collections.holdfast.persistence.plugins.module_utils.trees import _writer
from ansible_collections.holdfast.persistence.plugins.module_utils.trees._manifest import digest
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._provenance import load
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import Volume, observed

from .kills import BUSYBOX, docker, in_child, is_possible, killed

NAME = "holdfast-seeding"
SOURCE, USER, LAYER = f"{NAME}-source", f"{NAME}-user", f"{NAME}-layer"
LOOP = ("sh", "-c", "trap 'exit 0' TERM; while :; do /busybox sleep 0.1; done")

CALLS: list[tuple[Any, str]] = [
    (_files, "write"),
    (_files, "remove"),
    *((DockerContainers, name) for name in ("create", "start", "stop", "pause", "unpause")),
    *((_room.Room, name) for name in ("make", "place", "clear")),
    (os, "rename"),
    (shutil, "rmtree"),
    (_room, "copy_traits"),
    (_sources, "copy_tree"),
    (_sources, "compare"),
    (_container, "_wait"),
    (_container, "_remove"),
    (Restic, "restore"),
    (_writer.TreeWriter, "add"),
    (_writer.TreeWriter, "_finish"),
    (_seeding, "digest"),
    (_seeding, "update"),
]
"""Everything by which a seed changes something, and what takes long."""

COMMAND = (
    "sh",
    "-c",
    "/busybox mkdir /seed/sub; echo a > /seed/sub/a; /busybox chown 70:70 /seed/sub; echo b > /seed/b",
)


pytestmark = pytest.mark.skipif(not is_possible(), reason="needs root, a Docker of this machine and a static busybox")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("world")
    state, _paths.STATE = _paths.STATE, root / "state"
    repositories, _paths.REPOSITORIES = _paths.REPOSITORIES, root / "repositories"
    cache, _paths.CACHE = _paths.CACHE, root / "cache"
    try:
        _remove_all()
        _build(root)
        _save(root)
        yield root
    finally:
        _remove_all()
        docker("image", "rm", "--force", NAME)
        _paths.STATE, _paths.REPOSITORIES, _paths.CACHE = state, repositories, cache


def _build(root: Path) -> None:
    """An image, a directory, its archive, a volume with its writer, and a container with data in its layer."""
    image = io.BytesIO()
    with tarfile.open(fileobj=image, mode="w") as archive:
        archive.add(BUSYBOX.resolve(), "busybox")
    load_image = ["docker", "import", "--change", 'ENTRYPOINT ["/busybox"]', "-", NAME]
    subprocess.run(load_image, input=image.getvalue(), check=True, capture_output=True)
    docker("run", "--detach", "--name", SOURCE, "--volume", f"{SOURCE}:/data", NAME, *LOOP)
    docker("run", "--detach", "--name", LAYER, NAME, *LOOP)
    for container, place in ((SOURCE, "/data"), (LAYER, "/opt/data")):
        made = f"/busybox mkdir -p {place}; {COMMAND[2].replace('/seed', place)}"
        docker("exec", container, "/busybox", "sh", "-c", made)
    directory = root / "directory"
    (directory / "sub").mkdir(parents=True)
    (directory / "sub" / "a").write_text("a\n")
    (directory / "b").write_text("b\n")
    os.chown(directory / "sub", 70, 70)
    with tarfile.open(root / "archive.tar.gz", "w:gz") as archive:
        archive.add(directory, ".")
    (root / "device").mkdir()


def _save(root: Path) -> None:
    """A repository with a snapshot of the directory, as the runner makes one of a volume."""
    known = _paths.REPOSITORIES / "main"
    known.mkdir(parents=True)
    (known / "location").write_text(f"{root / 'backup'}\n")
    (known / "password").write_text("a password of the test\n")
    manifest = _paths.manifest_file("nightly")
    manifest.parent.mkdir(parents=True)
    directory = str(root / "directory")
    manifest.write_text(json.dumps({"schema": 1, "volumes": {NAME: directory}, "paths": [], "exclude": []}))
    restic = Restic(_repository.load("main"))
    restic.init()
    tags = ["holdfast", "job=nightly"]
    restic.backup([directory, str(manifest)], [], os.uname().nodename, tags, lambda _progress: None)


def _remove_all() -> None:
    for found in docker("ps", "--all", "--quiet", "--filter", f"name=^{NAME}").split():
        docker("rm", "--force", "--volumes", found)
    for found in docker("ps", "--all", "--quiet", "--filter", f"label=holdfast.seed={NAME}").split():
        docker("rm", "--force", "--volumes", found)
    for found in docker("volume", "ls", "--quiet", "--filter", f"name=^{NAME}").split():
        docker("volume", "rm", found)


def sources(root: Path) -> dict[str, tuple[Seed, str]]:
    """What the volume is seeded from, and how containers in the way are put to rest."""
    return {
        "directory": (Seed("directory", str(root / "directory")), "stop"),
        "archive": (Seed("archive", str(root / "archive.tar.gz")), "stop"),
        "image": (Seed("image", NAME, command=COMMAND, path="/seed"), "stop"),
        "volume": (Seed("volume", SOURCE), "pause"),
        "container": (Seed("container", LAYER, path="/opt/data"), "stop"),
        "snapshot": (Seed("snapshot", "nightly", path=NAME, repository="main"), "stop"),
    }


def place(root: Path, kind: str) -> Path:
    return root / "device" if kind == "directory" else Path(docker("volume", "inspect", "-f", "{{.Mountpoint}}", NAME))


def set_out(root: Path, source: str, kind: str) -> None:
    """An empty volume, and the containers as they are to be found."""
    for container in docker("ps", "--all", "--quiet", "--filter", f"name=^{USER}").split():
        docker("rm", "--force", container)
    docker("volume", "rm", "--force", NAME)
    shutil.rmtree(_paths.STATE, ignore_errors=True)
    shutil.rmtree(root / "device")
    (root / "device").mkdir()
    bind = ("--opt", "type=none", "--opt", "o=bind", "--opt", f"device={root / 'device'}")
    docker("volume", "create", *(bind if kind == "directory" else ()), NAME)
    if source == "archive":
        docker("run", "--detach", "--name", USER, "--volume", f"{NAME}:/data", NAME, *LOOP)
    docker("start", LAYER)


def states() -> dict[str, str]:
    listed = docker("ps", "--all", "--filter", f"name=^{NAME}", "--format", "{{.Names}} {{.State}}")
    return dict(line.split() for line in listed.splitlines())


def left(root: Path) -> list[str]:
    """What a seed that is over must not leave."""
    staged = [path for folder in (root, place(root, "plain").parent) for path in folder.glob(".holdfast-seed*")]
    journals = list((_paths.STATE / "seeds").glob("*"))
    return [str(path) for path in staged + journals] + docker("ps", "-aq", "--filter", "label=holdfast.seed").split()


def seed(wanted: Seed, quiesce: str) -> None:
    """What the module does for a volume that is there."""
    connection = _docker.Docker({name: option.get("default") for name, option in _docker.OPTIONS.items()})
    seeding = _seeding.Seeding(connection, lambda _warning: None)
    for step in actions(wanted, NAME, state_of(connection, seeding, wanted), quiesce):
        seeding.carry_out(wanted, NAME, step, quiesce)
    assert actions(wanted, NAME, state_of(connection, seeding, wanted), quiesce) == ()


def state_of(connection: _docker.Docker, seeding: _seeding.Seeding, wanted: Seed) -> State:
    return seeding.observe(wanted, NAME, volume_of(connection))


def volume_of(connection: _docker.Docker) -> Volume:
    answer = connection.volume(NAME)
    assert answer is not None
    return replace(observed(answer), consumers=connection.consumers([NAME])[NAME], provenance=load(NAME, None))


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("directory", "plain"),
        ("archive", "plain"),
        ("image", "plain"),
        ("volume", "plain"),
        ("container", "plain"),
        ("snapshot", "plain"),
        ("archive", "directory"),
    ],
)
def test_killed_at_every_step_and_run_again(
    world: Path, source: str, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table of points and results is printed."""
    wanted, quiesce = sources(world)[source]
    set_out(world, source, kind)
    assert in_child(lambda: seed(wanted, quiesce)) == 0
    content, goal = digest(place(world, kind)), states()
    rows = []
    for moment in ("before", "during"):
        turn = 0
        while True:
            turn += 1
            set_out(world, source, kind)
            step = killed(turn, moment, CALLS, lambda: seed(wanted, quiesce))
            if not step:
                break
            held = os.listdir(place(world, kind))
            then = "half" if held and digest(place(world, kind)) != content else "whole" if held else "empty"
            flaws = ["is not done by the next run"] if in_child(lambda: seed(wanted, quiesce)) else []
            flaws += ["is half a seed"] if then == "half" else []
            flaws += ["has another content in the end"] if digest(place(world, kind)) != content else []
            flaws += [f"leaves {what}" for what in left(world)]
            flaws += [f"leaves {name} {state}" for name, state in states().items() if goal[name] != state]
            row = (
                f"{source} → {kind}: {moment} {turn:2} {step:12} {then} then, {'; '.join(flaws) or 'whole in the end'}"
            )
            rows.append((not flaws, row))
            with capsys.disabled():
                print(f"{'FAILED' if flaws else 'ok    '} {row}")
    assert len(rows) > 15
    assert [row for sound, row in rows if not sound] == []
