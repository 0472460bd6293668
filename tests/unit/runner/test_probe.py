# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is at a place where a repository should be. The texts are what restic 0.14.0 printed, tried by hand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._probe import (
    Finding,
    Probe,
    classify,
    look_at_directory,
    look_by_sftp,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._repository import Repository

S3 = "s3:http://127.0.0.1:5599/bucket/p"
WHERE = "Is there a repository at the following location?\n"
LOCAL_NONE = f"Fatal: unable to open config file: stat /srv/r/config: no such file or directory\n{WHERE}/srv/r\n"
REFUSED = (
    'Fatal: unable to open config file: Stat: Get "http://127.0.0.1:5598/bucket1/?location=": '
    f"dial tcp 127.0.0.1:5598: connect: connection refused\n{WHERE}{S3}\n"
)
NO_HOST = (
    'Fatal: unable to open config file: Stat: Get "http://nohost.invalid/bucket1/?location=": '
    f"dial tcp: lookup nohost.invalid on 127.0.0.53:53: no such host\n{WHERE}{S3}\n"
)
REST = (
    'Fatal: unable to open config file: client.Head: Head "http://user:***@127.0.0.1:5598/config": '
    f"dial tcp 127.0.0.1:5598: connect: connection refused\n{WHERE}rest:http://user:***@127.0.0.1:5598/\n"
)
SSH = (
    "subprocess ssh: ssh: connect to host 127.0.0.1 port 22: Connection refused\n"
    "Fatal: unable to open repository at sftp:root@127.0.0.1:/x: unable to start the sftp session, error: EOF\n"
)
DENIED = "Fatal: unable to open repository at /srv/r: ReadDir: open /srv/r/keys: permission denied\n"
DAMAGED = "panic: runtime error: slice bounds out of range [16:5]\n\ngoroutine 1 [running]:\nmain.main()\n"


@pytest.mark.parametrize(
    ("code", "errors", "location", "finding"),
    [
        (1, "Fatal: wrong password or no key found\n", "/srv/r", Finding.WRONG_PASSWORD),
        (1, "Fatal: wrong password or no key found\n", S3, Finding.WRONG_PASSWORD),
        (12, "Fatal: something in other words\n", S3, Finding.WRONG_PASSWORD),
        (1, LOCAL_NONE, "/srv/r", Finding.UNREACHABLE),
        (10, LOCAL_NONE, "/srv/r", Finding.UNREACHABLE),
        (
            1,
            f"Fatal: unable to open config file: Stat: The specified bucket does not exist\n{WHERE}{S3}\n",
            S3,
            Finding.ABSENT,
        ),
        (
            1,
            f"Fatal: unable to open config file: Stat: The specified key does not exist.\n{WHERE}{S3}\n",
            S3,
            Finding.ABSENT,
        ),
        (10, "Fatal: repository does not exist\n", S3, Finding.ABSENT),
        (1, f"Fatal: unable to open config file: Stat: Access Denied.\n{WHERE}{S3}\n", S3, Finding.UNREACHABLE),
        (1, REFUSED, S3, Finding.UNREACHABLE),
        (1, NO_HOST, S3, Finding.UNREACHABLE),
        (1, REST, "rest:http://user:pw@127.0.0.1:5598/", Finding.UNREACHABLE),
        (1, SSH, "sftp:root@127.0.0.1:/x", Finding.UNREACHABLE),
        (
            1,
            f"Fatal: unable to open config file: Lstat: file does not exist\n{WHERE}sftp:h:/x\n",
            "sftp:h:/x",
            Finding.ABSENT,
        ),
        (
            1,
            f"Fatal: unable to open config file: <config/> does not exist\n{WHERE}rclone:r:x\n",
            "rclone:r:x",
            Finding.UNREACHABLE,
        ),
        (10, "Fatal: repository does not exist\n", "rclone:r:x", Finding.UNREACHABLE),
        (
            1,
            f"Fatal: unable to open config file: <config/> does not exist\n{WHERE}rest:http://127.0.0.1:5598/x/\n",
            "rest:http://127.0.0.1:5598/x",
            Finding.ABSENT,
        ),
        (1, DENIED, "/srv/r", Finding.UNREACHABLE),
        (2, DAMAGED, "/srv/r", Finding.UNREACHABLE),
        (1, "Fatal: parsing repository location failed: invalid backend\n", "foo:bar", Finding.UNREACHABLE),
        (1, "words of a restic to come\n", S3, Finding.UNREACHABLE),
        (99, "", S3, Finding.UNREACHABLE),
    ],
)
def test_what_restic_said(code: int, errors: str, location: str, finding: Finding) -> None:
    assert classify(code, errors, location) is finding


