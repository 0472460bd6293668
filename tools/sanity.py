# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sanity stage: every test of ansible-test, on a copy of what belongs to the collection.

ansible-test wants a real directory below ``ansible_collections``, fetches a script that installs pip, and keeps its
environments in the home directory. So it gets a copy, a script of our own, and a home below the user's cache folder.
"""

from __future__ import annotations

import ast
import configparser
import os
import re
import shutil
from pathlib import Path
from typing import Iterator, Sequence

import interpreters
from console import CACHE, CHECKOUT, Command, Failed, quietly, run as run_commands, say
from setup import VENV

COPY = CHECKOUT / ".cache" / "sanity" / "ansible_collections" / "holdfast" / "persistence"
HOME = CACHE / "sanity"
NOT_OURS = (".ansible", ".cache", ".git", ".lab", ".venv", "build", "__pycache__")
"""What a copy of a checkout that has no git must leave out."""
PIP_SCRIPT = '''\
"""Install pip and what else is asked for, beginning with the pip that comes with Python."""
import subprocess
import sys

wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
for command in (["ensurepip"], ["pip", "install", *wanted]):
    subprocess.run([sys.executable, "-m", *command], check=True)
'''


def run(only: Sequence[str]) -> tuple[int, str]:
    """Run all sanity tests, or those named in ``only``."""
    _copy_collection()
    _make_home()
    command = ["ansible-test", "sanity", "--color", "no", *(word for name in only for word in ("--test", name))]
    # Without a content root it asks git, which ignores the folder that holds the copy, and tests nothing.
    environment = {"HOME": str(HOME), "PATH": _path(), "ANSIBLE_TEST_CONTENT_ROOT": str(COPY)}
    [finished] = run_commands([Command("ansible-test", command, cwd=COPY, env=environment, watch=_progress)])
    tests = set(re.findall(r"^Running sanity test \"([^\"]+)\"", finished.output, re.MULTILINE))
    if finished.status != 0:
        say(f"{_errors(finished.output)}\n")
        raise Failed(_verdict(finished.output))
    if not tests:
        raise Failed(f"ansible-test found nothing to test. All it said: {finished.output.strip()}")
    return len(tests), f"{len(tests)} sanity tests"


def _copy_collection() -> None:
    """Copy what git knows, or would know, and nothing that earlier runs left behind."""
    shutil.rmtree(COPY, ignore_errors=True)
    for name in _files():
        source, target = CHECKOUT / name, COPY / name
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)


def _files() -> Iterator[str]:
    listing = ["git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = quietly(listing).split("\0") if (CHECKOUT / ".git").exists() else []
    if any(names):
        yield from filter(None, names)
        return
    for directory, below, names in os.walk(CHECKOUT):
        below[:] = [name for name in below if name not in NOT_OURS and not name.endswith("_cache")]
        yield from (os.path.relpath(os.path.join(directory, name), CHECKOUT) for name in names)


def _make_home() -> None:
    """Make the home that ansible-test sees: the pip script under the name it looks for, and pip's configuration."""
    [pinned] = VENV.glob("lib/python3*/site-packages/ansible_test/_internal/python_requirements.py")
    version = re.search(r"pip='([0-9.]+)'", pinned.read_text(encoding="utf-8"))
    if version is None:
        raise Failed(f"{pinned} does not tell which pip it wants: this ansible-core is not the one in requirements/.")
    script = HOME / ".ansible" / "test" / "cache" / f"get_pip_{version.group(1).replace('.', '_')}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(PIP_SCRIPT, encoding="utf-8")
    _write_pip_configuration(HOME / ".config" / "pip" / "pip.conf")


def _write_pip_configuration(path: Path) -> None:
    """Carry pip's settings over, as ansible-test hands on neither the home nor the variables that hold them."""
    settings = configparser.RawConfigParser()
    for line in quietly([str(VENV / "bin" / "pip"), "config", "list"]).splitlines():
        name, value = line.split("=", 1)
        section, option = name.rsplit(".", 1)
        section = section.replace(":env:", "global")
        if not settings.has_section(section):
            settings.add_section(section)
        settings.set(section, option, ast.literal_eval(value))
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        settings.write(file)  # an index's address may hold a password


def _path() -> str:
    """A PATH without launchers such as pyenv's: ansible-test takes what is called python3.9 for an interpreter."""
    own = [str(VENV / "bin"), *(str(path.parent) for path in interpreters.oldest_and_newest().values())]
    return os.pathsep.join([*own, "/usr/local/bin", "/usr/bin", "/bin"])


def _progress(line: str) -> str:
    return line.strip() if line.startswith("Running sanity test") else ""


def _errors(output: str) -> str:
    wanted = ("ERROR: ", "FATAL: ", "See documentation")
    lines = output.splitlines()
    return "\n".join(line for line in lines if line.startswith(wanted)) or "\n".join(lines[-30:])


def _verdict(output: str) -> str:
    failed = re.search(
        r"^FATAL: The \d+ sanity test\(s\) listed below .* details\.\n((?:\S+\n?)+)", output, re.MULTILINE
    )
    return f"{', '.join(failed.group(1).split())} found something, see above" if failed else "ansible-test ended early"
