# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role declares, what it sets, what its README says and what the modules take are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, Mapping

import pytest
import yaml
from ansible_collections.holdfast.persistence.tools import documentation, role_readme

ROLES = role_readme.roles()
PASSED_TO = {
    "backup_client_repositories": "backup_repository",
    "backup_client_jobs": "backup_timer",
    "docker_storage_bind_directories": "bind_directory",
    "docker_storage_volumes": "volume",
    "nfs_client_mounts": "nfs_mount",
    "nfs_server_exports": "nfs_export",
}
"""Which module takes a list variable whole, item by item the same."""


def _options(role: Path) -> Mapping[str, Any]:
    options: Mapping[str, Any] = role_readme.argument_spec(role)["options"]
    return options


def _all_options(options: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, option in options.items():
        yield name, option
        yield from _all_options(option.get("options", {}))


def test_every_role_declares_its_variables() -> None:
    undeclared = {path.name for path in role_readme.ROLES.glob("*/") if path.is_dir()} - {role.name for role in ROLES}
    assert not undeclared


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_defaults_are_the_declared_ones(role: Path) -> None:
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text(encoding="utf-8")) or {}
    declared = {name: option["default"] for name, option in _options(role).items() if "default" in option}
    assert defaults == declared


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_variables_bear_the_roles_name(role: Path) -> None:
    strangers = [name for name in _options(role) if not name.startswith(f"{role.name}_")]
    assert not strangers


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_what_looks_like_a_secret_says_whether_it_is_one(role: Path) -> None:
    silent = [
        name
        for name, option in _all_options(_options(role))
        if any(word in name for word in ("password", "secret", "token", "environment")) and "no_log" not in option
    ]
    assert not silent


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_readme_holds_the_generated_tables(role: Path) -> None:
    readme = role / "README.md"
    assert readme.exists(), f"`make docs` begins {role.name}/README.md"
    assert readme.read_text(encoding="utf-8") == role_readme.updated(role), "`make docs` writes the tables anew"


@pytest.mark.parametrize("variable", sorted(PASSED_TO))
def test_items_have_the_options_of_the_module_that_takes_them(variable: str) -> None:
    [declared] = [_options(role)[variable] for role in ROLES if variable in _options(role)]
    module = documentation.options(documentation.MODULES / f"{PASSED_TO[variable]}.py")
    key = next(iter(module))
    [items] = [option for option in module.values() if {key, "state"} <= set(option.get("suboptions") or {})]
    assert _shape(declared) == _shape(items)


def _shape(option: Mapping[str, Any]) -> dict[str, Any]:
    """What has to agree: everything but the words and what must not be logged."""
    nested = option.get("options") or option.get("suboptions") or {}
    return {
        "type": option["type"],
        "elements": option.get("elements"),
        "choices": sorted(option.get("choices", [])),
        "default": option.get("default") if option["type"] != "list" else option.get("default", []),
        "required": option.get("required", False),
        "options": {name: _shape(below) for name, below in nested.items()},
    }
