# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which data lies where nobody looks for it."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._mounted import Container, Mount
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._anonymous import (
    anonymous_names,
    anonymous_rows,
    declared_paths,
    is_anonymous,
    shadowed_rows,
    uncovered_rows,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import UUID_LABEL, Volume

UNASKED = "5f" * 32
OTHER = "60" * 32
NAMED = Mount("volume", "/var/lib/postgresql", "pgdata", "/v/pgdata/_data", "local")
BELOW = Mount("volume", "/var/lib/postgresql/data", UNASKED, f"/v/{UNASKED}/_data", "local")
BIND = Mount("bind", "/app", source="/srv/app")
DECLARED = {"img": frozenset({"/var/lib/postgresql/data"}), "plain": frozenset(), "gone": None}


def volume(name: str, **labels: str) -> Volume:
    return Volume(name, "local", {}, labels, f"/v/{name}/_data", "")


def container(*mounts: Mount, image: str = "img") -> Container:
    return Container("1", "db", "running", image, "postgres:17", mounts)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (volume("pgdata"), False),
        (volume(UNASKED), True),
        (volume(UNASKED[:-1]), False),
        (volume("pgdata", **{"com.docker.volume.anonymous": ""}), True),
        (volume(UNASKED, **{UUID_LABEL: "u"}), False),
    ],
)
def test_anonymous_is_what_docker_named_itself(given: Volume, expected: bool) -> None:
    assert is_anonymous(given) is expected


def test_volumes_of_containers_count_though_nobody_listed_them() -> None:
    adopted = volume(OTHER, **{UUID_LABEL: "u"})
    names = anonymous_names([volume("pgdata"), adopted], [container(NAMED, BELOW, Mount("volume", "/x", OTHER))])
    assert names == {UNASKED}


def test_the_volumes_of_an_image() -> None:
    assert declared_paths({"Config": {"Volumes": {"/data/": {}, "/logs": {}}}}) == {"/data", "/logs"}
    assert declared_paths({"Config": None}) == frozenset()
    assert declared_paths({"Config": {"Volumes": None}}) == frozenset()
    assert declared_paths(None) is None


@pytest.mark.parametrize(("image", "by"), [("img", "image"), ("plain", "container"), ("gone", None)])
def test_anonymous_volumes_name_their_container_and_path(image: str, by: str | None) -> None:
    rows = anonymous_rows([container(NAMED, BELOW, image=image)], frozenset({UNASKED, OTHER}), DECLARED)
    assert rows == [
        {
            "volume": UNASKED,
            "container": "db",
            "id": "1",
            "state": "running",
            "path": "/var/lib/postgresql/data",
            "declared_by": by,
        },
        {"volume": OTHER, "container": None, "id": None, "state": None, "path": None, "declared_by": None},
    ]


def test_a_declared_path_with_an_anonymous_volume_is_uncovered() -> None:
    row = {"container": "db", "id": "1", "state": "running", "image": "postgres:17", "path": BELOW.target}
    anonymous = frozenset({UNASKED})
    assert uncovered_rows([container(NAMED, BELOW)], anonymous, DECLARED) == [{**row, "volume": UNASKED}]
    assert uncovered_rows([container(NAMED, BELOW, image="plain")], anonymous, DECLARED) == []
    assert uncovered_rows([container(NAMED, BELOW, image="gone")], anonymous, DECLARED) == []


@pytest.mark.parametrize(
    "mounts",
    [
        (Mount("volume", BELOW.target, "named"),),
        (Mount("bind", BELOW.target, source="/srv"),),
        (Mount("tmpfs", BELOW.target),),
        (),
    ],
)
def test_a_declared_path_with_what_somebody_chose_is_covered(mounts: tuple[Mount, ...]) -> None:
    assert uncovered_rows([container(*mounts)], frozenset({UNASKED}), DECLARED) == []


def test_an_anonymous_volume_below_shadows_a_mount() -> None:
    modules = Mount("volume", "/app/modules", OTHER)
    beside = Mount("volume", "/application", UNASKED)
    rows = shadowed_rows([container(NAMED, BELOW, BIND, modules, beside)], frozenset({UNASKED, OTHER}), DECLARED)
    head = {"container": "db", "id": "1", "state": "running"}
    assert rows == [
        {
            **head,
            "target": "/var/lib/postgresql",
            "volume": "pgdata",
            "source": "/v/pgdata/_data",
            "shadowed": "/var/lib/postgresql/data",
            "by": UNASKED,
            "declared_by": "image",
        },
        {
            **head,
            "target": "/app",
            "volume": None,
            "source": "/srv/app",
            "shadowed": "/app/modules",
            "by": OTHER,
            "declared_by": "container",
        },
    ]


def test_what_was_mounted_below_on_purpose_shadows_nothing() -> None:
    chosen = Mount("bind", "/var/lib/postgresql/data", source="/srv")
    assert shadowed_rows([container(NAMED, chosen)], frozenset({UNASKED}), DECLARED) == []
