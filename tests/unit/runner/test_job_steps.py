# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Dumps and hooks as a job file has them: what cannot be is refused before anything runs."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job_steps import (
    Dump,
    Hook,
    Hooks,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

PLAIN = {"schema": 1, "name": "app", "repository": "store", "host": "web1"}


def test_a_job_of_dumps_alone_comes_back_from_its_file() -> None:
    job = Job(
        name="app",
        repository="store",
        dumps=(Dump("shop", "postgresql", container="db"), Dump("x", "command", command=("/bin/x", "-a"))),
        hooks=Hooks(before=(Hook(("/bin/true",), 5),)),
    )
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job
    assert job.to_json() == json.loads(json.dumps(job.to_json()))


def test_a_file_of_before_has_neither() -> None:
    job = Job.from_json({**PLAIN, "paths": ["/srv"]})
    assert (job.dumps, job.hooks, job.manifest) == ((), Hooks(), "sha256")


@pytest.mark.parametrize(
    ("dump", "message"),
    [
        ({"type": "redis"}, "name missing"),
        ({"name": "a", "type": "oracle"}, "type 'oracle': must be one of postgresql"),
        ({"name": "../a", "type": "redis"}, "name '../a': must be"),
        ({"name": "a", "type": "redis", "paths": "/x"}, "unknown: paths"),
        ({"name": "a", "type": "redis", "path": "/x"}, "path has no meaning for redis"),
        ({"name": "a", "type": "sqlite"}, "path is missing"),
        ({"name": "a", "type": "sqlite", "path": "x.db"}, "must be an absolute path"),
        ({"name": "a", "type": "sqlite", "path": "/a/../x.db"}, "must be an absolute path"),
        ({"name": "a", "type": "command"}, "command: must be a list of texts"),
        ({"name": "a", "type": "command", "command": "/bin/x"}, "must be a list"),
        ({"name": "a", "type": "postgresql", "database": "--help"}, "database '--help': must be a name"),
        ({"name": "a", "type": "postgresql", "database": "host=evil"}, "database 'host=evil': must be a name"),
        ({"name": "a", "type": "mariadb", "user": "a b"}, "user 'a b': must be a name"),
        ({"name": "a", "type": "redis", "container": "a b"}, "container 'a b': must be"),
        ({"name": "a", "type": "redis", "timeout": 0}, "timeout 0: must be seconds"),
        ({"name": "a", "type": "redis", "user": 7}, "must be texts"),
        ("redis", "must be an object"),
    ],
)
def test_a_dump_that_cannot_be_is_refused(dump: Any, message: str) -> None:
    with pytest.raises(Problem, match=message):
        Job.from_json({**PLAIN, "dumps": [dump]})


def test_two_dumps_of_one_name_are_refused() -> None:
    with pytest.raises(Problem, match="dumps a: named twice"):
        Job.from_json({**PLAIN, "dumps": [{"name": "a", "type": "redis"}, {"name": "a", "type": "mariadb"}]})


@pytest.mark.parametrize(
    ("hooks", "message"),
    [
        ({"during": []}, "unknown: during"),
        ({"before": [{"command": []}]}, "command: must be a list"),
        ({"before": [{"command": ["true"]}]}, "must begin with the absolute path"),
        ({"after": [{"command": ["/bin/true"], "timeout": "5min"}]}, "timeout '5min': must be seconds"),
        ({"after": {"command": ["/bin/true"]}}, "must be a list"),
        ([], "must be an object"),
    ],
)
def test_a_hook_that_cannot_be_is_refused(hooks: Any, message: str) -> None:
    with pytest.raises(Problem, match=message):
        Job.from_json({**PLAIN, "paths": ["/srv"], "hooks": hooks})
