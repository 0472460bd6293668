# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of fstab that is killed before and after each of its system calls, and many of them at once."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import _fstab
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._fstab import Entry
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

from .syscalls import killed_at

OTHERS = (
    b"# /etc/fstab\n"
    b"UUID=0f3c-5a / ext4 errors=remount-ro 0 1   # the root\n"
    b"\n"
    b"half a line\n"
    b"nas:/old /mnt/old nfs ro 0 0\n"
    b"\xff\xfe no text \t\n"
    b"tmpfs /tmp tmpfs size=1g"
)
WANTED = Entry("nas:/srv/up loads", "/srv/up loads", "nfs4", "rw,hard,_netdev")
EDITS: dict[str, Callable[[bytes], bytes]] = {
    "add": lambda content: _fstab.with_entry(content, WANTED),
    "change": lambda content: _fstab.with_entry(content, Entry("nas:/new", "/mnt/old", "nfs4", "rw,hard")),
    "remove": lambda content: _fstab.without(content, "/mnt/old"),
}


@pytest.fixture
def fstab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_paths, "STATE", tmp_path / "state")
    path = tmp_path / "etc" / "fstab"
    path.parent.mkdir()
    path.write_bytes(OTHERS)
    path.chmod(0o640)
    return path


@pytest.mark.parametrize("backup", [False, True])
@pytest.mark.parametrize("edit", EDITS)
def test_killed_at_every_system_call(fstab: Path, edit: str, backup: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Old file or new file, never mixed; and the next run does it."""
    new = EDITS[edit](OTHERS)
    points, old_then = 0, 0
    while True:
        fstab.write_bytes(OTHERS)
        if not killed_at(points + 1, lambda: _fstab.rewrite(EDITS[edit], fstab, backup)):
            break
        points += 1
        then = fstab.read_bytes()
        assert then in (OTHERS, new), f"mixed after being killed at stop {points}"
        old_then += then == OTHERS
        assert stat.S_IMODE(fstab.stat().st_mode) == 0o640
        _fstab.rewrite(EDITS[edit], fstab)
        assert fstab.read_bytes() == new
    assert fstab.read_bytes() == new
    left = [path.name for path in fstab.parent.iterdir() if path.name.startswith(".")]
    assert left == []
    assert 0 < old_then < points
    assert points > 80
    with capsys.disabled():
        print(f"\n{edit}{' with a backup' if backup else ''}: {points} points, {old_then} old, {points - old_then} new")


def test_twelve_at_once_lose_no_line(fstab: Path) -> None:
    """Each of them adds its own line."""
    ready = multiprocessing.Barrier(12)

    def add(number: int) -> None:
        ready.wait()
        wanted = Entry(f"nas:/srv/{number}", f"/mnt/{number}", "nfs4", "rw")
        _fstab.rewrite(lambda content: _fstab.with_entry(content, wanted), fstab)

    runs = [multiprocessing.get_context("fork").Process(target=add, args=(number,)) for number in range(12)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [run.exitcode for run in runs] == [0] * 12
    content = fstab.read_bytes()
    assert content.startswith(OTHERS)
    assert {entry.path for entry in _fstab.entries(content)} >= {f"/mnt/{number}" for number in range(12)}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a file system that is full")
def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_paths, "STATE", tmp_path / "state")
    place = tmp_path / "etc"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=100", "etc", place], check=True)
    try:
        fstab = place / "fstab"
        fstab.write_bytes(OTHERS)
        with suppress(OSError), (place / "filler").open("wb", buffering=0) as filler:
            while True:
                filler.write(b"\0" * 4096)
        with pytest.raises(Problem, match=r"fstab.*No space left"):
            _fstab.rewrite(EDITS["add"], fstab)
        assert fstab.read_bytes() == OTHERS
        assert sorted(os.listdir(place)) == ["filler", "fstab"]
    finally:
        subprocess.run(["umount", place], check=True)
        shutil.rmtree(place)
