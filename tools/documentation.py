# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation that modules carry in themselves, with the fragments it draws in, read without running anything."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, Mapping

import yaml

PLUGINS = Path(__file__).resolve().parents[1] / "plugins"
MODULES = PLUGINS / "modules"
FRAGMENTS = PLUGINS / "doc_fragments"
NAMESPACE = "holdfast.persistence."


def modules() -> list[Path]:
    """The files of all modules."""
    return sorted(MODULES.glob("*.py"))


def block(path: Path, name: str) -> Any:
    """What YAML a constant such as EXAMPLES holds; None when there is none.

    A fragment's constants stand in its class.
    """
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return yaml.safe_load(ast.literal_eval(node.value))
    return None


def fragments(module: Path) -> list[str]:
    """The names of the fragments a module's documentation draws in."""
    wanted = block(module, "DOCUMENTATION").get("extends_documentation_fragment", [])
    return [wanted] if isinstance(wanted, str) else list(wanted)


def options(module: Path) -> dict[str, Mapping[str, Any]]:
    """The module's own options; those of fragments are not among them."""
    return dict(block(module, "DOCUMENTATION").get("options", {}))


def attributes(module: Path) -> dict[str, Mapping[str, Any]]:
    """What the module declares of check mode and the like, over what its fragments say of it."""
    declared: dict[str, dict[str, Any]] = {}
    for documentation in (*_own_fragments(module), block(module, "DOCUMENTATION")):
        for name, attribute in documentation.get("attributes", {}).items():
            declared.setdefault(name, {}).update(attribute)
    return dict(declared)


def _own_fragments(module: Path) -> list[Mapping[str, Any]]:
    """The fragments of this collection that a module draws in, such as holdfast.persistence.attributes.info."""
    own = [name[len(NAMESPACE) :].split(".") for name in fragments(module) if name.startswith(NAMESPACE)]
    return [block(FRAGMENTS / f"{name[0]}.py", (name[1:] or ["documentation"])[0].upper()) for name in own]
