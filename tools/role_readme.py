# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the tables of variables in the roles' READMEs from their argument_specs (``make docs``).

What stands between the two marks is written here; the rest of a README is left as it is, and a missing README is begun.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Iterator, Mapping

import yaml

ROLES = Path(__file__).resolve().parents[1] / "roles"
BEGIN = "<!-- variables: written by `make docs` from meta/argument_specs.yml -->"
END = "<!-- end of variables -->"
_TYPES = {"str": "string", "int": "integer", "bool": "boolean", "dict": "dictionary"}
_ELEMENTS = {"str": "strings", "int": "integers", "dict": "dictionaries", "path": "paths"}


def main() -> None:
    """Write what has changed, and say so."""
    for role in roles():
        readme = role / "README.md"
        new = updated(role)
        if not readme.exists() or readme.read_text(encoding="utf-8") != new:
            readme.write_text(new, encoding="utf-8")
            print(f"docs: wrote {readme.relative_to(ROLES.parent)}")


def roles() -> list[Path]:
    """The roles that declare their variables."""
    return sorted(path.parents[1] for path in ROLES.glob("*/meta/argument_specs.yml"))


def argument_spec(role: Path) -> Mapping[str, Any]:
    """The entry point ``main`` of a role's argument_specs."""
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))
    main_spec: Mapping[str, Any] = specs["argument_specs"]["main"]
    return main_spec


def updated(role: Path) -> str:
    """The README as it should be.

    :raises SystemExit: when the README lacks the marks, as it is not ours to guess where the tables belong
    """
    readme = role / "README.md"
    spec = argument_spec(role)
    if not readme.exists():
        description = "\n\n".join(_prose(line) for line in _lines(spec["description"]))
        return f"# {role.name}\n\n{description}\n\n## Variables\n\n{BEGIN}\n\n{tables(spec)}\n{END}\n"
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _old, end, after = rest.partition(END)
    if not (begin and end):
        sys.exit(f"{readme}: the marks for the table of variables are missing. Put these lines in:\n{BEGIN}\n{END}")
    return f"{before}{BEGIN}\n\n{tables(spec)}\n{END}{after}"


def tables(spec: Mapping[str, Any]) -> str:
    """A table of the role's variables, and one for each variable whose items have options of their own."""
    return "\n".join(_tables("", spec.get("options", {})))


def _tables(of: str, options: Mapping[str, Any]) -> Iterator[str]:
    title = f"### `{of}`\n\n" if of else ""
    rows = "".join(_row(name, option) for name, option in options.items())
    yield f"{title}| {'key' if of else 'variable'} | type | default | meaning |\n| --- | --- | --- | --- |\n{rows}"
    for name, option in options.items():
        if "options" in option:
            step = f"{name}[]" if option["type"] == "list" else name
            yield from _tables(f"{of}.{step}" if of else step, option["options"])


def _row(name: str, option: Mapping[str, Any]) -> str:
    meaning = " ".join(_prose(line) for line in _lines(option["description"]))
    if "choices" in option:
        meaning += f" One of {', '.join(f'`{choice}`' for choice in option['choices'])}."
    cells = (f"`{name}`", _type(option), _default(option), meaning)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _type(option: Mapping[str, Any]) -> str:
    if option["type"] == "list":
        return f"list of {_ELEMENTS[option['elements']]}"
    return _TYPES.get(option["type"], str(option["type"]))


def _default(option: Mapping[str, Any]) -> str:
    if option.get("required"):
        return "required"
    if "default" not in option:
        return ""
    default = option["default"]
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _lines(description: str | list[str]) -> list[str]:
    return [description] if isinstance(description, str) else description


def _prose(text: str) -> str:
    """Markdown of Ansible's markup: names and values in code, links as links."""
    text = re.sub(r"\bL\(([^,]+), *([^)]+)\)", r"[\1](\2)", text)
    text = re.sub(r"\bU\(([^)]+)\)", r"<\1>", text)
    return re.sub(r"\b[CVOEMIBP]\(((?:\\.|[^)\\])*)\)", r"`\1`", " ".join(text.split()))


if __name__ == "__main__":
    main()
