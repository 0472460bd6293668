# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that survive a crash at every step, and locks."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _files
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Locked

PACKAGES = str(Path(str(_files.__file__)).parents[1])
DIE = """
import os, sys
sys.path.insert(0, {packages!r})
from runner import _files
from pathlib import Path
def die(*arguments, **options):
    os._exit(9)
{patch}
_files.write(Path({path!r}), b"new" * 100000, 0o600)
"""
HOLD = """
import sys
sys.path.insert(0, {packages!r})
from runner import _files
from pathlib import Path
with _files.lock(Path({path!r}), 5, shared={shared}):
    print("held", flush=True)
    sys.stdin.readline()
"""


def die_at(patch: str, path: Path) -> int:
    script = DIE.format(packages=PACKAGES, patch=patch, path=str(path))
    return subprocess.run([sys.executable, "-B", "-c", script], check=False).returncode


@pytest.mark.parametrize("step", ["os.fdopen", "os.fchmod", "os.fsync", "os.replace"])
def test_power_lost_before_the_rename_leaves_the_old_file_whole(step: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    assert die_at(f"{step} = die", path) == 9
    assert path.read_bytes() == b"old"


def test_power_lost_after_the_rename_leaves_the_new_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    assert die_at("_files.synchronise = die", path) == 9
    assert path.read_bytes() == b"new" * 100000


@pytest.mark.parametrize("step", ["open", "fdopen", "fchmod", "fsync", "replace"])
def test_an_error_at_any_step_leaves_the_old_file_and_nothing_beside_it(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "alone" / "file"
    path.parent.mkdir()
    path.write_bytes(b"old")

    def fail(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match=r"No space left"):
        _files.write(path, b"new", 0o600)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert list(path.parent.iterdir()) == [path]


def test_the_data_is_on_the_disk_before_the_name_and_the_name_before_the_return(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    for step in ("fsync", "replace"):
        real = getattr(os, step)
        monkeypatch.setattr(os, step, lambda *a, _step=step, _real=real: (steps.append(_step), _real(*a))[1])
    _files.write(tmp_path / "file", b"new", 0o600)
    assert steps == ["fsync", "replace", "fsync"]


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o755])
def test_the_mode_is_the_one_asked_for_whatever_the_umask(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    previous = os.umask(0o077)
    try:
        _files.write(path, b"", mode)
    finally:
        os.umask(previous)
    assert path.stat().st_mode & 0o7777 == mode


def test_a_link_in_the_place_of_the_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"theirs")
    (tmp_path / "file").symlink_to(tmp_path / "target")
    _files.write(tmp_path / "file", b"ours", 0o600)
    assert (tmp_path / "target").read_bytes() == b"theirs"
    assert not (tmp_path / "file").is_symlink()


def test_removing_twice_is_removing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    _files.remove(tmp_path / "file")
    _files.remove(tmp_path / "file")
    assert not (tmp_path / "file").exists()


def hold(path: Path, shared: bool) -> subprocess.Popen[str]:
    script = HOLD.format(packages=PACKAGES, path=str(path), shared=shared)
    holder = subprocess.Popen(
        [sys.executable, "-B", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    return holder


@pytest.mark.parametrize(
    ("theirs", "ours", "free"), [(True, True, True), (True, False, False), (False, True, False), (False, False, False)]
)
def test_who_may_hold_the_lock_together(theirs: bool, ours: bool, free: bool, tmp_path: Path) -> None:
    path = tmp_path / "locks" / "store.lock"
    with hold(path, theirs) as holder:
        if free:
            with _files.lock(path, 0.2, shared=ours):
                pass
        else:
            with pytest.raises(Locked, match=r"still held it after 0.2 s"), _files.lock(path, 0.2, shared=ours):
                pass
        holder.communicate("\n")


def test_waiting_ends_as_soon_as_the_lock_is_free(tmp_path: Path) -> None:
    path = tmp_path / "store.lock"
    with hold(path, False) as holder:
        holder.kill()
        begun = time.monotonic()
        with _files.lock(path, 60):
            assert time.monotonic() - begun < 30
        holder.communicate()


def test_the_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "store.lock"
    with pytest.raises(ValueError, match=r"ours"), _files.lock(path, 0):
        raise ValueError("ours")
    with _files.lock(path, 0):
        pass
