# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Docker itself says about the volumes that the scenario declares."""

from __future__ import annotations

import json
from typing import Any

import pytest

LABEL = "holdfast.uuid"


def inspect(host: Any, name: str) -> dict[str, Any]:
    answer = host.run("docker volume inspect %s", name)
    assert answer.rc == 0, answer.stderr
    return dict(json.loads(answer.stdout)[0])


@pytest.mark.parametrize(
    ("name", "options", "labels"),
    [
        ("plain", {}, {}),
        ("labelled", {}, {"service": "database", "generation": "2", "backup": "true"}),
        ("remote", {"type": "nfs", "device": ":/srv/remote", "o": "addr=192.0.2.10,nfsvers=4,soft"}, {}),
    ],
)
def test_declared_volumes(host: Any, name: str, options: dict[str, str], labels: dict[str, str]) -> None:
    volume = inspect(host, name)
    uuid = volume["Labels"].pop(LABEL)
    assert len(uuid) == 36
    assert volume["Driver"] == "local"
    assert (volume["Options"] or {}) == options
    assert volume["Labels"] == labels


def test_nothing_else_was_left_behind(host: Any) -> None:
    names = host.check_output("docker volume ls --quiet").split()
    assert sorted(names) == ["labelled", "plain", "remote"]
