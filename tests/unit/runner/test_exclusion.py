# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restic's patterns leave out. That the real restic agrees is in test_real_restic.py."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._exclusion import Exclusion


@pytest.mark.parametrize(
    ("patterns", "path", "expected"),
    [
        ([], "/srv/a", False),
        (["*.log"], "/srv/a/b.log", True),
        (["*.log"], "/srv/a/b.logs", False),
        (["a/b"], "/srv/a/b", True),
        (["a/b"], "/srv/xa/b", False),
        (["/srv/a"], "/srv/a", True),
        (["/srv/a"], "/mnt/srv/a", False),
        (["/srv/a/"], "/srv/a", True),
        (["/srv/**/c"], "/srv/c", True),
        (["/srv/**/c"], "/srv/a/b/c", True),
        (["/srv/**"], "/srv", True),
        (["/srv/*/c"], "/srv/a/b/c", False),
        (["[a-c]?"], "/srv/bz", True),
        (["[^a-c]?"], "/srv/bz", False),
        (["[^a]b"], "/srv/b", False),
        (["\\*"], "/srv/x", False),
        (["\\*"], "/srv/*", True),
        (["[z-a]"], "/srv/z", False),
        (["*", "!keep"], "/srv/keep", False),
        (["*", "!keep", "ke*"], "/srv/keep", True),
        (["!keep"], "/srv/keep", False),
        (["*.log", "!deep"], "/srv/deep/a.log", False),
        (["*.log", "!deep"], "/srv/a.log", True),
        (["srv"], "/srv/a/b", True),
        (["a\n"], "/srv/a", False),
    ],
)
def test_patterns(patterns: list[str], path: str, expected: bool) -> None:
    assert Exclusion(patterns).leaves_out(path) is expected
