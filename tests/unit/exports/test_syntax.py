# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in the form of exports(5), as exportfs reads them, and lines that come back as they were."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._syntax import Entry, entries, written
from hypothesis import given, strategies as some

PATHS = some.text(some.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=20).map(
    lambda name: f"/{name}"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("# /srv/a host(rw)\n\n", []),
        ("/srv/a host(rw,sync)", [("/srv/a", "host", ("rw", "sync"), 1)]),
        ("/srv/a host(rw) # host2(rw)", [("/srv/a", "host", ("rw",), 1)]),
        ("\n/srv/a a(ro) b\n", [("/srv/a", "a", ("ro",), 2), ("/srv/a", "b", (), 2)]),
        (
            "/srv/a \\\n  a(ro) \\\n  b(rw)\n/srv/c d()",
            [("/srv/a", "a", ("ro",), 1), ("/srv/a", "b", ("rw",), 1), ("/srv/c", "d", (), 4)],
        ),
        ("/srv/a -sync,rw a b(ro)", [("/srv/a", "a", ("sync", "rw"), 1), ("/srv/a", "b", ("sync", "rw", "ro"), 1)]),
        ('"/srv/a b" host(rw)', [("/srv/a b", "host", ("rw",), 1)]),
        ("/srv/a\\040b host(rw)", [("/srv/a b", "host", ("rw",), 1)]),
        ("/srv/a", [("/srv/a", "*", (), 1)]),
        ("/srv/a (rw)", [("/srv/a", "*", ("rw",), 1)]),
        ("/srv/a host(rw", [("/srv/a", "host", ("rw",), 1)]),
        ("/srv/a\thost(rw,mountpoint=/srv\\040x)\n", [("/srv/a", "host", ("rw", "mountpoint=/srv x"), 1)]),
    ],
)
def test_files(text: str, expected: list[tuple[str, str, tuple[str, ...], int]]) -> None:
    read = [(entry.path, entry.host, entry.options, entry.line) for entry in entries(text, "f")]
    assert read == expected


def test_a_place_is_told() -> None:
    (entry,) = entries("\n/srv/a b(rw)", "/etc/exports")
    assert entry.place == "/etc/exports:2"


@given(PATHS)
def test_what_is_written_is_read(path: str) -> None:
    line = written(path, "host", ["rw", f"mountpoint={path}"])
    assert "\n" not in line
    if "," not in path and ")" not in path and "(" not in path:
        assert entries(line) == (Entry(path, "host", ("rw", f"mountpoint={path}"), "", 1),)
