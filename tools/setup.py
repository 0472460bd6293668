# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set up a checkout: the environment in .venv, and the Debian packages of the lab (``make setup``, CONTRIBUTING.md).

``setup.py environment`` leaves the packages out, which is enough for everything that starts no test host. What is there
already is left alone: a run with nothing to install takes a fraction of a second and touches no network.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Sequence

from console import CHECKOUT, Command, Failed, interruptible, quietly, run, say

PYTHON = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
"""The interpreter to build on: not that of an activated .venv, which may be made anew."""
OLDEST_PYTHON = (3, 11)
"""What the pinned ansible-core needs on the control node."""
REQUIREMENTS = CHECKOUT / "requirements" / "development.txt"
PACKAGES = CHECKOUT / "tests" / "lab" / "packages.txt"
VENV = CHECKOUT / ".venv"
TREE = VENV / "tree"
"""Holds ansible_collections/holdfast/persistence, a link to the checkout."""
STAMP = VENV / "holdfast-stamp"
"""Digest of what the environment was made from; written last, so that a half-made one is made again."""


def main(arguments: Sequence[str]) -> None:
    """Set up what is missing, one process at a time, and say so."""
    began = time.monotonic()
    (CHECKOUT / ".cache").mkdir(exist_ok=True)
    with (CHECKOUT / ".cache" / "setup.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        up_to_date = STAMP.is_file() and STAMP.read_text(encoding="utf-8") == _digest()
        wanted = [] if "environment" in arguments else wanted_packages()
        done = install_packages([*missing_packages(wanted), *([] if up_to_date else _missing_venv_support())])
        if not up_to_date:
            done += set_up_environment()
    if done:
        say(f"set-up: done in {time.monotonic() - began:.1f} s: {', '.join(done)}")


def set_up_environment() -> list[str]:
    """Make .venv anew, and return what was done, in words."""
    if sys.version_info < OLDEST_PYTHON:
        raise Failed(
            f"set-up: {PYTHON} is Python {sys.version.split()[0]}, and at least "
            f"{'.'.join(map(str, OLDEST_PYTHON))} is needed. Name a newer one: make PYTHON=/usr/bin/python3.11 …"
        )
    say(f"set-up: making .venv with Python {sys.version.split()[0]} from {REQUIREMENTS.relative_to(CHECKOUT)}")
    make_venv(PYTHON, VENV, REQUIREMENTS, "environment")
    link_tree()
    STAMP.write_text(_digest(), encoding="utf-8")
    return ["the environment in .venv"]


def make_venv(python: str, venv: Path, requirements: Path, name: str) -> None:
    """Make a virtual environment with the pinned packages.

    The packages are not compiled beforehand: Python compiles what is imported, and the rest is most of it.
    """
    pip = ["-m", "pip", "install", "--disable-pip-version-check", "--no-compile", "--requirement", str(requirements)]
    for step, argv in (
        ("venv", [python, "-m", "venv", "--clear", str(venv)]),
        ("packages", [str(venv / "bin" / "python"), *pip]),
    ):
        [finished] = run([Command(f"{name} {step}", argv, limit=1800, watch=_pip_progress, announce=False)])
        if finished.status != 0:
            raise Failed(f"{finished.tail(20)}\nset-up: {name}: {shlex.join(argv)} failed. All of it: {finished.log}")


def link_tree() -> None:
    """Put the checkout into a private collection tree, and the tree on the search path of the environment."""
    link = TREE / "ansible_collections" / "holdfast" / "persistence"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(CHECKOUT, link.parent), target_is_directory=True)
    [site_packages] = VENV.glob("lib/python3*/site-packages")
    (site_packages / "holdfast.pth").write_text(f"{TREE}\n", encoding="utf-8")


def wanted_packages() -> list[str]:
    """The packages that tests/lab/packages.txt names for this release."""
    release = _os_release()
    lines = [line.split("#")[0].split() for line in PACKAGES.read_text(encoding="utf-8").splitlines()]
    return [line[0] for line in lines if line and (len(line) == 1 or release in line[1:])]


def missing_packages(wanted: Sequence[str]) -> list[str]:
    """Those that are not installed. On a system without dpkg these are all."""
    if not wanted:
        return []
    shown = quietly(["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n"])
    installed = {line.split()[1] for line in shown.splitlines() if line.startswith("installed ")}
    return [name for name in wanted if name not in installed]


def install_packages(missing: Sequence[str]) -> list[str]:
    """Install Debian packages when root, else fail with the one command that does; return what was done, in words."""
    if not missing:
        return []
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if not shutil.which("apt-get"):
        raise Failed(f"set-up: Debian packages are needed, and there is no apt-get here: {' '.join(missing)}")
    if os.geteuid() != 0:
        raise Failed(f"set-up: Debian packages are missing. Install them and run make again:\nsudo {' '.join(command)}")
    say(f"set-up: installing {' '.join(missing)}")
    options = ["-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=300", *_start_no_services()]
    for step, argv in (("update", ["apt-get", *options, "update"]), ("install", [command[0], *options, *command[1:]])):
        environment = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
        [finished] = run([Command(f"apt-get {step}", argv, limit=1800, env=environment, announce=False)])
        if finished.status != 0:
            raise Failed(f"{finished.tail(20)}\nset-up: {shlex.join(argv)} failed. All of it: {finished.log}")
    return [f"Debian packages ({len(missing)})"]


def _start_no_services() -> list[str]:
    """Options that keep packages from starting services where no init system runs, as starting would fail there.

    dpkg looks for programs in DPkg::Path: the first ``invoke-rc.d`` in it does nothing.
    """
    if Path("/proc/1/comm").read_text(encoding="utf-8").strip() in ("init", "systemd"):
        return []
    instead = CHECKOUT / ".cache" / "no-init"
    instead.mkdir(exist_ok=True)
    for name in ("invoke-rc.d", "deb-systemd-invoke"):
        (instead / name).write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
        (instead / name).chmod(0o755)
    return ["-o", f"DPkg::Path={instead}:/usr/sbin:/usr/bin:/sbin:/bin"]


def _missing_venv_support() -> list[str]:
    """The package that Debian splits off from Python, when ``python3 -m venv`` lacks it."""
    there = quietly([PYTHON, "-c", "import ensurepip, venv; print('there')"])
    return [] if there else [f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"]


def _digest() -> str:
    """What the environment is made from: the requirements, the interpreter, the place and the way of making it."""
    digest = hashlib.sha256(f"{PYTHON} {sys.version} {CHECKOUT}".encode())
    for path in (REQUIREMENTS, Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _os_release() -> str:
    """The code name of the release, such as bookworm; empty where there is none."""
    path = Path("/etc/os-release")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line.split("=", 1)[1].strip('"') for line in lines if line.startswith("VERSION_CODENAME=")), "")


def _pip_progress(line: str) -> str:
    """The lines of pip that tell how far it is."""
    told = ("Collecting", "Downloading", "Using cached", "Building", "Installing")
    return line.strip()[:160] if line.strip().startswith(told) else ""


if __name__ == "__main__":
    interruptible()
    try:
        main(sys.argv[1:])
    except Failed as failed:
        say(str(failed))
        sys.exit(1)
    except KeyboardInterrupt:
        say("set-up: interrupted. The next run begins again.")
        sys.exit(130)
