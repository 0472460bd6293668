# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tables say against each other, and of whom exportfs complains."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.exports import _host, _place
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._rehearsal import complaints_of
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._syntax import entries
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

TABLE = entries("/srv/a\t192.0.2.0/24(rw,sync,secure,root_squash)\n/srv/a\tapp1(ro,sync,secure,root_squash)")


@pytest.mark.parametrize(
    ("kernel", "told"),
    [
        ("", ""),
        ("/srv/a\t192.0.2.0/24(rw,root_squash,sync,wdelay,sec=1)", ""),
        ("/srv/a\t192.0.2.0/24(ro,root_squash,sync,wdelay,sec=1)", "other options for 192.0.2.0/24"),
        ("/srv/a\tapp2(ro,root_squash,sync)", "still knows app2"),
        ("/srv/a\t192.0.2.0/24,app1(rw,root_squash,sync)", ""),
    ],
)
def test_the_kernel_against_the_table(kernel: str, told: str) -> None:
    said = _host.contradiction(entries(kernel), TABLE)
    assert told in said
    assert bool(told) == bool(said)


def test_what_would_be_lost_and_changed() -> None:
    live = entries("/srv/a\tx(rw)\n/srv/b\tx(rw)\n/srv/b\ty(ro)")
    rehearsed = entries("/srv/b\tx(rw)\n/srv/b\ty(rw)\n/srv/c\tx(rw)")
    assert [(entry.path, entry.host) for entry in _host.lost(live, rehearsed)] == [("/srv/a", "x")]
    assert [(entry.path, entry.host) for entry in _host.changed(live, rehearsed)] == [("/srv/b", "y"), ("/srv/c", "x")]


def test_complaints_are_told_apart() -> None:
    said = complaints_of(
        'exportfs: /etc/exports.d/z.exports:1: unknown keyword "bogus"\n\n'
        "exportfs: Failed to resolve app9\nexportfs: Failed to resolve app9\n"
        "exportfs: /etc/exports [1]: Neither 'subtree_check' or 'no_subtree_check' specified for export \"a:/b\".\n"
        "  Assuming default behaviour ('no_subtree_check').\n"
        "exportfs: incompatible duplicated export entries:\n"
        "exportfs: \t192.0.2.0/24:/srv/b (0x425) [IGNORED]\nexportfs: \t192.0.2.0/24:/srv/b (0x424)\n"
    )
    assert said == (
        '/etc/exports.d/z.exports:1: unknown keyword "bogus"',
        "Failed to resolve app9",
        "incompatible duplicated export entries: 192.0.2.0/24:/srv/b (0x425) [IGNORED] 192.0.2.0/24:/srv/b (0x424)",
    )


@pytest.mark.parametrize(
    ("complaint", "mine"),
    [
        ("/etc/exports.d/holdfast-srv-a.exports:2: syntax error", True),
        ("/etc/exports.d/holdfast-srv-b.exports:2: syntax error", False),
        ("/srv/a does not support NFS export", True),
        ("/srv/a/b does not support NFS export", False),
        ("/srv/ab does not support NFS export", False),
        ("/disk/srv/a does not support NFS export", False),
        ("Failed to resolve web-app1", False),
        ("incompatible duplicated export entries: app1:/srv/b (0x425)", False),
        ("Failed to resolve app1", True),
        ("Failed to resolve app12", False),
        ("Failed to resolve app1.example.com", False),
        ("incompatible duplicated export entries: 192.0.2.0/24:/srv/a (0x425)", True),
    ],
)
def test_whose_complaint_it_is(complaint: str, mine: bool) -> None:
    assert _host.of_item(complaint, "holdfast-srv-a.exports", "/srv/a", ["app1"]) is mine


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/srv/a", "holdfast-srv-a.exports"),
        ("/srv/my-data", "holdfast-srv-my\\x2ddata.exports"),
        ("/srv/my/data", "holdfast-srv-my-data.exports"),
        ("/srv/b c", "holdfast-srv-b\\x20c.exports"),
        ("/srv/ä", "holdfast-srv-\\xc3\\xa4.exports"),
    ],
)
def test_no_two_paths_meet_in_one_file(path: str, name: str) -> None:
    assert _place.file_of(path).name == name


def test_a_path_that_is_too_long() -> None:
    with pytest.raises(Problem, match="too long to name a file"):
        _place.file_of(f"/srv/{'a' * 200}")
