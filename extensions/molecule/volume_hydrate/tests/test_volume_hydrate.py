# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hydrated volume is, and that nothing of its making is left."""

from __future__ import annotations

from typing import Any

VOLUME = "/var/lib/docker/volumes/pgdata"


def test_the_root_of_the_volume_came_back_too(host: Any) -> None:
    root = host.file(f"{VOLUME}/_data")
    assert (root.uid, root.gid, root.mode) == (70, 70, 0o700)


def test_hard_links_are_one_file(host: Any) -> None:
    found = host.check_output(f"stat -c '%i %h' {VOLUME}/_data/base/1/rows {VOLUME}/_data/base/1/same").splitlines()
    assert found[0] == found[1]
    assert found[0].endswith(" 2")


def test_nothing_is_left_of_the_making(host: Any) -> None:
    assert host.file(VOLUME).listdir() == ["_data"]
    assert host.file("/var/lib/holdfast/seeds").listdir() == []


def test_the_job_is_healthy(host: Any) -> None:
    assert host.run("holdfast status nightly").rc == 0