def test_a_directory_that_is_missing_or_empty_is_certainly_no_repository(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("missing", "empty"):
        probe = look_at_directory(tmp_path / name)
        assert probe
        assert probe.finding is Finding.ABSENT


def test_a_missing_parent_may_be_a_disk_that_is_not_mounted(tmp_path: Path) -> None:
    probe = look_at_directory(tmp_path / "disk" / "repository")
    assert probe == Probe(Finding.UNREACHABLE, f"{tmp_path / 'disk'} does not exist; is a disk not mounted?")


@pytest.mark.parametrize("told_by", ["fstab", "unit"])
def test_where_a_disk_is_not_mounted_nothing_is_known(told_by: str, host: Path) -> None:
    disk = host / "a disk"
    (disk / "repository").mkdir(parents=True)
    (disk / "repository" / "config").touch()
    place = str(disk).replace(" ", "\\040")
    if told_by == "fstab":
        _paths.FSTAB.write_text(f"# {host} none\nproc /proc proc\n/dev/vdb {place} ext4 noauto 0 0\n")
    else:
        _paths.UNITS.mkdir()
        (_paths.UNITS / "disk.mount").write_text(f"[Mount]\nWhat=/dev/vdb\nWhere={disk}\n")
    words = f"nothing is mounted at {disk}, which is a mount point of this host"
    for name in ("", "repository", "missing"):
        assert look_at_directory(disk / name) == Probe(Finding.UNREACHABLE, words)
    _paths.MOUNTINFO.write_text(f"22 1 0:20 / / rw - ext4 /dev/vda rw\n23 22 0:21 / {place} rw - ext4 /dev/vdb rw\n")
    assert look_at_directory(disk / "repository") is None


def test_what_may_not_be_looked_at_is_not_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object, **_options: Any) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "lstat", refuse)
    monkeypatch.setattr(os, "stat", refuse)
    probe = look_at_directory(tmp_path / "missing")
    assert probe
    assert probe.finding is Finding.UNREACHABLE


def test_other_peoples_things_are_no_repository_and_no_place_for_one(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "photo").touch()
    (tmp_path / "file").touch()
    for name in ("full", "file"):
        probe = look_at_directory(tmp_path / name)
        assert probe
        assert probe.finding is Finding.NOT_A_REPOSITORY


def test_a_link_that_leads_nowhere_is_not_absent(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    probe = look_at_directory(tmp_path / "link")
    assert probe
    assert probe.finding is Finding.NOT_A_REPOSITORY


def test_where_a_config_lies_restic_decides(tmp_path: Path) -> None:
    (tmp_path / "config").touch()
    assert look_at_directory(tmp_path) is None


SFTP = """#!/bin/sh
# A server with the directories /empty and /full, and an /upload whose parent may not be listed.
echo "$@" >> "$LOG"
read -r line
case $line in
    'ls -1a "/empty"'|'ls -1a "/private/upload"') printf 'sftp> %s\\n%s\\n%s\\n' "$line" /empty/. /empty/..;;
    'ls -1a "/full"') printf '/full/.\\n/full/..\\n/full/photo\\n';;
    'ls -1a "/"') printf '/.\\n/..\\n/empty\\n/full\\n/locked\\n';;
    *) echo "Can't ls: not found" >&2; exit 1;;
esac
"""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    program = tmp_path / "bin" / "sftp"
    program.parent.mkdir()
    program.write_text(SFTP)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(tmp_path / "log"))
    return tmp_path / "log"


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("location", "finding"),
    [
        ("sftp:u@h:/none", Finding.ABSENT),
        ("sftp:u@h:/empty", Finding.ABSENT),
        ("sftp:u@h:/private/upload", Finding.ABSENT),
        ("sftp:u@h:/full", Finding.NOT_A_REPOSITORY),
        ("sftp:u@h:/disk/repository", Finding.UNREACHABLE),
        ("sftp:u@h:/locked", Finding.UNREACHABLE),
        ("sftp:nonsense", Finding.UNREACHABLE),
    ],
)
def test_a_place_on_an_sftp_server(location: str, finding: Finding) -> None:
    assert look_by_sftp(location, 10).finding is finding


@pytest.mark.parametrize(
    ("location", "arguments"),
    [
        ("sftp:u@h:/empty", "-q -S ssh -b - -- u@h"),
        ("sftp://u@h//empty", "-q -S ssh -b - -- u@h"),
        ("sftp://u@h:2222//empty", "-q -S ssh -P 2222 -b - -- u@h"),
        ("sftp://u@[::1]:2222//empty", "-q -S ssh -P 2222 -b - -- u@::1"),
    ],
)
def test_the_server_is_the_one_that_the_location_names(location: str, arguments: str, server: Path) -> None:
    assert look_by_sftp(location, 10).finding is Finding.ABSENT
    assert server.read_text().splitlines()[0] == arguments


def test_a_repository_that_was_there_once_has_vanished(host: Path) -> None:
    repository = Repository("store", str(host / "disk"), Path("location"), Path("password"))
    absent = Probe(Finding.ABSENT, "why")
    assert "Create it with backup_repository" in str(absent.problem(repository))
    directory = _paths.repository_directory("store")
    directory.mkdir()
    (directory / "id").write_text("d5c57a2a0000\n")
    told = str(absent.problem(repository))
    assert "repository store: it has vanished" in told
    assert "repository d5c57a2a there. Bring back what is missing, such as a mount" in told
    assert "Create it" not in told


def test_every_finding_has_words_of_its_own_and_none_shows_the_password() -> None:
    location = "rest:http://user:sekret@backup/"
    repository = Repository("store", location, Path("location"), Path("password"))
    problems = {str(Probe(finding, "why").problem(repository)) for finding in Finding if finding is not Finding.OPEN}
    assert len(problems) == 4
    assert not any("sekret" in problem for problem in problems)
    assert all("repository store" in problem and "rest:http://user:***@backup/" in problem for problem in problems)
