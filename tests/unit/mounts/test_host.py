# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who keeps a mount busy, the directory beneath it, and credentials."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._ownership import Ownership
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import (
    _commands,
    _credentials,
    _holders,
    _kinds,
    _mounting,
    _place,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._credentials import Credentials
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._desire import Desired
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem


def test_holders_by_what_they_have_open(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (tmp_path / "file").open("rb") as stream:
        in_it = subprocess.Popen(["sleep", "60"], cwd=tmp_path)
        has_it_open = subprocess.Popen(["sleep", "60"], stdin=stream)
    try:
        found = {holder.pid: (holder.command, holder.how) for holder in _holders.holders(str(tmp_path))}
        assert found == {in_it.pid: ("sleep", "cwd"), has_it_open.pid: ("sleep", "fd")}
        assert _holders.holders(str(tmp_path)[:-1]) == []
    finally:
        for process in (in_it, has_it_open):
            process.kill()
            process.wait()


def test_holders_are_told() -> None:
    assert _holders.told([_holders.Holder(7, "postgres", "cwd")]) == "postgres (pid 7, cwd)"
    assert "no process of this host" in _holders.told([])


def test_the_directory_beneath(tmp_path: Path) -> None:
    path = tmp_path / "above" / "mount"
    assert _place.place(_place.look(str(path))) == _place.Place(False)
    if os.getuid() != 0:
        path.mkdir(parents=True)
    else:
        assert _place.make(str(path), Ownership(mode=0o700))
    assert not _place.make(str(path), Ownership(mode=0o711))
    for name in "dcba":
        (path / name).touch()
    seen = _place.place(_place.look(str(path)))
    assert (seen.exists, seen.entries, seen.ownership.mode) == (True, ("a", "b", "c", "d"), 0o711)
    assert _place.told_of(seen.entries) == "a, b, c, …"
    _place.unmake(str(path))
    assert path.exists()


def test_links_and_files_are_no_mount_points(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/etc")
    (tmp_path / "file").touch()
    assert "symbolic link to /etc" in _place.place(_place.look(str(tmp_path / "link"))).problem
    assert "symbolic link to /etc" in _place.place(_place.look(str(tmp_path / "link" / "below"))).problem
    assert "is no directory" in _place.place(_place.look(str(tmp_path / "file"))).problem


def test_a_rehearsal_leaves_nothing_and_sweeps_what_others_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands are replaced by ones that tell what they would do; the first unmount is one that hangs."""
    done: list[str] = []

    def run(command: list[str], _seconds: float) -> _commands.Outcome:
        done.append(" ".join(command[:2]))
        return _commands.Outcome(None if command[:2] == ["umount", "--"] else 0)

    monkeypatch.setattr(_mounting, "_REHEARSALS", tmp_path / "rehearsals")
    monkeypatch.setattr(_commands, "run", run)
    (tmp_path / "rehearsals" / f"{2**22 + 1}-killed").mkdir(parents=True)
    (tmp_path / "rehearsals" / f"{os.getpid()}-other").mkdir()
    _mounting.rehearse(Desired("/mnt/a", kind=_kinds.KINDS["nfs"], src="storage:/a"), time.monotonic() + 10)
    assert done == ["mount -t", "umount --", "umount --lazy"]
    assert [entry.name for entry in (tmp_path / "rehearsals").iterdir()] == [f"{os.getpid()}-other"]


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_credentials, "DIRECTORY", tmp_path / "credentials")
    return tmp_path / "credentials"


def test_credentials_are_for_root_alone(directory: Path) -> None:
    kind, who = _kinds.KINDS["cifs"], Credentials("app", "hunter2", "HOME")
    assert not _credentials.is_written(kind, "/mnt/a", who)
    _credentials.write(kind, "/mnt/a", who)
    file = directory / "mnt-a"
    assert file.read_text(encoding="utf-8") == "username=app\npassword=hunter2\ndomain=HOME\n"
    assert file.stat().st_mode & 0o7777 == 0o600
    assert directory.stat().st_mode & 0o7777 == 0o700
    assert _credentials.is_written(kind, "/mnt/a", who)
    assert not _credentials.is_written(kind, "/mnt/a", Credentials("app", "other"))
    file.chmod(0o644)
    assert not _credentials.is_written(kind, "/mnt/a", who)
    _credentials.remove("/mnt/a")
    _credentials.remove("/mnt/a")
    assert not file.exists()


def test_a_secret_of_ceph_stands_alone(directory: Path) -> None:
    _credentials.write(_kinds.KINDS["ceph"], "/mnt/a", Credentials("app", "AQ=="))
    assert (directory / "mnt-a").read_text(encoding="utf-8") == "AQ==\n"


def test_a_failed_mount_leaves_the_credentials_as_they_were(directory: Path) -> None:
    kind = _kinds.KINDS["cifs"]
    wanted = Desired("/mnt/a", kind=kind, credentials=Credentials("app", "new"))

    def fail() -> None:
        with _mounting._prepared(wanted):
            assert "password=new" in (directory / "mnt-a").read_text(encoding="utf-8")
            raise Problem("no")

    with pytest.raises(Problem):
        fail()
    assert not (directory / "mnt-a").exists()
    _credentials.write(kind, "/mnt/a", Credentials("app", "old"))
    with pytest.raises(Problem):
        fail()
    assert "password=old" in (directory / "mnt-a").read_text(encoding="utf-8")


def test_line_ends_cannot_smuggle_in_options() -> None:
    with pytest.raises(Problem, match="must not hold line ends"):
        _credentials.credentials(_kinds.KINDS["cifs"], "app", "a\nuid=0", None)
