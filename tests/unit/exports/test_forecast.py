# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom a complaint of exportfs concerns, and what would be lost; exportfs itself is tried on real hosts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.directories._ownership import Ownership
from ansible_collections.holdfast.persistence.plugins.module_utils.exports import _rehearsal
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._declared import Desired, desire
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._export import Seen
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._forecast import Forecast
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._host import Tables
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._rehearsal import Outcome
from ansible_collections.holdfast.persistence.plugins.module_utils.exports._syntax import entries

OTHERS = Path("/etc/exports.d/others.exports")
THERE = Seen(directory=Ownership(0, 0, 0o755))
BOTH = "/srv/a\t192.0.2.1(ro)\n/srv/b\t192.0.2.1(ro)"


def item(path: str, host: str = "192.0.2.1") -> Desired:
    clients = [{"host": host, "options": [], "accept": []}]
    options = dict.fromkeys(("mountpoint", "fsid", "owner", "group", "mode"))
    return desire({"path": path, "clients": clients, **options, "state": "present"})


class Exportfs:
    """Answers with what it is told to, and keeps what it was given."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.given: list[Mapping[str, str]] = []

    def __call__(self, _program: str, files: Mapping[str, str]) -> Outcome:
        self.given.append(files)
        return self.outcomes.pop(0)


def forecast(patch: pytest.MonkeyPatch, exportfs: Exportfs, pairs: Any, live: str = "", texts: Any = None) -> Forecast:
    patch.setattr(_rehearsal, "rehearse", exportfs)
    return Forecast("exportfs", pairs, texts or {}, Tables(entries(live), (), running=True))


def test_nothing_to_complain_of_takes_one_rehearsal(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = (item("/srv/a"), THERE)
    exportfs = Exportfs(Outcome((), entries(BOTH)))
    made = forecast(monkeypatch, exportfs, [pair], live="/srv/b\t192.0.2.1(ro)")
    seen = made.upon(*pair)
    assert (seen.refusals, seen.hindrance, made.warnings()) == ((), "", [])
    assert [entry.path for entry in seen.rehearsed] == ["/srv/a"]
    assert list(exportfs.given[0]) == ["holdfast-srv-a.exports"]


def test_a_complaint_reaches_its_item_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(item("/srv/a"), THERE), (item("/srv/b", "app9"), THERE)]
    exportfs = Exportfs(Outcome(("Failed to resolve app9",), entries(BOTH)), Outcome((), ()))
    made = forecast(monkeypatch, exportfs, pairs)
    assert [made.upon(*pair).refusals for pair in pairs] == [
        (),
        ("exportfs would not take it: Failed to resolve app9.",),
    ]


def test_a_new_complaint_of_nobody_in_particular_stops_all(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(item("/srv/a"), THERE), (item("/srv/b"), THERE)]
    made = forecast(monkeypatch, Exportfs(Outcome(("odd",), ()), Outcome((), ())), pairs)
    assert all("odd" in made.upon(*pair).refusals[0] for pair in pairs)


def test_a_line_of_others_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = (item("/srv/a"), THERE)
    said = Outcome((f"{OTHERS}:3: unknown keyword",), entries(BOTH))
    made = forecast(monkeypatch, Exportfs(said, said), [pair], live="/srv/b\t192.0.2.1(ro)")
    assert made.upon(*pair).refusals == ()
    assert made.upon(*pair).hindrance == ""
    assert made.warnings() == [f"exportfs complains of lines that are not this task's: {OTHERS}:3: unknown keyword"]


def test_what_others_have_live_is_not_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    pair = (item("/srv/a"), THERE)
    said = Outcome((f"{OTHERS}:1: unknown keyword",), entries("/srv/a\t192.0.2.1(ro)"))
    made = forecast(monkeypatch, Exportfs(said, said), [pair], live=f"{BOTH}\n/srv/a\tapp2(ro)")
    hindrance = made.upon(*pair).hindrance
    assert f"/srv/b for 192.0.2.1. exportfs says: {OTHERS}:1: unknown keyword." in hindrance
    assert "app2" not in hindrance


def test_what_others_changed_and_is_not_live_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    made = forecast(monkeypatch, Exportfs(Outcome((), entries(BOTH))), [(item("/srv/a"), THERE)])
    (warning,) = made.warnings()
    assert warning.startswith("/srv/b for 192.0.2.1 is not live as its file says")


def test_a_directory_that_will_be_made_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [(item("/srv/a"), Seen()), (item("/srv/b"), Seen(directory=Ownership()))]
    missing = tuple(f"Failed to stat {path}: No such file or directory" for path in ("/srv/a", "/srv/b"))
    made = forecast(monkeypatch, Exportfs(Outcome(missing, ()), Outcome((), ())), pairs)
    assert [made.upon(*pair).refusals for pair in pairs] == [(), ()]


def test_the_path_of_another_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    others = entries("/srv/a/ app9(rw)", str(OTHERS))
    pairs = [(item("/srv/a"), Seen(directory=THERE.directory, others=others)), (item("/srv/b"), THERE)]
    exportfs = Exportfs(Outcome((), entries("/srv/b\t192.0.2.1(ro)")))
    made = forecast(monkeypatch, exportfs, pairs, live="/srv/a\tapp9(rw)")
    assert list(exportfs.given[0]) == ["holdfast-srv-b.exports"]
    assert "/srv/a for app9. No file holds it any more" in made.upon(*pairs[1]).hindrance
