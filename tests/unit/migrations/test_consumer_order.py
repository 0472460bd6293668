# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._consumer_order import concerned

PREFIX = "com.docker.compose"


def container(name: str, created: int, volume: str = "data", depends_on: str = "", **host: Any) -> dict[str, Any]:
    labels = {f"{PREFIX}.project": "p", f"{PREFIX}.service": name, f"{PREFIX}.depends_on": depends_on}
    return {
        "Id": f"id-{name}",
        "Name": f"/{name}",
        "Created": f"2026-01-01T00:00:{created:02}Z",
        "Config": {"Labels": labels},
        "HostConfig": host,
        "Mounts": [{"Type": "volume", "Name": volume}, {"Type": "bind", "Source": "/x"}],
    }


def names(*containers: dict[str, Any]) -> list[str]:
    return [each["Name"][1:] for each in concerned(containers, "data")]


def test_only_those_that_use_the_volume() -> None:
    assert names(container("db", 1), container("other", 2, volume="data2")) == ["db"]


def test_the_newest_stops_first() -> None:
    assert names(container("a", 1), container("b", 3), container("c", 2)) == ["b", "c", "a"]


def test_what_compose_says_that_others_need_stops_last() -> None:
    db = container("db", 3)
    cache = container("cache", 2, depends_on="db:service_healthy:false")
    web = container("web", 1, depends_on="cache:service_started:true,db:service_healthy:false")
    assert names(db, cache, web) == ["web", "cache", "db"]


def test_the_same_service_in_another_project_is_another_one() -> None:
    db = container("db", 3)
    db["Config"]["Labels"][f"{PREFIX}.project"] = "q"
    assert names(db, container("web", 1, depends_on="db:service_started:false")) == ["db", "web"]


def test_who_lives_in_its_network_comes_along_and_who_lives_in_theirs_too() -> None:
    db = container("db", 1)
    side = container("side", 2, volume="none", NetworkMode="container:id-db")
    shadow = container("shadow", 3, volume="none", PidMode="container:side")
    linked = container("linked", 4, volume="none", Links=["/db:/linked/database"])
    assert names(db, side, shadow, linked) == ["linked", "shadow", "side", "db"]


def test_a_circle_has_an_order_all_the_same() -> None:
    one = container("one", 1, depends_on="two:service_started:false")
    two = container("two", 2, depends_on="one:service_started:false")
    assert names(one, two) == ["two", "one"]
