# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that is installed on hosts: complete, reproducible, runnable."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils import runner
from ansible_collections.holdfast.persistence.plugins.module_utils.backups import _program
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

SOURCES = Path(str(runner.__file__)).parent


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_paths, "PROGRAM", tmp_path / "lib" / "holdfast.pyz")
    monkeypatch.setattr(_paths, "COMMAND", tmp_path / "sbin" / "holdfast")
    monkeypatch.setattr(_paths, "UNITS", tmp_path / "units")
    monkeypatch.setattr(_program, "PYTHON", Path(sys.executable))
    return tmp_path


def packed(module: str) -> set[str]:
    """The files of the runner that Ansible packs for this one: it follows imports, wherever they stand."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in found or not (SOURCES / f"{name}.py").exists():
            continue
        found.add(name)
        for node in ast.walk(ast.parse((SOURCES / f"{name}.py").read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 1:
                waiting += [node.module] if node.module else [alias.name for alias in node.names]
    return found


def test_importing_the_command_packs_the_whole_program() -> None:
    assert packed("__main__") | {"__init__"} == {path.stem for path in SOURCES.glob("*.py")}


def test_the_program_holds_every_source_unchanged(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(_program.archive())
    with zipfile.ZipFile(tmp_path / "program") as archive:
        inside = {name: archive.read(name) for name in archive.namelist() if "/" in name}
    assert inside == {f"holdfast/{path.name}": path.read_bytes() for path in SOURCES.glob("*.py")}


def test_the_program_tells_neither_when_nor_where_nor_with_which_compressor_it_was_made(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(_program.archive())
    with zipfile.ZipFile(tmp_path / "program") as archive:
        entries = archive.infolist()
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {(entry.create_system, entry.external_attr, entry.compress_type) for entry in entries} == {
        (3, 0o644 << 16, zipfile.ZIP_STORED)
    }
    names = [entry.filename for entry in entries if "/" in entry.filename]
    assert names == sorted(names)


def test_the_program_is_the_same_bytes_when_it_comes_out_of_an_archive(tmp_path: Path) -> None:
    package = "ansible_collections/holdfast/persistence/plugins/module_utils"
    payload = tmp_path / "payload.zip"
    with zipfile.ZipFile(payload, "w") as archive:
        for path in SOURCES.parent.rglob("*.py"):
            archive.write(path, f"{package}/{path.relative_to(SOURCES.parent)}")
        for depth in range(1, 6):
            archive.writestr("/".join(package.split("/")[:depth]) + "/__init__.py", "")
    script = (
        f"import sys; sys.path.insert(0, {str(payload)!r}); from {package.replace('/', '.')}.backups import _program; "
        "assert '.zip' in _program.__file__; sys.stdout.buffer.write(_program.archive())"
    )
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert made.stdout == _program.archive()


@pytest.mark.usefixtures("host")
def test_the_installed_command_runs() -> None:
    _program.install()
    said = subprocess.run([_paths.COMMAND, "--help"], capture_output=True, check=True, text=True)
    assert "holdfast" in said.stdout


@pytest.mark.usefixtures("host")
def test_only_what_is_stale_is_written() -> None:
    assert _program.stale() == tuple(_program.contents())
    _program.install()
    assert _program.stale() == ()
    untouched = _paths.PROGRAM.stat().st_ino
    _paths.COMMAND.chmod(0o600)
    assert _program.stale() == (_paths.COMMAND,)
    _program.install()
    assert _program.stale() == ()
    assert _paths.PROGRAM.stat().st_ino == untouched


def test_without_python_nothing_is_installed(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_program, "PYTHON", host / "python3")
    with pytest.raises(Problem, match=r"python3 is missing, which would run it\. Install the package python3"):
        _program.install()
    assert not _paths.COMMAND.exists()
