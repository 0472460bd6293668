# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the seeded volumes hold, and what the host remembers of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

WHOLE = {
    ".": "70:70 700 d",
    "VERSION": "70:70 600 f",
    "base": "70:70 750 d",
    "base/1": "70:70 600 f",
    "base/version": "0:0 777 l",
}
OF_APP = {"settings.ini", "sub", "sub/list"}


def entries(host: Any, volume: str) -> dict[str, str]:
    listed = host.check_output(
        "find /var/lib/docker/volumes/%s/_data -printf '%%P|%%U:%%G %%m %%y\\n' | sed 's/^|/.|/'", volume
    )
    return dict(line.split("|") for line in listed.splitlines())


@pytest.mark.parametrize("volume", ["from_directory", "from_archive", "from_stripped", "from_url", "from_volume"])
def test_the_same_tree_by_every_way(host: Any, volume: str) -> None:
    assert entries(host, volume) == WHOLE
    assert host.file(f"/var/lib/docker/volumes/{volume}/_data/base/1").content_string == "rows\n"


def test_the_same_tree_has_the_same_digest(host: Any) -> None:
    ways = ("from_directory", "from_archive", "from_stripped", "from_url", "from_volume")
    known = [json.loads(host.file(f"/var/lib/holdfast/volumes/{volume}.json").content_string) for volume in ways]
    assert len({each["seeded"]["digest"] for each in known}) == 1


def test_a_zip_has_no_owners(host: Any) -> None:
    assert entries(host, "from_zip")["VERSION"] == "0:0 600 f"


def test_what_a_command_made(host: Any) -> None:
    assert entries(host, "from_image") == {".": "0:0 755 d", "greeting": "33:33 640 f"}
    assert host.file("/var/lib/docker/volumes/from_image/_data/greeting").content_string == "hello\n"


def test_what_came_from_the_control_node(host: Any) -> None:
    sent, packed = entries(host, "from_control_node"), entries(host, "from_packed_control_node")
    assert OF_APP.union(".") == set(sent) == set(packed)
    assert {what.split()[0] for what in sent.values()} == {"0:0"}
    assert {packed[name].split()[0] for name in OF_APP} == {"1000:1000"}


def test_nothing_is_left_of_the_making(host: Any) -> None:
    assert host.check_output("find /var/lib/docker/volumes -name '.holdfast-*'") == ""
    assert host.check_output("ls -A /var/lib/holdfast/seeds") == ""
    assert host.check_output("docker ps --all --quiet --filter label=holdfast.seed") == ""
