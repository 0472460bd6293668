# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import io
import tarfile

from ansible_collections.holdfast.persistence.plugins.module_utils.engine import _holder


def test_the_image_holds_nothing_but_the_way_to_the_hosts_programs() -> None:
    with tarfile.open(fileobj=io.BytesIO(_holder._image())) as archive:
        members = {member.name: member for member in archive}
    assert {name for name, member in members.items() if member.isdir()} == {"usr", "holdfast-holder"}
    assert {name: member.linkname for name, member in members.items() if member.issym()} == {
        name: f"usr/{name}" for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
    }
