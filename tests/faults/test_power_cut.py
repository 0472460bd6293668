# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations and seeds on a virtual machine whose power is cut in the middle of each of their phases, and run again.

It needs what the lab's virtual machines need (docs/lab.md), and no Docker of this machine. An emulated machine takes
half an hour for all of it, most of that for booting; with KVM it is a few minutes. One part of it::

    make faults T="-k 'power_cut and migration'"
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from .power_cut.machine import ENDED, Cut, Machine, faults, lifecycle

HOST = "power"
MIGRATIONS, SEEDS = "/var/lib/holdfast/migrations/power-cut.json", "/var/lib/holdfast/seeds/power-seed.json"
DEVICE, SEEDED, DISK = "/srv/device", "/srv/seeded", "/srv/disk"
PLAIN: dict[str, str] = {}

MIGRATING = ("begun", "stopping", "copying", "verified", "clearing", "replacing", "filling", "recreating", ENDED)
MIGRATION_CUTS = (
    ("begun", 0.5),
    ("copying", 0.1),
    ("copying", 0.5),
    ("copying", 0.95),
    ("verified", 0.0),
    ("clearing", 0.0),
    ("replacing", 0.3),
    ("filling", 0.0),
    ("recreating", 0.5),
    (ENDED, 0.0),
)
"""The phase, and how far into it. The first goes to a directory, the next back, and so on."""

SEEDING = ("resting", "filling", "placing", ENDED)
SEED_CUTS = (
    ("archive", "resting", 0.0),
    ("directory", "filling", 0.1),
    ("archive", "filling", 0.5),
    ("directory", "filling", 0.9),
    ("archive", "filling", 0.95),
    ("mounted", "filling", 0.7),
    ("archive", "placing", 0.0),
    ("mounted", "placing", 0.5),
    ("archive", "placing", 0.5),
    ("directory", ENDED, 0.0),
)

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("qemu-system-x86_64", "qemu-img", "ssh"))), reason="needs what a virtual machine needs"
)


def bind(device: str) -> dict[str, str]:
    return {"type": "none", "o": "bind", "device": device}


@dataclass(frozen=True)
class Seeding:
    """How a volume is seeded."""

    source: dict[str, str]
    options: dict[str, str]
    place: str
    is_there: bool
    """The volume exists before, and a container with the restart policy ``always`` runs with it."""


KINDS = {
    "archive": Seeding({"archive": "/srv/origin.tar.gz"}, PLAIN, "volume", True),
    "directory": Seeding({"directory": "/srv/origin"}, bind(SEEDED), "device", False),
    "mounted": Seeding({"archive": "/srv/origin.tar.gz"}, bind(DISK), "device", True),
}


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDFAST_LAB", str(tmp_path_factory.mktemp("lab")))
        machine = Machine.started(HOST)
        try:
            status, output = machine.playbook("prepare", {})
            assert status == 0, output
            yield machine
        finally:
            lifecycle.down()


def test_a_power_cut_loses_what_was_not_synchronised(machine: Machine) -> None:
    """Else all the others would prove nothing."""
    machine.shell("cd /srv; echo kept > kept; sync kept; echo lost > lost")
    faults.power_cut(machine.lab, machine.host)
    faults.power_on(machine.lab, machine.host)
    assert machine.shell("cat /srv/kept /srv/lost 2> /dev/null || true").split() == ["kept"]


@pytest.mark.parametrize("interruption", ["power cut", "reboot"])
def test_migration(machine: Machine, interruption: str, capsys: pytest.CaptureFixture[str]) -> None:
    """There and back, each time cut off at another moment. The table is printed."""
    cuts = MIGRATION_CUTS if interruption == "power cut" else (("copying", 0.3), ("replacing", 0.0))
    goals = (bind(DEVICE), PLAIN)
    before = machine.look("power-cut", DEVICE)
    content = before["places"]["volume"]["digest"]
    undisturbed = [machine.run("migrate", {"driver_options": goal}, MIGRATIONS) for goal in goals]
    assert [run.status for run in undisturbed] == [0, 0], [run.output for run in undisturbed]
    rows = Rows(capsys, interruption, "phase seen", "on the disk", "whole then")
    for number, (phase, share) in enumerate(cuts):
        goal, usual = goals[number % 2], undisturbed[number % 2]
        if goal:
            machine.shell(f"find {DEVICE} -mindepth 1 -delete; sync {DEVICE}")
        interrupt = faults.power_cut if interruption == "power cut" else faults.reboot
        cut = Cut(phase, share * usual.lasted(phase), MIGRATING, interrupt)
        seen = machine.run("migrate", {"driver_options": goal}, MIGRATIONS, cut)
        if interruption == "power cut":
            faults.power_on(machine.lab, machine.host)
        found = machine.look("power-cut", DEVICE)
        whole = [
            name
            for name, place in found["places"].items()
            if place["digest"] == content and place["log"] >= seen.acknowledged
        ]
        status, output = machine.playbook("migrate", {"driver_options": goal})
        after = machine.look("power-cut", DEVICE)
        place = after["places"].get("device" if goal else "volume", {"digest": "", "log": 0})
        wrong = {
            f"no complete copy: {found}": not whole,
            f"the next run ended with {status}: {output}": status != 0,
            f"the content is another: {after['places']}": place["digest"] != content,
            f"acknowledged {seen.acknowledged}, there {place['log']}": place["log"] < seen.acknowledged,
            f"containers: {after['containers']}": after["containers"] != before["containers"],
            f"defined as {after['definition']}": options(after) != goal,
            f"left: {after['left']}": bool(after["left"]),
        }
        rows.add(seen.phase, journal(found["migration"]), ", ".join(whole), [each for each in wrong if wrong[each]])
    assert rows.failed == []


