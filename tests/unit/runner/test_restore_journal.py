# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a restore, and the record of what restores have put in place."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _restore_journal
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_journal import (
    STAGED,
    STAGING,
    Journal,
    Placement,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._tree import Content, Root

JOB = "nightly"


def placement(name: str) -> Placement:
    return Placement(
        label=f"path /srv/{name}",
        source=f"/srv/{name}",
        target=f"/srv/{name}",
        staging=f"/srv/.holdfast-restore-{name}",
        kept="",
        mount_point=False,
        root=Root(True, 0, 0, 0o2750),
        content=Content(3, 15),
    )


def test_a_journal_is_read_as_it_was_written_until_it_is_forgotten() -> None:
    journal = Journal(JOB, "1a2b3c4d", "2026-01-01 02:00 UTC", [placement("app"), placement("www")])
    journal.save()
    assert _restore_journal.load(JOB) == journal
    journal.set_phase(0, STAGED)
    found = _restore_journal.load(JOB)
    assert found is not None
    assert [one.phase for one in found.placements] == [STAGED, STAGING]
    journal.forget()
    assert _restore_journal.load(JOB) is None


def test_it_is_committed_once_every_tree_is_staged() -> None:
    journal = Journal(JOB, "1a2b3c4d", "2026-01-01 02:00 UTC", [placement("app"), placement("www")])
    assert not journal.committed
    journal.set_phase(0, STAGED)
    assert not journal.committed
    journal.set_phase(1, STAGED)
    assert journal.committed


def test_a_journal_that_cannot_be_understood_is_not_ignored() -> None:
    path = _restore_journal.journal_file(JOB)
    path.parent.mkdir(parents=True)
    for text in ("{", '{"schema": 2}', '{"schema": 1, "placements": [{}]}'):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(Problem, match="cannot be understood"):
            _restore_journal.load(JOB)


def test_the_record_keeps_what_came_to_each_target_last() -> None:
    assert _restore_journal.restored(JOB) == {}
    for target, snapshot in (("/srv/app", "1a2b3c4d"), ("/srv/www", "1a2b3c4d"), ("/srv/app", "5e6f7a8b")):
        _restore_journal.record(JOB, target, snapshot)
    assert _restore_journal.restored(JOB) == {"/srv/app": "5e6f7a8b", "/srv/www": "1a2b3c4d"}
