# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook parses, can be aimed at any hosts, and uses only what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, Mapping

import pytest
import yaml
from ansible_collections.holdfast.persistence.tools import documentation
from jinja2.nativetypes import NativeEnvironment

ROOT = documentation.PLUGINS.parent
PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))


class _Loader(yaml.SafeLoader):
    """Knows Ansible's own tags."""


_Loader.add_constructor("!vault", lambda loader, node: loader.construct_scalar(node))
_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def _plays(playbook: Path) -> list[Mapping[str, Any]]:
    plays: list[Mapping[str, Any]] = yaml.load(playbook.read_text(encoding="utf-8"), _Loader)  # a safe loader
    return plays


def _names(value: Any) -> Iterator[str]:
    """Every key and every string below a play, tasks and their arguments included."""
    if isinstance(value, dict):
        for key, below in value.items():
            yield str(key)
            yield from _names(below)
    elif isinstance(value, list):
        for below in value:
            yield from _names(below)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda playbook: playbook.stem)
def test_hosts_are_a_variable(playbook: Path) -> None:
    for play in _plays(playbook):
        assert "import_playbook" in str(list(play)) or "holdfast_hosts" in play["hosts"]


@pytest.mark.parametrize("playbook", PLAYBOOKS, ids=lambda playbook: playbook.stem)
def test_what_it_uses_of_this_collection_is_there(playbook: Path) -> None:
    known = {
        path.stem for folder in ("modules", "filter", "action") for path in (documentation.PLUGINS / folder).glob("*")
    }
    known |= {path.name for path in (ROOT / "roles").glob("*")} | {path.stem for path in PLAYBOOKS}
    used = {name for name in _names(_plays(playbook)) if name.startswith("holdfast.persistence.")}
    missing = [name for name in used if name.split(".")[2] not in known]
    assert not missing


def _chosen(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from [below] if key == "chosen" else _chosen(below)
    elif isinstance(value, list):
        for below in value:
            yield from _chosen(below)


@pytest.mark.parametrize("jobs", ["a,b", "a, b", " a ,b,", ["a", "b"], ("a", " b")])
@pytest.mark.parametrize("name", ["backup", "restore"])
def test_jobs_are_named_with_and_without_spaces(name: str, jobs: Any) -> None:
    environment = NativeEnvironment()
    environment.filters.update(split=str.split, difference=lambda one, other: [x for x in one if x not in other])
    (expression,) = _chosen(_plays(ROOT / "playbooks" / f"{name}.yml"))
    chosen: Any = environment.from_string(expression).render(holdfast_jobs=jobs, jobs=[], absent=[])
    assert chosen == ["a", "b"]


def test_a_restore_makes_no_repository() -> None:
    (play,) = _plays(ROOT / "playbooks" / "restore.yml")
    (client,) = [role for role in play["roles"] if role["role"].endswith("backup_client")]
    assert client["vars"] == {"backup_client_initialise": False}
