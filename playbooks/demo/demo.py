# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's main job on a real host: provision, back up, lose the data, restore, compare.

    make demo                  or: python3 playbooks/demo/demo.py
    KIND=vm|container          what the host is made of; vm, a machine with its own kernel, if not set
    DISTRO=bookworm|trixie     its Debian release; bookworm if not set
    KEEP=1                     leave the host up and say how to look around

Ends with a table and build/demo/report.json. Exits 1 when a step fails or the data is not what it was.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Callable

import postgres_image

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
LAB = ROOT / ".lab-demo"
REPORT = ROOT / "build" / "demo" / "report.json"
HOST = "db1"
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Failure(Exception):
    """A step did not do what it should; the message is for the table."""


@dataclass
class Step:
    """One line of the table."""

    step: str
    seconds: float = 0.0
    changed: int | None = None
    result: str = ""


@dataclass
class Demo:
    """One run of the demo on one host."""

    kind: str
    distribution: str
    keep: bool
    steps: list[Step] = field(default_factory=list)
    image: Path = Path()
    before: dict[str, Any] = field(default_factory=dict)
    identical: bool = False

    def run(self) -> None:
        self._step("build the image", self._build_image)
        self._step(f"boot a bare host ({self.kind})", self._boot)
        self._step("provision", lambda: self._play("provision"))
        self._step("fill with data", self._fill)
        self._step("provision again", lambda: self._play("provision", unchanged=True))
        self._step("back up", lambda: self._play("backup"))
        self._step("lose container, volume and files", self._lose)
        self._step("restore", lambda: self._play("restore"))
        self._step("start the service again", lambda: self._play("provision"))
        self._step("compare", self._compare)
        self._step("provision once more", lambda: self._play("provision", unchanged=True))

    def _step(self, name: str, action: Callable[[], str | None]) -> None:
        step = Step(name)
        self.steps.append(step)
        print(f"\n== {len(self.steps)}. {name}", flush=True)
        began = time.monotonic()
        try:
            step.result = action() or "done"
        except BaseException as error:
            step.result = str(error) or "interrupted"
            raise
        finally:
            step.seconds = round(time.monotonic() - began, 1)

    def _build_image(self) -> str:
        cached = postgres_image.path().exists()
        self.image = postgres_image.archive()
        size = self.image.stat().st_size / 1e6
        return f"{'from the cache' if cached else 'built'}, {size:.0f} MB"

    def _boot(self) -> None:
        lab("down")
        lab("up", "--kind", self.kind, "--distro", self.distribution, "--hosts", HOST)

    def _play(self, playbook: str, unchanged: bool = False) -> None:
        recap = play(playbook, self.image)
        self.steps[-1].changed = recap["changed"]
        if recap["failed"] or recap["unreachable"]:
            raise Failure(f"holdfast.persistence.{playbook} failed, see above")
        if unchanged and recap["changed"]:
            raise Failure(f"changed {recap['changed']}, and should have changed nothing")

    def _fill(self) -> str:
        on_host("fill")
        self.before = json.loads(on_host("measure"))
        return contents(self.before)

    def _lose(self) -> None:
        on_host("lose")

    def _compare(self) -> str:
        after = json.loads(on_host("measure"))
        lost = differences(self.before, after)
        for line in lost:
            print(f"  differs: {line}")
        if lost:
            raise Failure(f"{len(lost)} differences, the first: {lost[0]}")
        self.identical = True
        return f"identical: {contents(after)}"

    def report(self) -> None:
        """Print the table and write the same to build/demo/report.json."""
        total = sum(step.seconds for step in self.steps)
        width = max(len(step.step) for step in self.steps)
        print(f"\n{'step':{width}}  seconds  changed  result")
        for step in self.steps:
            changed = "" if step.changed is None else step.changed
            print(f"{step.step:{width}}  {step.seconds:7.1f}  {changed:>7}  {step.result}")
        print(f"{'in all':{width}}  {total:7.1f}")
        REPORT.parent.mkdir(parents=True, exist_ok=True)
        facts = {
            "kind": self.kind,
            "distribution": self.distribution,
            "identical": self.identical,
            "seconds": round(total, 1),
            "steps": [asdict(step) for step in self.steps],
        }
        REPORT.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        print(f"\nThe same is in {REPORT.relative_to(ROOT)}.")

    def leave(self) -> None:
        """Stop the host, or say how to look around on it."""
        if not self.keep:
            lab("down")
            return
        ssh = f"ssh -F {LAB.relative_to(ROOT)}/ssh_config {HOST}"
        print(
            f"\nThe host {HOST} is up. Look around, from {ROOT}:\n"
            f"  {ssh}\n"
            f"  {ssh} holdfast status\n"
            f"  {ssh} holdfast snapshots database\n"
            f"  {ssh} systemctl list-timers\n"
            f"  {ssh} docker exec database psql -U postgres -c '\"select count(*) from pgbench_accounts\"'\n"
            f"Stop it:\n"
            f"  HOLDFAST_LAB={LAB.relative_to(ROOT)} tests/lab/lab down"
        )


