# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make archives that nobody should unpack, in the directory that is the only argument. Each begins with a good file."""

from __future__ import annotations

import io
import sys
import tarfile
from pathlib import Path

FILE, LINK, HARD_LINK, DEVICE = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE
BAD = {
    "absolute.tar": [("/srv/evil", FILE, "")],
    "upwards.tar": [("good/../../evil", FILE, "")],
    "device.tar": [("null", DEVICE, "")],
    "link_out.tar": [("out", LINK, "/srv")],
    "through_link.tar": [("here", LINK, "."), ("here/evil", FILE, "")],
    "hard_link_out.tar": [("shadow", HARD_LINK, "../../../../../../etc/shadow")],
}


def packed(members: list[tuple[str, bytes, str]]) -> bytes:
    """A tar with one good file and these members."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        good = tarfile.TarInfo("good")
        good.size = 4096
        archive.addfile(good, io.BytesIO(b"x" * good.size))
        for name, kind, target in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, target
            archive.addfile(member)
    return content.getvalue()


def main(folder: Path) -> None:
    """Write all of them."""
    folder.mkdir()
    for name, members in BAD.items():
        (folder / name).write_bytes(packed(members))
    (folder / "truncated.tar").write_bytes(packed([])[:3000])
    (folder / "no_archive.tar").write_bytes(b"<html>Not found</html>" * 100)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
