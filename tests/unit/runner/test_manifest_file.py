# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The content manifest's lines: what is written is what is read."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._entry import Entry
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._manifest_file import (
    CHANGED,
    Record,
    Unsound,
    lines,
    read,
)
from hypothesis import given, strategies as some

NAMES = some.text(some.characters(exclude_characters="/\0"), min_size=1).map(
    lambda name: name.encode(errors="surrogateescape" if name.isascii() else "replace").decode(errors="surrogateescape")
)
ENTRIES = some.builds(
    Entry,
    path=NAMES,
    kind=some.just("file"),
    mode=some.integers(0, 0o7777),
    uid=some.integers(0, 2**32 - 1),
    gid=some.integers(0, 2**32 - 1),
    size=some.integers(0, 2**63),
    attributes=some.lists(some.tuples(some.just("user.x"), some.just("00ff")), max_size=2).map(tuple),
    same_as=some.one_of(some.just(""), NAMES),
)
RECORDS = some.builds(
    Record,
    source=some.sampled_from(["/srv", "/var/lib/docker/volumes/pg data/_data"]),
    entry=ENTRIES,
    sha256=some.sampled_from(["", "ab" * 32]),
    doubt=some.sampled_from(["", CHANGED]),
    mtime=some.integers(0, 2**63),
    ctime=some.integers(0, 2**63),
    inode=some.integers(0, 2**63),
    read=some.integers(0, 2**40),
)


@given(some.lists(RECORDS))
def test_what_is_written_is_read(records: list[Record]) -> None:
    assert list(read(list(lines(records)))) == records


def test_bytes_that_are_no_text_come_back() -> None:
    record = Record("/srv", Entry(b"\xff\n".decode(errors="surrogateescape"), "pipe", 0o600, 0, 0, 0))
    written = list(lines([record]))
    assert all(line.count(b"\n") == 1 for line in written)
    assert list(read(written)) == [record]


def test_a_person_can_read_it() -> None:
    record = Record("/srv", Entry("a", "file", 0o640, 1, 2, 3), "ab" * 32, mtime=5, ctime=6, inode=7, read=8)
    assert b"".join(lines([record])).decode().splitlines() == [
        '{"schema":1}',
        '{"source":"/srv"}',
        '{"path":"a","kind":"file","mode":"0640","uid":1,"gid":2,"size":3,"sha256":"' + "ab" * 32 + '",'
        '"mtime":5,"ctime":6,"inode":7,"read":8}',
    ]


@pytest.mark.parametrize(
    "text",
    [b'{"schema":2}\n', b"{}\n", b"[]\n", b"junk\n", b'{"schema":1}\n{"path":1}\n', b'{"schema":1}\n{"pa'],
)
def test_what_is_no_manifest_is_said_to_be_none(text: bytes) -> None:
    with pytest.raises(Unsound):
        list(read(text.splitlines(keepends=True)))
