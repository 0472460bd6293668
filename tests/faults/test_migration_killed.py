# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A migration on a real Docker, killed with SIGKILL before and in the middle of each of its steps, and then run again.

As root, with this machine's Docker, the SDK and a static busybox. What it makes there is called ``holdfast-faults…``
and goes at the end.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.engine import _docker, _layer_copy
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._containers import DockerContainers
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations import _journal, _volumes
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._migrating import Migrating
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._migration import actions, resumption
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.trees._manifest import digest
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes import _volume
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import UUID_LABEL, Definition

from .kills import BUSYBOX, docker, in_child, is_possible, killed

NAME = "holdfast-faults"
DRIVER = Path(__file__).parents[1] / "plugins" / "volume_driver" / "volume_driver.py"
LOOP = ("/busybox", "sh", "-c", "trap 'exit 0' TERM; while :; do /busybox sleep 0.1; done")

CALLS: list[tuple[Any, str]] = [
    *((DockerContainers, name) for name in ("create", "start", "stop", "pause", "unpause", "rename", "remove")),
    *((DockerContainers, name) for name in ("connect", "import_image", "unpack", "remove_volume")),
    (DockerContainers, "set_restart_policy"),
    (_docker.Docker, "create_volume"),
    (_volumes, "copy_tree"),
    (_volumes, "compare"),
    (_volumes, "_clear"),
    (_volumes, "_move"),
    (_volumes.os, "rename"),
    (_layer_copy, "save"),
    (_journal.Journal, "save"),
    (_journal.Journal, "forget"),
]
"""Everything by which a migration changes something."""


pytestmark = pytest.mark.skipif(not is_possible(), reason="needs root, a Docker of this machine and a static busybox")


@dataclass
class World:
    """A volume with its containers, and the places where its data can lie."""

    root: Path
    volumes: Path
    """Where Docker keeps plain volumes."""
    content: str = ""
    """The digest that it has to keep."""

    @property
    def device(self) -> Path:
        return self.root / "device"

    def definition(self, name: str) -> Definition:
        labels = {"tier": name}
        bind = {"type": "none", "o": "bind", "device": str(self.device)}
        return {
            "plain": Definition("local", {}, labels),
            "labelled": Definition("local", {}, labels),
            "directory": Definition("local", bind, labels),
            "labelled directory": Definition("local", bind, labels),
            "driver": Definition(NAME, {}, labels),
        }[name]

    def places(self) -> dict[str, Path]:
        """Where a complete copy may lie."""
        return {
            "volume": self.volumes / NAME / "_data",
            "staging": self.volumes / f"{NAME}.holdfast-staging" / "_data",
            "directory": self.device,
            "driver": self.root / "driver" / "volumes" / NAME,
        }

    def copies(self) -> list[str]:
        return [name for name, path in self.places().items() if path.is_dir() and digest(path) == self.content]

    def place(self, definition: str) -> Path:
        return self.places().get(definition.rpartition(" ")[2], self.places()["volume"])

    def seen(self) -> dict[str, Any]:
        """What has to be as before: the containers with all that was asked for, and what they wrote outside."""
        names = docker("ps", "--all", "--filter", f"name=^{NAME}", "--format", "{{.Names}}").split()
        found = {container["Name"].lstrip("/"): container for container in json.loads(docker("inspect", *names))}
        ids = {container["Id"]: name for name, container in found.items()}
        return {name: _lasting(container, ids) for name, container in found.items()} | {
            "layer": docker("exec", f"{NAME}-db", "/busybox", "stat", "-c", "%n %u %a", "/etc/app/conf", "/anon/file")
        }

    def left(self) -> list[str]:
        """What a migration that is over must not leave."""
        volumes = docker("volume", "ls", "--quiet", "--filter", f"name={NAME}.").split()
        journals = [path.name for path in (_paths.STATE / "migrations").glob("*") if path.suffix != ".lock"]
        holders = docker("ps", "--all", "--quiet", "--filter", f"label=holdfast.holder=migrate {NAME}").split()
        return volumes + journals + holders