def test_seed_power_cut(machine: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    """The volume is empty or whole then, and no container has started on half of it. The table is printed."""
    content = machine.look("power-seed", "/srv/origin")["places"]["device"]
    usual = {}
    for name, kind in KINDS.items():
        set_out(machine, kind)
        usual[name] = machine.run("seed", variables(kind), SEEDS)
        assert usual[name].status == 0, usual[name].output
        assert look(machine, kind)["places"][kind.place] == content
    rows = Rows(capsys, "power cut", "phase seen", "on the disk", "volume then")
    for name, phase, share in SEED_CUTS:
        kind = KINDS[name]
        set_out(machine, kind)
        seen = machine.run(
            "seed", variables(kind), SEEDS, Cut(phase, share * usual[name].lasted(phase), SEEDING, faults.power_cut)
        )
        faults.power_on(machine.lab, machine.host)
        found = look(machine, kind)
        place = found["places"].get(kind.place, {"names": 0})
        then = "empty" if place["names"] == 0 else "whole" if place == content else "HALF"
        status, output = machine.playbook("seed", variables(kind))
        after = look(machine, kind)
        starts = {int(line) for line in machine.shell("cat /srv/witness/starts").split()}
        wrong = {
            f"half: {found}": then == "HALF",
            f"a container started on {starts} of {content['names']}": not starts <= {0, content["names"]},
            f"the next run ended with {status}: {output}": status != 0,
            f"the content is another: {after}": after["places"].get(kind.place) != content,
            f"containers: {after['containers']}": states(after) != ({"running"} if kind.is_there else set()),
            f"left: {after['left']}": bool(after["left"]),
        }
        rows.add(f"{name}: {seen.phase}", journal(found["seed"]), then, [each for each in wrong if wrong[each]])
    assert rows.failed == []


class Rows:
    """The table, printed while it grows."""

    def __init__(self, capsys: pytest.CaptureFixture[str], interruption: str, *heading: str) -> None:
        self._capsys = capsys
        self._interruption = interruption
        self._number = 0
        self.failed: list[str] = []
        self._print("\n" + self._row("", interruption, *heading, "result"))

    def add(self, seen: str, on_disk: str, then: str, wrong: Sequence[str]) -> None:
        self._number += 1
        result = "; ".join(wrong) or "all right"
        row = self._row("FAILED" if wrong else "ok", str(self._number), seen, on_disk, then, result)
        self._print(row)
        if wrong:
            self.failed.append(row)

    def _row(self, verdict: str, number: str, seen: str, on_disk: str, then: str, result: str) -> str:
        return f"{verdict:6} {number:{len(self._interruption)}}  {seen:20} {on_disk:12} {then:24} {result}"

    def _print(self, line: str) -> None:
        with self._capsys.disabled():
            print(line, flush=True)


def journal(known: dict[str, Any] | None) -> str:
    return "none" if known is None else str(known["phase"])


def options(found: dict[str, Any]) -> Any:
    """The volume's, without which Docker says ``null`` or ``{}``; or why it did not answer."""
    told = found["definition"]
    return told if told.startswith("error") else json.loads(told) or {}


def look(machine: Machine, kind: Seeding) -> dict[str, Any]:
    return machine.look("power-seed", kind.options.get("device", SEEDED))


def variables(kind: Seeding) -> dict[str, Any]:
    return {"driver_options": kind.options, "source": kind.source}


def states(found: dict[str, Any]) -> set[str]:
    return {one["state"] for name, one in found["containers"].items() if name == "witness"}


def set_out(machine: Machine, kind: Seeding) -> None:
    """No volume, or an empty one with its container."""
    options = " ".join(f"--opt {name}={value}" for name, value in kind.options.items())
    machine.shell(f"""
set -e
docker rm --force witness > /dev/null 2>&1 || true
docker volume rm --force power-seed > /dev/null
rm -rf /srv/witness /var/lib/holdfast/volumes/power-seed.json {SEEDED}
find {DISK} -mindepth 1 -not -name lost+found -delete
mkdir -p /srv/witness {SEEDED}
touch /srv/witness/starts
if [ {kind.is_there} = True ]; then
    docker volume create {options} power-seed > /dev/null
    docker run --detach --name witness --network none --restart always \\
        --volume power-seed:/data --volume /srv/witness:/witness busybox:local sh -c '
            trap "exit 0" TERM
            for path in /data/*; do
                case $path in */lost+found) ;; *) if [ -e "$path" ]; then n=$((n + 1)); fi ;; esac
            done
            echo $((n)) >> /witness/starts
            /busybox sync /witness/starts
            while :; do /busybox sleep 0.2; done' > /dev/null
fi
sync
""")
