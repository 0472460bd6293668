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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Action
from ansible_collections.holdfast.persistence.plugins.module_utils.engine import _docker, _holder, _layer_copy
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._containers import DockerContainers
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._recreation import volumes_of
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations import (
    _folders,
    _interrupted,
    _journal,
    _volumes,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._migrating import Migrating
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._migration import actions, resumption
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _files, _paths
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
    (_folders, "move"),
    (os, "rename"),
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
    anonymous: set[str] = field(default_factory=set)
    """The volumes without a name."""
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

    def learn_anonymous(self) -> None:
        """Add the volumes without a name that the containers have now."""
        for container in json.loads(docker("inspect", *docker("ps", "-aq", "--filter", f"name=^{NAME}").split())):
            self.anonymous |= {each["Name"] for each in container["Mounts"] if each["Name"] != NAME}

    def left(self) -> list[str]:
        """What a migration that is over must not leave."""
        volumes = docker("volume", "ls", "--quiet", "--filter", f"name={NAME}[.]").split()
        journals = [path.name for path in (_paths.STATE / "migrations").glob("*") if path.name != ".lock"]
        return volumes + journals + _holders()


def _holders(*filters: str) -> list[str]:
    """The ids of the collection's own containers that this migration has."""
    labels = (f"label=holdfast.keeper={NAME}", f"label=holdfast.holder=migrate {NAME}")
    return [found for label in labels for found in docker("ps", "-aq", *filters, "--filter", label).split()]


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


IDLE = ("create", "--name", f"{NAME}-idle", "--volume", f"{NAME}:/data", NAME, "/busybox", "true")
IN_LAYER = "/busybox mkdir -p /etc/app; echo a > /etc/app/conf; /busybox chown 7:7 /etc/app/conf"


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
    docker("exec", f"{NAME}-db", "/busybox", "sh", "-c", f"{IN_LAYER}; echo b > /anon/file")
    docker("run", "--detach", "--name", f"{NAME}-side", "--network", f"container:{NAME}-db", NAME, *LOOP)
    docker(*IDLE)
    docker("run", "--detach", "--name", f"{NAME}-paused", *volume, NAME, *LOOP)
    docker("pause", f"{NAME}-paused")
    world.content = digest(data)
    world.learn_anonymous()


def prune(world: World) -> None:
    """``docker container prune`` and ``docker volume prune --all``, of what is this test's own."""
    stopped = ("--filter", "status=created", "--filter", "status=exited", "--filter", "status=dead")
    for found in (*docker("ps", "-aq", *stopped, "--filter", f"name=^{NAME}").split(), *_holders(*stopped)):
        # One that is being removed already cannot be removed.
        subprocess.run(["docker", "rm", found], check=False, capture_output=True)
    mine = {NAME, f"{NAME}.holdfast-staging", f"{NAME}.holdfast-probe", *world.anonymous}
    for volume in mine & {*docker("volume", "ls", "--quiet", "--filter", "driver=local").split()}:
        # Docker prunes none with options, and removes none that a container refers to.
        if docker("volume", "inspect", "--format", "{{len .Options}}", volume) == "0":
            subprocess.run(["docker", "volume", "rm", volume], check=False, capture_output=True)


def _remove_all() -> None:
    """What bears the name, and the networks after what is in them."""
    for found in (*docker("ps", "-aq", "--filter", f"name=^{NAME}").split(), *_holders()):
        docker("rm", "--force", "--volumes", found)
    for found in docker("volume", "ls", "--quiet", "--filter", f"name=^{NAME}").split():
        docker("volume", "rm", found)
    for found in docker("network", "ls", "--quiet", "--filter", f"name=^{NAME}").split():
        docker("network", "rm", found)


def connected() -> _docker.Docker:
    return _docker.Docker({name: option.get("default") for name, option in _docker.OPTIONS.items()})


def migrate(wanted: Definition, *names: str) -> None:
    """What one call of the module does for volumes that differ, and for those whose migration was interrupted."""
    connection = connected()
    migrating = Migrating(connection, lambda warning: print(warning, file=sys.stderr))
    plans = {name: planned(connection, migrating, name, wanted) for name in names or (NAME,)}
    for name, steps in plans.items():
        for step in steps:
            migrating.carry_out(name, wanted, step)


def planned(connection: _docker.Docker, migrating: Migrating, name: str, wanted: Definition) -> tuple[Action, ...]:
    interrupted = migrating.observe(name)
    steps = () if interrupted is None else resumption(interrupted)
    if interrupted is not None and interrupted.has_reached(_journal.VERIFIED):
        return steps
    answer = connection.volume(name)
    assert answer is not None
    volume = _volume.observed(answer)
    own = {UUID_LABEL: volume.labels.get(UUID_LABEL, "")}
    if Definition(volume.driver, volume.driver_options, volume.labels) == replace(
        wanted, labels={**wanted.labels, **own}
    ):
        return steps
    facts = migrating.facts(volume, wanted, "migrate", interrupted)
    try:
        return steps + actions(wanted, volume, facts, "stop", "migrate")
    except Problem:
        if not steps:
            raise
        # As the module does: whoever was stopped runs again first, and the run after that tells what is wrong.
        return steps


@pytest.mark.parametrize("is_pruned", [False, True], ids=["", "and pruned"])
@pytest.mark.parametrize(
    ("start", "goal"),
    [("plain", "labelled"), ("plain", "directory"), ("directory", "labelled directory"), ("plain", "driver")],
)
def test_killed_at_every_step_and_run_again(
    world: World, start: str, goal: str, is_pruned: bool, capsys: pytest.CaptureFixture[str]
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
            sound, told = killed_and_run_again(world, there, turn, moment, is_pruned)
            if not told and (here, there) in ways:
                ways.remove((here, there))
            if told:
                points += 1
                with capsys.disabled():
                    print(f"{'ok    ' if sound else 'FAILED'} {here} → {there}: {told}", flush=True)
            failed += [] if sound else [f"{here} → {there}: {told}"]
    assert failed == []
    assert points > 20


def killed_and_run_again(world: World, goal: str, turn: int, moment: str, is_pruned: bool) -> tuple[bool, str]:
    """Whether all is as it should be after that, and what happened; nothing when the migration was over before."""
    wanted = world.definition(goal)
    before = world.seen()
    name = killed(turn, moment, CALLS, lambda: migrate(wanted))
    lost = pruned_and_lost(world) if name and is_pruned else set()
    copies = world.copies()
    status = in_child(lambda: migrate(wanted)) if name else 0
    if status == 0 and lost:
        # What could not come back was left out by an undo, and the plan is made without it.
        status = in_child(lambda: migrate(wanted))
    put_back(world, lost)
    whole = digest(world.place(goal)) == world.content
    after = world.seen()
    if f"{NAME}-idle" in lost:
        after[f"{NAME}-idle"]["mounts"] = before[f"{NAME}-idle"]["mounts"]  # another volume without a name
    wrong = {
        "no complete copy after the kill": not copies,
        f"the next run ended with {status}": status != 0,
        "the content is another": not whole,
        "the containers are not as before": after != before,
        f"left: {world.left()}": bool(world.left()),
    }
    pruned = f" and pruned, of which {', '.join(sorted(lost)) or 'nothing'} is lost" if is_pruned else ""
    told = [
        f"{moment} {turn:2} {name:18}{pruned} whole then in {', '.join(copies)}",
        *(each for each in wrong if wrong[each]),
    ]
    return len(told) == 1, "; ".join(told) if name else ""


def pruned_and_lost(world: World) -> set[str]:
    """Prune, and return what no run can bring back: no journal had it at that moment, or nothing was kept yet."""
    journal = _journal.load(NAME)
    away = {held.name: held for held in journal.containers if not held.is_back} if journal else {}
    prune(world)
    there = docker("ps", "--all", "--format", "{{.Names}}", "--filter", f"name=^{NAME}").split()
    volumes = docker("volume", "ls", "--quiet").split()
    gone = {name: away.get(name) for name in (f"{NAME}-db", f"{NAME}-idle") if name not in there}
    lost = {name for name, held in gone.items() if held is None or not volumes_of(held.inspect) - {NAME} <= {*volumes}}
    return lost | {"layer" for held in gone.values() if held and held.unsaved}


def put_back(world: World, lost: set[str]) -> None:
    if f"{NAME}-idle" in lost:
        docker(*IDLE)
        world.learn_anonymous()
    if "layer" in lost:
        docker("exec", f"{NAME}-db", "/busybox", "sh", "-c", IN_LAYER)


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


def killed_once_in(phase: str, wanted: Definition, *names: str) -> int:
    """The exit status of a migration that is killed as soon as it has written down that it reached the phase."""
    entered = _journal.Journal.enter

    def enter(journal: _journal.Journal, reached: str) -> None:
        entered(journal, reached)
        if reached == phase:
            os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        setattr(_journal.Journal, "enter", enter)  # noqa: B010  mypy takes no assignment to a method
        migrate(wanted, *names)

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


SECOND = f"{NAME}-second"


@pytest.fixture
def second(world: World) -> Iterator[Path]:
    """Where the data of a second volume is; a container that runs has both."""
    assert in_child(lambda: migrate(world.definition("plain"))) == 0
    docker("volume", "create", SECOND)
    data = world.volumes / SECOND / "_data"
    (data / "file").write_text("second")
    both = ("--volume", f"{NAME}:/data", "--volume", f"{SECOND}:/second")
    docker("run", "--detach", "--name", f"{NAME}-both", *both, NAME, *LOOP)
    yield data
    docker("rm", "--force", "--volumes", f"{NAME}-both")
    docker("volume", "rm", SECOND)


@pytest.mark.parametrize("phase", ["", _journal.CLEARING, _journal.REPLACING, _journal.RECREATING])
def test_two_volumes_with_one_container_in_one_call(world: World, second: Path, phase: str) -> None:
    """One after the other, also when the first was interrupted and the container is away as the plans are made."""
    before = world.seen()
    wanted = world.definition("labelled")
    if phase:
        assert killed_once_in(phase, wanted, NAME, SECOND) == -signal.SIGKILL
        prune(world)
    assert in_child(lambda: migrate(wanted, NAME, SECOND)) == 0
    labels = [json.loads(docker("volume", "inspect", name))[0]["Labels"]["tier"] for name in (NAME, SECOND)]
    assert labels == ["labelled", "labelled"]
    assert (second / "file").read_text() == "second"
    assert (world.seen(), world.left(), digest(world.places()["volume"])) == (before, [], world.content)


def test_another_volume_of_a_container_that_is_away(
    world: World, second: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It counts the container among its users, and is not migrated before that one is back."""
    before = world.seen()
    wanted = world.definition("labelled")
    assert killed_once_in(_journal.REPLACING, wanted) == -signal.SIGKILL
    prune(world)
    connection = connected()
    assert connection.consumers([SECOND])[SECOND] == ()
    (away,) = _interrupted.with_those_away(connection.consumers([SECOND]))[SECOND]
    assert (away.name, away.state) == (f"{NAME}-both", f"away, in the interrupted migration of volume {NAME}")
    assert _interrupted.seen_from_outside(connection) >= {NAME}
    _holder.let_go(connection, SECOND)
    prune(world)
    assert in_child(lambda: migrate(wanted, SECOND)) == 1
    assert f"container {NAME}-both uses it and is away" in capfd.readouterr().err
    assert in_child(lambda: migrate(wanted)) == 0
    assert (world.seen(), world.left(), digest(world.places()["volume"])) == (before, [], world.content)
    assert NAME not in _interrupted.seen_from_outside(connection)
    assert (second / "file").read_text() == "second"


@pytest.mark.parametrize(
    ("goal", "told"),
    [("directory", "The migration was given up"), ("labelled", f"Its data is in volume {NAME}.holdfast-staging")],
)
def test_somebody_has_created_a_container_anew(
    world: World, goal: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """After a kill with the containers away: it is never removed, and nothing of the data is."""
    assert in_child(lambda: migrate(world.definition("plain"))) == 0
    make_room(world, "plain")
    before = world.seen()
    assert killed_once_in(_journal.REPLACING, world.definition(goal)) == -signal.SIGKILL
    anew = docker(*IDLE)
    assert in_child(lambda: migrate(world.definition(goal))) == 1
    error = capfd.readouterr().err
    assert f"container {NAME}-idle was created on it during its migration" in error
    assert told in error
    assert docker("inspect", "--format", "{{.Id}}", f"{NAME}-idle") == anew
    assert {"volume", "staging"} & {*world.copies()}
    if goal == "labelled":
        docker("rm", "--volumes", anew)
    assert in_child(lambda: migrate(world.definition("plain" if goal == "directory" else goal))) == 0
    after = world.seen()
    after[f"{NAME}-idle"]["mounts"] = before[f"{NAME}-idle"]["mounts"]
    assert (after, world.left(), digest(world.places()["volume"])) == (before, [], world.content)
    world.learn_anonymous()


def test_one_migration_at_a_time_on_a_host(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """The second run waits, and then says for which volume, and changes nothing."""
    assert in_child(lambda: migrate(world.definition("plain"))) == 0
    before = world.seen()
    with _files.lock(_journal.lock_file(), 1):
        _journal.lock_file().write_text("pgdata")
        assert in_child(lambda: migrate(world.definition("labelled"))) == 1
    assert "another run on this host migrates volume pgdata" in capfd.readouterr().err
    assert (world.seen(), world.left()) == (before, [])


def test_a_keeper_that_somebody_removed_is_there_before_anything_else(world: World) -> None:
    assert in_child(lambda: migrate(world.definition("plain"))) == 0
    before = world.seen()
    wanted = world.definition("labelled")
    assert killed_once_in(_journal.REPLACING, wanted) == -signal.SIGKILL
    docker("rm", "--force", *_holders())
    assert killed(1, "before", [(_volumes.MigrationVolumes, "replace")], lambda: migrate(wanted)) == "replace"
    prune(world)
    assert "staging" in world.copies()
    assert in_child(lambda: migrate(wanted)) == 0
    assert (world.seen(), world.left(), digest(world.places()["volume"])) == (before, [], world.content)