def _lasting(container: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    host = {key: value for key, value in container["HostConfig"].items() if value and key != "Mounts"}
    mode = host["NetworkMode"]
    host["NetworkMode"] = names.get(mode.partition(":")[2], mode)
    networks = container["NetworkSettings"]["Networks"]
    return {
        "state": container["State"]["Status"],
        "image": container["Image"],
        "configuration": {key: value for key, value in container["Config"].items() if value and key != "Hostname"},
        "host": host,
        "mounts": sorted((mount["Destination"], mount.get("Name", "")) for mount in container["Mounts"]),
        "networks": {name: (endpoint["IPAMConfig"] or {}) for name, endpoint in networks.items()},
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    volumes = Path(docker("info", "--format", "{{.DockerRootDir}}")) / "volumes"
    world = World(tmp_path_factory.mktemp("world"), volumes)
    state, _paths.STATE = _paths.STATE, world.root / "state"
    world.device.mkdir()
    socket = Path("/run/docker/plugins") / f"{NAME}.sock"
    socket.parent.mkdir(parents=True, exist_ok=True)
    driver = subprocess.Popen([sys.executable, str(DRIVER), str(socket), str(world.root / "driver")])
    try:
        _remove_all()
        _build(world)
        yield world
    finally:
        _remove_all()
        _paths.STATE = state
        driver.terminate()
        driver.wait()
        socket.unlink(missing_ok=True)


def _build(world: World) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as image:
        image.add(BUSYBOX.resolve(), "busybox")
    load = ["docker", "import", "--change", "VOLUME /anon", "-", NAME]
    subprocess.run(load, input=archive.getvalue(), check=True, capture_output=True)
    docker("volume", "create", "--label", "tier=plain", NAME)
    data = world.places()["volume"]
    (data / "base").mkdir(mode=0o700)
    for number in range(50):
        (data / "base" / str(number)).write_bytes(os.urandom(2000))
    os.link(data / "base" / "0", data / "hard")
    (data / "link").symlink_to("base")
    os.chown(data, 70, 70)
    data.chmod(0o750)
    for network, subnet in (("one", "172.30.77.0/24"), ("two", "172.30.78.0/24")):
        docker("network", "create", "--subnet", subnet, f"{NAME}-{network}")
    volume = ("--volume", f"{NAME}:/data")
    alone = ("--network", f"{NAME}-one", "--ip", "172.30.77.50", "--network-alias", "database")
    docker("run", "--detach", "--name", f"{NAME}-db", "--restart", "always", *alone, *volume, NAME, *LOOP)
    docker("network", "connect", "--alias", "second", f"{NAME}-two", f"{NAME}-db")
    write = "/busybox mkdir -p /etc/app; echo a > /etc/app/conf; echo b > /anon/file; /busybox chown 7:7 /etc/app/conf"
    docker("exec", f"{NAME}-db", "/busybox", "sh", "-c", write)
    docker("run", "--detach", "--name", f"{NAME}-side", "--network", f"container:{NAME}-db", NAME, *LOOP)
    docker("create", "--name", f"{NAME}-idle", *volume, NAME, "/busybox", "true")
    docker("run", "--detach", "--name", f"{NAME}-paused", *volume, NAME, *LOOP)
    docker("pause", f"{NAME}-paused")
    world.content = digest(data)


def _remove_all() -> None:
    """What bears the name, and the networks after what is in them."""
    for found in docker("ps", "--all", "--quiet", "--filter", f"name=^{NAME}").split():
        docker("rm", "--force", "--volumes", found)
    for found in docker("volume", "ls", "--quiet", "--filter", f"name=^{NAME}").split():
        docker("volume", "rm", found)
    for found in docker("network", "ls", "--quiet", "--filter", f"name=^{NAME}").split():
        docker("network", "rm", found)


def migrate(wanted: Definition) -> None:
    """What the module does for a volume that differs, and for one whose migration was interrupted."""
    connection = _docker.Docker({name: option.get("default") for name, option in _docker.OPTIONS.items()})
    migrating = Migrating(connection, lambda _warning: None)
    interrupted = migrating.observe(NAME)
    steps = () if interrupted is None else resumption(interrupted)
    if interrupted is None or not interrupted.has_reached(_journal.VERIFIED):
        answer = connection.volume(NAME)
        assert answer is not None
        volume = _volume.observed(answer)
        own = {UUID_LABEL: volume.labels.get(UUID_LABEL, "")}
        if Definition(volume.driver, volume.driver_options, volume.labels) != replace(
            wanted, labels={**wanted.labels, **own}
        ):
            facts = migrating.facts(volume, wanted, "migrate", interrupted)
            steps += actions(wanted, volume, facts, "stop", "migrate")
    for step in steps:
        migrating.carry_out(NAME, wanted, step)


@pytest.mark.parametrize(
    ("start", "goal"),
    [("plain", "labelled"), ("plain", "directory"), ("directory", "labelled directory"), ("plain", "driver")],
)
def test_killed_at_every_step_and_run_again(
    world: World, start: str, goal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """There and back, each time one call later, until both come to their end. The table of points is printed."""
    assert in_child(lambda: migrate(world.definition(start))) == 0
    ways = [(start, goal), (goal, start)]
    failed, points, turn = [], 0, 0
    while ways:
        turn += 1
        for number, (here, there) in enumerate(((start, goal), (goal, start))):
            make_room(world, here)
            moment = ("before", "during")[(turn + number) % 2]
            sound, told = killed_and_run_again(world, there, turn, moment)
            if not told and (here, there) in ways:
                ways.remove((here, there))
            if told:
                points += 1
                with capsys.disabled():
                    print(f"{'ok    ' if sound else 'FAILED'} {here} → {there}: {told}", flush=True)
            failed += [] if sound else [f"{here} → {there}: {told}"]
    assert failed == []
    assert points > 20


def killed_and_run_again(world: World, goal: str, turn: int, moment: str) -> tuple[bool, str]:
    """Whether all is as it should be after that, and what happened; nothing when the migration was over before."""
    wanted = world.definition(goal)
    before = world.seen()
    name = killed(turn, moment, CALLS, lambda: migrate(wanted))
    copies = world.copies()
    status = in_child(lambda: migrate(wanted)) if name else 0
    whole = digest(world.place(goal)) == world.content
    wrong = {
        "no complete copy after the kill": not copies,
        f"the next run ended with {status}": status != 0,
        "the content is another": not whole,
        "the containers are not as before": world.seen() != before,
        f"left: {world.left()}": bool(world.left()),
    }
    told = [f"{moment} {turn:2} {name:18} whole then in {', '.join(copies)}", *(each for each in wrong if wrong[each])]
    return len(told) == 1, "; ".join(told) if name else ""


def make_room(world: World, here: str) -> None:
    """Away with what a migration left at the device of a definition that it has left."""
    if world.place(here) != world.device:
        shutil.rmtree(world.device)
        world.device.mkdir()


def test_two_at_once(world: World) -> None:
    """One of them does it, and the other says so or finds nothing left to do."""
    assert in_child(lambda: migrate(world.definition("plain"))) == 0
    make_room(world, "plain")
    before = world.seen()
    children = []
    for _each in range(2):
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                migrate(world.definition("directory"))
                status = 0
            except Problem as problem:
                sys.stderr.write(f"{problem}\n")
            finally:
                os._exit(status)
        children.append(pid)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    assert 0 in statuses
    assert in_child(lambda: migrate(world.definition("directory"))) == 0
    assert (world.seen(), world.left(), digest(world.device)) == (before, [], world.content)


def killed_once_in(phase: str, wanted: Definition) -> int:
    """The exit status of a migration that is killed as soon as it has written down that it reached the phase."""
    entered = _journal.Journal.enter

    def enter(journal: _journal.Journal, reached: str) -> None:
        entered(journal, reached)
        if reached == phase:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        setattr(_journal.Journal, "enter", enter)  # noqa: B010  mypy takes no assignment to a method
        migrate(wanted)

    return in_child(work)


@pytest.mark.parametrize("phase", [_journal.VERIFIED, _journal.CLEARING, _journal.REPLACING])
@pytest.mark.parametrize("is_lost", [True, False])
def test_the_old_volume_stays_when_the_copy_is_one_no_more(world: World, phase: str, is_lost: bool) -> None:
    """After a kill the copy's disk may be gone, or somebody has written into the old volume: nothing is thrown away."""
    assert in_child(lambda: migrate(world.definition("plain"))) == 0
    make_room(world, "plain")
    before, content = world.seen(), world.content
    assert killed_once_in(phase, world.definition("directory")) == -signal.SIGKILL
    if is_lost:
        make_room(world, "plain")
    else:
        (world.places()["volume"] / "order").write_text("new")
        world.content = digest(world.places()["volume"])
    assert in_child(lambda: migrate(world.definition("directory"))) == 1
    assert "volume" in world.copies()
    assert in_child(lambda: migrate(world.definition("plain"))) == 0
    assert "volume" in world.copies()
    assert world.seen() == before
    assert world.left() == []
    (world.places()["volume"] / "order").unlink(missing_ok=True)
    world.content = content