def lab(*arguments: str) -> None:
    """Run one command of the lab, on the demo's own lab."""
    environment = {**os.environ, "HOLDFAST_LAB": str(LAB)}
    done = subprocess.run([ROOT / "tests" / "lab" / "lab", *arguments], env=environment, check=False)
    if done.returncode:
        raise Failure(f"the lab failed to go {arguments[0]}, see above")


def play(playbook: str, image: Path) -> dict[str, int]:
    """Run a playbook of the collection, show its output, and return the numbers of its recap."""
    beside = Path(sys.executable).with_name("ansible-playbook")
    program = str(beside) if beside.exists() else shutil.which("ansible-playbook")
    if program is None:
        raise Failure("ansible-playbook is not installed: run make demo, which sees to that")
    inventories = ["-i", str(LAB / "inventory.yml"), "-i", str(HERE / "inventory")]
    command = [program, *inventories, "-e", f"demo_image={image}", f"holdfast.persistence.{playbook}"]
    environment = {**os.environ, "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "false", "ANSIBLE_NOCOLOR": "1"}
    recap = {"changed": 0, "failed": 0, "unreachable": 0}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            if re.match(rf"{HOST}\s+: ok=", line):
                recap = {name: int(number) for name, number in re.findall(r"(\w+)=(\d+)", line)}
    if process.returncode and not recap["unreachable"]:
        recap["failed"] = max(recap["failed"], 1)
    return recap


def on_host(word: str) -> str:
    """Have on_host.py do one thing on the host, and return what it prints."""
    command = ["ssh", "-F", str(LAB / "ssh_config"), HOST, "python3", "-", word]
    with open(HERE / "on_host.py", "rb") as program:
        done = subprocess.run(command, stdin=program, capture_output=True, check=False)
    if done.returncode:
        raise Failure(done.stderr.decode(errors="replace").strip())
    return done.stdout.decode()


def contents(measured: dict[str, Any]) -> str:
    rows = sum(int(table["rows"]) for table in measured["tables"].values())
    return f"{rows:,} rows in {len(measured['tables'])} tables, {len(measured['files'])} files and folders"


def differences(before: dict[str, Any], after: dict[str, Any], place: str = "") -> list[str]:
    """What differs between two measurements, one sentence a value."""
    found: list[str] = []
    for key in sorted({*before, *after}):
        old, new = before.get(key), after.get(key)
        name = f"{place} {key}".strip()
        if isinstance(old, dict) and isinstance(new, dict):
            found += differences(old, new, name)
        elif old != new:
            found.append(f"{name}: {old} → {new}")
    return found


def main() -> int:
    for name in SIGNALS:
        signal.signal(name, signal.default_int_handler)
    demo = Demo(
        os.environ.get("KIND") or "vm",
        os.environ.get("DISTRO") or "bookworm",
        os.environ.get("KEEP", "") not in ("", "0"),
    )
    try:
        demo.run()
    except (Failure, SystemExit) as failure:
        print(f"\ndemo: {failure}", file=sys.stderr)
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr)
        demo.keep = False
    finally:
        # Nothing interrupts the clean-up, which stops what was started.
        for name in SIGNALS:
            signal.signal(name, signal.SIG_IGN)
        demo.report()
        demo.leave()
    return 0 if demo.identical and demo.steps[-1].result == "done" else 1


if __name__ == "__main__":
    sys.exit(main())
