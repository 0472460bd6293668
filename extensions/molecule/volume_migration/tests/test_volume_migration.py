# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The volumes have their new definitions, and everything else is what it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parents[1]
PLACES = {
    "wiki": "/srv/wiki",
    "labelled": "/var/lib/docker/volumes/labelled/_data",
    "stays": "/var/lib/docker/volumes/stays/_data",
}


def ran(host: Any, program: str, *arguments: str) -> Any:
    """What one of the scenario's programs writes, as JSON."""
    script = (HERE / program).read_text(encoding="utf-8")
    host.check_output("python3 -c %s " + " ".join(["%s"] * len(arguments)) + " /srv/now", script, *arguments)
    return json.loads(host.file("/srv/now").content_string)


def flat(value: Any, place: str = "") -> dict[str, Any]:
    """By its place, each value of a tree, so that a difference is told in full."""
    if isinstance(value, (dict, list)) and value:
        rows = value.items() if isinstance(value, dict) else enumerate(value)
        return {key: leaf for name, item in rows for key, leaf in flat(item, f"{place}/{name}").items()}
    return {place: value}


def before(host: Any, name: str) -> Any:
    return json.loads(host.file(f"/srv/{name}.before").content_string)


@pytest.mark.parametrize("volume", PLACES)
def test_the_data_is_what_it_was(host: Any, volume: str) -> None:
    assert ran(host, "list.py", PLACES[volume]) == before(host, volume)


def test_the_containers_are_what_they_were(host: Any) -> None:
    now, then = ran(host, "containers.py"), before(host, "containers")
    assert set(now) == {"/app", "/reader", "/stopped"}
    now, then = flat(now), flat(then)
    assert {key: [then.get(key), now.get(key)] for key in {*then, *now} if then.get(key) != now.get(key)} == {}


def test_what_a_container_kept_elsewhere_is_there_too(host: Any) -> None:
    assert host.check_output("docker exec app /busybox cat /own /scratch/file") == "layer\nscratch"


def test_a_container_sees_the_data_in_its_new_place(host: Any) -> None:
    host.check_output("docker exec app /busybox sh -c 'echo new > /data/new'")
    assert host.file("/srv/wiki/new").content_string == "new\n"
    host.check_output("rm /srv/wiki/new")


def test_the_definitions_are_the_new_ones(host: Any) -> None:
    wiki, labelled = json.loads(host.check_output("docker volume inspect wiki labelled"))
    assert wiki["Options"] == {"type": "none", "o": "bind", "device": "/srv/wiki"}
    assert wiki["Labels"]["tier"] == "cold"
    assert {key: labelled["Labels"][key] for key in ("tier", "service")} == {"tier": "warm", "service": "wiki"}


def test_nothing_is_left_of_the_way(host: Any) -> None:
    assert host.check_output("ls -A /var/lib/holdfast/migrations | grep -v lock || true") == ""
    assert host.check_output("docker volume ls --quiet --filter name=holdfast") == ""
    assert host.check_output("docker ps --all --quiet --filter label=holdfast.holder") == ""
