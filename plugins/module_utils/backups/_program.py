# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program on the host: a zipapp, made from the package ``runner`` as it travels inside the module itself."""

from __future__ import annotations

import io
import os
import pkgutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from .. import runner
from ..runner import _files, _paths
from ..runner._problem import Problem
from . import _units

if TYPE_CHECKING:
    # Never carried out: this is how Ansible learns to pack the whole program, which is all that __main__ imports.
    from ..runner import __main__  # noqa: F401

PYTHON = Path("/usr/bin/python3")
_PACKAGE = "holdfast"
_ENTRY = "from holdfast.__main__ import main\n\nraise SystemExit(main())\n"
_COMMAND = '#!/bin/sh\n# Managed by Ansible (holdfast.persistence.backup_timer).\nexec {python} -I {program} "$@"\n'


def archive() -> bytes:
    """The zipapp: the same bytes from the same sources, on every host, at any time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        _add(target, "__main__.py", _ENTRY.encode())
        for part in sorted(["__init__", *(module.name for module in pkgutil.iter_modules(runner.__path__))]):
            _add(target, f"{_PACKAGE}/{part}.py", _source(part))
    return buffer.getvalue()


def contents() -> dict[Path, tuple[bytes, int]]:
    """Path → content and mode of all that the program consists of, in the order in which it is written."""
    command = _COMMAND.format(python=PYTHON, program=_paths.PROGRAM)
    return {
        _paths.PROGRAM: (archive(), 0o644),
        _paths.COMMAND: (command.encode(), 0o755),
        _paths.UNITS / _paths.RELEASE_SERVICE: (_units.release_service().encode(), 0o644),
    }


def stale() -> tuple[Path, ...]:
    """Which of the program's files are missing, or are not what they should be."""
    return tuple(path for path, (content, mode) in contents().items() if not is_as(path, content, mode))


def install() -> None:
    """Write what is stale, and nothing else."""
    if not os.access(PYTHON, os.X_OK):
        raise Problem(
            f"program {_paths.COMMAND}: cannot be installed, since {PYTHON} is missing, which would run it. "
            "Install the package python3."
        )
    wanted = contents()
    for path in stale():
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        _files.write(path, *wanted[path])


def is_as(path: Path, content: bytes, mode: int) -> bool:
    """Whether the file holds exactly this, with exactly these permissions."""
    try:
        return path.stat().st_mode & 0o7777 == mode and path.read_bytes() == content
    except (FileNotFoundError, NotADirectoryError):
        return False


def _source(part: str) -> bytes:
    # The module runs from a zip archive, so there are no files to read: the package's loader knows where it came from.
    source = pkgutil.get_data(runner.__name__, f"{part}.py")
    if source is None:
        raise Problem(f"program {_paths.PROGRAM}: {part}.py of the runner did not reach this host. Report it as a bug.")
    return source


def _add(target: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Stored, not compressed: what a compressor makes depends on its version."""
    entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    target.writestr(entry, content)
