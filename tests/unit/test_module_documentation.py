# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules say what they promise, and meta/runtime.yml names all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, Mapping

import pytest
import yaml
from ansible_collections.holdfast.persistence.tools import documentation

MODULES = documentation.modules()
ROOT = documentation.PLUGINS.parent


def _tasks(tasks: Any) -> Iterator[Mapping[str, Any]]:
    """The tasks of a list, those in blocks too."""
    for task in tasks or []:
        inner = [task.get(part) for part in ("block", "rescue", "always")]
        if any(inner):
            for part in inner:
                yield from _tasks(part)
        else:
            yield task


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_check_mode_diff_mode_and_idempotency_are_declared(module: Path) -> None:
    declared = documentation.attributes(module)
    for name in ("check_mode", "diff_mode", "idempotent"):
        assert declared.get(name, {}).get("support") in ("full", "partial", "none", "N/A"), name
        if declared[name]["support"] in ("partial", "none"):
            assert declared[name].get("details"), f"{name} says what is missing"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_examples_call_the_module_by_its_full_name(module: Path) -> None:
    tasks = list(_tasks(documentation.block(module, "EXAMPLES")))
    assert tasks
    assert any(f"holdfast.persistence.{module.stem}" in task for task in tasks)
    nameless = [task for task in tasks if "name" not in task]
    assert not nameless


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_results_are_documented(module: Path) -> None:
    returned = documentation.block(module, "RETURN")
    assert returned
    unsaid = [name for name, value in returned.items() if not {"description", "returned", "type"} <= set(value)]
    assert not unsaid


def test_action_groups_name_exactly_the_modules() -> None:
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    with_connection = [path for path in MODULES if "holdfast.persistence.docker" in documentation.fragments(path)]
    assert groups == {"all": [path.stem for path in MODULES], "docker": [path.stem for path in with_connection]}
