# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options seed and adopt: what they mean, and what cannot be meant."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._seed import (
    HYDRATE_OPTIONS,
    SEED_OPTIONS,
    Seed,
    seed_of,
    seed_secrets,
    shown_url,
)

SUM = "sha256:" + "0a" * 32


def given(**options: Any) -> dict[str, Any]:
    """The item as the module has it, with all defaults."""
    return {"seed": {**{name: option.get("default") for name, option in SEED_OPTIONS.items()}, **options}}


@pytest.mark.parametrize(
    ("options", "seed"),
    [
        ({"directory": "files/app"}, Seed("directory", "files/app", on_host=False)),
        ({"directory": "/srv/app", "remote_src": True}, Seed("directory", "/srv/app")),
        (
            {"archive": "app.tgz", "strip": 1},
            Seed("archive", "app.tgz", on_host=False, strip=1),
        ),
        (
            {"url": "https://nas/a.tar", "checksum": SUM.upper().replace("SHA", "sha")},
            Seed("url", "https://nas/a.tar", algorithm="sha256", checksum="0a" * 32),
        ),
        ({"volume": "pgdata"}, Seed("volume", "pgdata")),
        ({"image": "app:1"}, Seed("image", "app:1", path="/seed")),
        (
            {"image": "app:1", "command": ["init", "-v"], "path": "/data/", "environment": {"N": 1}, "timeout": 5},
            Seed("image", "app:1", command=("init", "-v"), path="/data", environment={"N": "1"}, timeout=5),
        ),
    ],
)
def test_what_is_meant(options: dict[str, Any], seed: Seed) -> None:
    assert seed_of(given(**options)) == seed


def test_nothing_is_meant() -> None:
    assert seed_of({"seed": None, "adopt": None}) is None


def test_an_adoption_is_a_seed_from_a_container() -> None:
    seed = seed_of({"seed": None, "adopt": {"container": "/db", "path": "/var/lib/db/"}})
    assert seed == Seed("container", "db", path="/var/lib/db")
    assert seed.words == "container db at /var/lib/db"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "takes exactly one of directory, archive, url, volume, image, and none is given"),
        ({"directory": "a", "volume": "b"}, "and directory, volume is given"),
        ({"url": "https://nas/a"}, "seed.checksum: is missing"),
        ({"url": "ftp://nas/a", "checksum": SUM}, "does not begin with http"),
        ({"url": "file:///etc/shadow", "checksum": SUM}, "does not begin with http"),
        ({"url": "https://nas/a", "checksum": "sha256:12"}, "'sha256:12' is not one of sha256, sha384, sha512"),
        ({"archive": "a", "checksum": "md5:" + "0a" * 16}, "is not one of"),
        ({"archive": "a", "strip": -1}, "seed.strip: -1 is below 0"),
        ({"directory": "a", "strip": 1}, "seed.strip: goes with archive or url, not with directory"),
        ({"volume": "a", "remote_src": True}, "seed.remote_src: goes with directory or archive, not with volume"),
        ({"volume": "a", "command": []}, "seed.command: goes with image"),
        ({"directory": "a", "remote_src": True}, "seed.directory: 'a' is not an absolute path"),
        ({"archive": "/a/../b", "remote_src": True}, "is not an absolute path without '..'"),
        ({"image": "a", "path": "seed"}, "seed.path: 'seed' is not an absolute path"),
        ({"image": "a", "path": "//"}, "seed.path: Docker can mount nothing at '//'"),
        ({"image": "a", "path": "/a:b"}, "seed.path: Docker can mount nothing at '/a:b'"),
        ({"image": "a", "environment": {"A": None}}, "seed.environment.A: is null"),
    ],
)
def test_what_cannot_be_meant(options: dict[str, Any], told: str) -> None:
    with pytest.raises(Problem) as problem:
        seed_of(given(**options))
    assert told in str(problem.value)


@pytest.mark.parametrize(
    ("item", "told"),
    [
        ({**given(volume="a"), "adopt": {"container": "b", "path": "/c"}}, "seed, adopt: a volume has one"),
        ({"adopt": {"container": "b", "path": "c"}}, "adopt.path: 'c' is not an absolute path"),
    ],
)
def test_adoptions_that_cannot_be_meant(item: dict[str, Any], told: str) -> None:
    with pytest.raises(Problem) as problem:
        seed_of(item)
    assert told in str(problem.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://nas/a.tar", "https://nas/a.tar"),
        ("https://ann:geheim@nas:8443/a.tar?sig=geheim#geheim", "https://nas:8443/a.tar?********"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url: str, shown: str) -> None:
    assert shown_url(url) == shown


def test_secrets_are_told_to_ansible() -> None:
    item = given(url="https://ann:geheim@nas/a?sig=abcd", environment={"DB_PASSWORD": "secret", "LANG": "C.UTF-8"})
    assert sorted(seed_secrets(item)) == ["ann:geheim", "secret", "sig=abcd"]
    assert list(seed_secrets({"seed": None})) == []


def test_where_it_comes_from_in_words() -> None:
    assert Seed("archive", "a.tgz", on_host=False).words == "archive a.tgz of the control node"
    assert Seed("url", "https://u:p@nas/a").words == "url https://nas/a"


def hydrating(**options: Any) -> dict[str, Any]:
    return {"name": "pgdata", "hydrate_from": dict.fromkeys(HYDRATE_OPTIONS) | {
        "job": "db", "snapshot": "latest", "first_boot": "refused", **options,
    }}  # fmt: skip


def test_a_hydration_is_a_seed_from_a_snapshot() -> None:
    assert seed_of(hydrating()) == Seed("snapshot", "db", path="pgdata")
    wanted = {"repository": "main", "host": "old", "snapshot": "1a2b3c4d", "volume": "data", "first_boot": "allowed"}
    seed = seed_of(hydrating(**wanted))
    assert seed == Seed(
        "snapshot", "db", path="data", repository="main", host="old", snapshot="1a2b3c4d", first_boot=True
    )
    assert (seed.words, seed.option, seed.brings) == (
        "snapshot 1a2b3c4d of job db by host old",
        "hydrate_from",
        "hydrated",
    )


def test_a_seed_takes_its_place_only_at_a_first_boot() -> None:
    first = given(directory="/srv/app", remote_src=True)
    seed = seed_of({**hydrating(first_boot="allowed"), **first})
    assert seed is not None
    assert seed.otherwise == Seed("directory", "/srv/app")
    assert [seed.of_kind(kind).kind for kind in ("directory", "snapshot")] == ["directory", "snapshot"]
    with pytest.raises(Problem, match=r"seed: serves beside hydrate_from only at a first boot.*first_boot: allowed"):
        seed_of({**hydrating(), **first})


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"job": "../db"}, "hydrate_from: job '../db': not a name."),
        ({"repository": "a b"}, "hydrate_from: repository 'a b': not a name."),
        ({"snapshot": "yesterday"}, "hydrate_from: snapshot 'yesterday': not understood."),
    ],
)
def test_hydrations_that_cannot_be_meant(options: dict[str, Any], told: str) -> None:
    with pytest.raises(Problem) as problem:
        seed_of(hydrating(**options))
    assert str(problem.value).startswith(told)


def test_a_hydration_and_an_adoption_exclude_each_other() -> None:
    with pytest.raises(Problem, match="hydrate_from, adopt: a volume has one first content"):
        seed_of({**hydrating(), "adopt": {"container": "db", "path": "/data"}})
