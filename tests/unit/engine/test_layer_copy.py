# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.holdfast.persistence.plugins.module_utils.engine import _layer_copy


class FileSystem:
    """The two requests by which a layer leaves one container and reaches another."""

    def __init__(self) -> None:
        self.unpacked = b""

    def export(self, _container: str) -> Iterator[bytes]:
        whole = io.BytesIO()
        with tarfile.open(fileobj=whole, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name, kind in (("etc/", tarfile.DIRTYPE), ("etc/app", tarfile.REGTYPE), ("etc/other", tarfile.REGTYPE)):
                member = tarfile.TarInfo(name)
                member.type, member.mode, member.uid, member.size = kind, 0o640, 70, 5000 if "app" in name else 0
                member.pax_headers = {"SCHILY.xattr.user.a": "b"}
                archive.addfile(member, io.BytesIO(b"x" * member.size))
        content = whole.getvalue()
        for start in range(0, len(content), 700):
            yield content[start : start + 700]

    def unpack(self, _container: str, archive: Iterable[bytes]) -> None:
        self.unpacked = b"".join(archive)


def test_what_was_written_reaches_the_other_container_with_all_that_belongs_to_it(tmp_path: Path) -> None:
    there = FileSystem()
    containers: Any = there
    _layer_copy.save(containers, "old", ["/etc", "/etc/app"], tmp_path / "layer.tar")
    assert (tmp_path / "layer.tar").stat().st_mode & 0o777 == 0o600
    _layer_copy.restore(containers, "new", tmp_path / "layer.tar")
    with tarfile.open(fileobj=io.BytesIO(there.unpacked)) as archive:
        members = {member.name: member for member in archive}
        content = archive.extractfile("etc/app")
        assert content is not None
        assert content.read() == b"x" * 5000
    assert sorted(members) == ["etc", "etc/app"]
    assert (members["etc/app"].uid, members["etc/app"].mode) == (70, 0o640)
    assert members["etc/app"].pax_headers["SCHILY.xattr.user.a"] == "b"
