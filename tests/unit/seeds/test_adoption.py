# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a container keeps what is adopted, and the proof of a copy that Docker hands out."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._adoption import (
    Keeping,
    _differences,
    _Stream,
    below,
    find,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._archives import tar_members, unpack_stream
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._seed import Seed

MOUNTS = [
    {"Type": "volume", "Name": "0f3c", "Source": "/var/lib/docker/volumes/0f3c/_data", "Destination": "/data"},
    {"Type": "volume", "Name": "deep", "Source": "/var/lib/docker/volumes/deep/_data", "Destination": "/data/deep"},
    {"Type": "bind", "Source": "/srv/app", "Destination": "/srv"},
    {"Type": "tmpfs", "Source": "", "Destination": "/run"},
]


class Containers:
    """Answers of Docker."""

    def __init__(self, state: str = "running") -> None:
        self.answer = {"Id": "0a", "State": {"Status": state}, "Mounts": MOUNTS}

    def find(self, name: str) -> dict[str, Any] | None:
        return self.answer if name == "db" else None


@pytest.mark.parametrize(
    ("path", "keeping"),
    [
        ("/data", Keeping("0a", True, "0f3c", "/var/lib/docker/volumes/0f3c/_data")),
        ("/data/a/b", Keeping("0a", True, "0f3c", "/var/lib/docker/volumes/0f3c/_data", "a/b")),
        ("/data/deep", Keeping("0a", True, "deep", "/var/lib/docker/volumes/deep/_data")),
        ("/database", Keeping("0a", True)),
        ("/srv/x", Keeping("0a", True, "", "/srv/app", "x")),
    ],
)
def test_the_nearest_mount_keeps_it(path: str, keeping: Keeping) -> None:
    assert find(cast(Any, Containers()), Seed("container", "db", path=path)) == keeping


def test_what_nobody_keeps() -> None:
    assert "a tmpfs, which keeps no data" in str(find(cast(Any, Containers()), Seed("container", "db", path="/run/x")))
    assert "there is no container web" in str(find(cast(Any, Containers()), Seed("container", "web", path="/data")))
    stopped = find(cast(Any, Containers("exited")), Seed("container", "db", path="/data"))
    assert isinstance(stopped, Keeping)
    assert not stopped.runs


def test_no_link_of_a_container_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "out").symlink_to("/etc")
    (tmp_path / "file").touch()
    assert below(tmp_path, "") == tmp_path
    assert below(tmp_path, "a/b") == tmp_path / "a" / "b"
    for path in ("out", "out/ssl", "file", "none"):
        with pytest.raises(Problem, match="is not a directory there"):
            below(tmp_path, path)


def answered(content: bytes = b"rows") -> BinaryIO:
    """The archive of a directory "data", in chunks as they come from a socket."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, kind, target in (
            ("data", tarfile.DIRTYPE, ""),
            ("data/file", tarfile.REGTYPE, ""),
            ("data/same", tarfile.LNKTYPE, "data/file"),
            ("data/link", tarfile.SYMTYPE, "/etc/passwd"),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.uid, member.gid = kind, target, os.getuid(), os.getgid()
            member.mode = 0o750
            member.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(content))
    whole = packed.getvalue()
    return cast(BinaryIO, _Stream(whole[start : start + 700] for start in range(0, len(whole), 700)))


def differences(root: Path, content: bytes = b"rows") -> list[str]:
    return list(_differences(tar_members(answered(content), strip=1, links_may_leave=True), root))


def test_a_copy_is_proved_by_a_second_reading(tmp_path: Path) -> None:
    unpack_stream(answered(), tmp_path, strip=1)
    assert differences(tmp_path) == []
    assert differences(tmp_path, b"ROWS") == ["file has another content"]
    (tmp_path / "file").chmod(0o640)
    assert "file has mode 0640" in differences(tmp_path)
    (tmp_path / "file").chmod(0o750)
    (tmp_path / "more").touch()
    (tmp_path / "link").unlink()
    assert differences(tmp_path) == ["link is missing"]
    (tmp_path / "more2").symlink_to("x")
    assert differences(tmp_path) == ["link is missing", "4 entries instead of 3"]
    (tmp_path / "same").unlink()
    (tmp_path / "same").touch()
    assert "same is no hard link" in differences(tmp_path)
