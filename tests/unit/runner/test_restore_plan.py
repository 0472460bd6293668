# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a restore does about each source, as tables, and what holds for every plan, as properties."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._choice import Origin
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restic import Snapshot
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_journal import (
    STAGED,
    Journal,
    Placement,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_plan import origin_of, plan
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restore_terms import (
    MODES,
    Chosen,
    Filler,
    Observed,
    Outlook,
    Place,
    Request,
    Tree,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._tree import (
    EMPTY,
    MISSING,
    OCCUPIED,
    Content,
    Root,
)
from hypothesis import given, strategies as some

SNAPSHOT = Snapshot("1a2b3c4d".ljust(64, "0"), datetime(2026, 1, 1, 2, tzinfo=timezone.utc), "app1", (), (), None, None)
ROOT = Root(True, 999, 999, 0o700)
VOLUME = Tree(Origin("volume", "pgdata", "/old/pgdata/_data"), ROOT, Content(1204, 3_328_599_654), 1300)
PATH = Tree(Origin("path", "/srv/app", "/srv/app"), ROOT, Content(1, 5), 1)
HELD = Content(12, 4096)
TARGET = "/var/lib/docker/volumes/pgdata/_data"


def place(state: str = EMPTY, **changes: Any) -> Place:
    there = Place(TARGET, state, TARGET[:-6], device=1, free=10**12, root=ROOT, content=HELD)
    return replace(there, **changes)


def observed(*pairs: tuple[Tree, Place], **changes: Any) -> Observed:
    chosen = Chosen(SNAPSHOT, tuple(tree for tree, _place in pairs))
    return replace(Observed(chosen, tuple(there for _tree, there in pairs), None, (), "20260102T030405Z"), **changes)


def request(**changes: Any) -> Request:
    return Request(**{"job": "nightly", **changes})


def sentences(outlook: Outlook) -> list[str]:
    return [step.sentence for step in outlook.steps]


WHEN = "2026-01-01 02:00 UTC"
STAYS = f"the previous content stays at {TARGET}.before-x"
RESTORE = f"restore volume pgdata from snapshot 1a2b3c4d (2026-01-01 02:00 UTC, 1,204 files, 3.1 GiB) into {TARGET}"
KEEP = f"keep the previous content of volume pgdata (12 files, 4.0 KiB) at {TARGET}.before-20260102T030405Z"


@pytest.mark.parametrize(
    ("options", "there", "expected"),
    [
        ({}, place(), [RESTORE]),
        ({}, place(MISSING, root=None), [RESTORE]),
        ({}, place(OCCUPIED), []),
        ({}, place(OCCUPIED, users=("db",)), []),
        ({"mode": "replace"}, place(OCCUPIED), [KEEP, RESTORE]),
        ({"mode": "replace"}, place(EMPTY), [RESTORE]),
        (
            {"mode": "replace", "drop_previous": True},
            place(OCCUPIED),
            [KEEP, RESTORE, "remove the previous content of volume pgdata (12 files, 4.0 KiB)"],
        ),
        (
            {"mode": "replace"},
            place(OCCUPIED, mount_point=True),
            [KEEP.replace(f"{TARGET}.before", f"{TARGET}/.before"), RESTORE],
        ),
        (
            {"mode": "new"},
            place(MISSING, new_volume="copy"),
            [RESTORE.replace("into ", "into the new volume copy (") + ")"],
        ),
        ({"mode": "new"}, place(OCCUPIED, origin=origin_of(SNAPSHOT.id, "volume pgdata")), []),
        ({"mode": "replace"}, place(OCCUPIED, snapshot=SNAPSHOT.id), []),
        ({"mode": "replace"}, place(OCCUPIED, snapshot="another"), [KEEP, RESTORE]),
    ],
)
def test_what_is_done(options: dict[str, Any], there: Place, expected: list[str]) -> None:
    assert sentences(plan(request(**options), observed((VOLUME, there)))) == expected


@pytest.mark.parametrize(
    ("options", "there", "expected"),
    [
        ({}, place(OCCUPIED), []),
        ({"mode": "replace"}, place(OCCUPIED), ["keep", "restore"]),
        ({"mode": "new"}, place(MISSING), ["restore"]),
        ({"mode": "new"}, place(OCCUPIED), []),
    ],
)
def test_what_is_done_about_a_path(options: dict[str, Any], there: Place, expected: list[str]) -> None:
    assert [step.verb for step in plan(request(**options), observed((PATH, there))).steps] == expected


@pytest.mark.parametrize(
    ("options", "there", "words"),
    [
        ({}, place(users=("db", "web")), "is used by running containers: db, web. Stop them"),
        ({"mode": "replace"}, place(OCCUPIED, users=("db",)), "is used by running containers: db"),
        ({"mode": "replace"}, place(OCCUPIED, mounts_inside=("/x/y",)), "file systems are mounted inside .*: /x/y"),
        ({"mode": "new"}, place(OCCUPIED), "holds data already. Name another target"),
        ({"mode": "new"}, place(OCCUPIED, origin="other volume pgdata"), "holds data already"),
        ({}, place(free=10**9), r"volume pgdata needs 3.1 GiB in the file system of .*, where 953.7 MiB are free"),
    ],
)
def test_what_is_refused(options: dict[str, Any], there: Place, words: str) -> None:
    with pytest.raises(Problem, match=words):
        plan(request(**options), observed((VOLUME, there)))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"job": "No Name"}, "not a name"),
        ({"snapshot": "yesterday"}, "not understood"),
        ({"volume": "a", "path": "/a"}, "Name one, or neither"),
        ({"path": "srv"}, "must be absolute"),
        ({"path": "/srv/../etc"}, "must be absolute"),
        ({"volume": "a", "target": "b"}, "serves only mode new"),
        ({"mode": "new", "target": "b"}, "one volume or one path. Add .*--volume or --path"),
        ({"mode": "new", "path": "/a", "target": "b"}, "must be an absolute path"),
        ({"mode": "new", "volume": "a", "target": "/b"}, "must be the name of a volume"),
    ],
)
def test_bad_requests(options: dict[str, Any], words: str) -> None:
    with pytest.raises(Problem, match=words):
        request(**options)


def test_a_directory_that_is_empty_in_the_snapshot_too_is_left() -> None:
    hollow = replace(VOLUME, content=Content(), entries=0)
    assert plan(request(), observed((hollow, place()))).steps == ()
    other = replace(ROOT, mode=0o755)
    assert len(plan(request(), observed((hollow, place(root=other)))).steps) == 1


def test_space_is_summed_up_by_file_system() -> None:
    small = replace(PATH, content=Content(1, 60))
    here = place(free=100, path="/srv/a")
    there = place(free=100, path="/srv/b")
    with pytest.raises(Problem, match="needs 120 B in the file system of /srv/a, where 100 B are free"):
        plan(request(), observed((small, here), (small, there)))
    plan(request(), observed((small, here), (small, replace(there, device=2))))


def test_the_result_has_what_was_restored_and_what_was_left() -> None:
    app = place(OCCUPIED, path="/srv/app")
    outlook = plan(request(), observed((VOLUME, place()), (PATH, app)))
    left = {"kind": "path", "name": "/srv/app", "target": "/srv/app", "reason": "holds data"}
    assert outlook.before["left"] == [
        {"kind": "volume", "name": "pgdata", "target": TARGET, "reason": "is empty"},
        left,
    ]
    assert outlook.after["left"] == [left]
    assert outlook.after["restored"] == [
        {
            "kind": "volume",
            "name": "pgdata",
            "target": TARGET,
            "snapshot": SNAPSHOT.id,
            "time": "2026-01-01T02:00:00Z",
            "files": 1204,
            "bytes": 3_328_599_654,
            "kept": None,
        }
    ]


def test_the_kept_content_is_named_unless_it_is_removed() -> None:
    kept = f"{TARGET}.before-20260102T030405Z"
    for drop, named in ((False, kept), (True, None)):
        outlook = plan(request(mode="replace", drop_previous=drop), observed((VOLUME, place(OCCUPIED))))
        assert outlook.after["restored"][0]["kept"] == named
        assert [step.destroys for step in outlook.steps if step.destroys] == ["12 files, 4.0 KiB"] * drop
        assert [step.last for step in outlook.steps] == [False] * (1 + drop) + [True]


def test_a_volume_that_is_supposed_is_predicted_with_a_warning() -> None:
    outlook = plan(request(), observed((VOLUME, place(MISSING, supposed=True))))
    assert sentences(outlook) == [RESTORE]
    assert len(outlook.warnings) == 1
    assert "volume pgdata: Docker on this host has none of this name yet" in outlook.warnings[0]


@pytest.mark.parametrize(
    ("options", "there", "warns"),
    [
        ({}, place(OCCUPIED, is_known=False), True),
        ({}, place(OCCUPIED), False),
        ({}, place(EMPTY, is_known=False), False),
        ({"mode": "replace"}, place(OCCUPIED, is_known=False), False),
    ],
)
def test_data_of_unknown_origin_is_left_with_a_warning(options: dict[str, Any], there: Place, warns: bool) -> None:
    outlook = plan(request(**options), observed((VOLUME, there)))
    words = f"volume pgdata holds data that this host never backed up, and the snapshot of {WHEN} was not restored"
    assert [words in warning for warning in outlook.warnings] == [True] * warns


def test_what_is_to_be_known_of_the_snapshot_is_said_where_it_is_restored() -> None:
    for there, expected in ((place(), ("mind it",)), (place(OCCUPIED), ())):
        known = Chosen(SNAPSHOT, (VOLUME,), "mind it")
        assert plan(request(), observed((VOLUME, there), chosen=known)).warnings == expected


def interrupted(phase: str) -> Journal:
    placement = Placement(
        label="volume pgdata",
        source="/old",
        target=TARGET,
        staging="/v/.holdfast-restore-nightly-1a2b3c4d-0",
        kept=f"{TARGET}.before-x",
        mount_point=False,
        root=ROOT,
        content=HELD,
        phase=phase,
    )
    return Journal("nightly", SNAPSHOT.id, "2026-01-01 02:00 UTC", [placement])


def test_what_was_interrupted_comes_first() -> None:
    unfinished = observed((VOLUME, place()), interrupted=interrupted("staging"))
    assert sentences(plan(request(), unfinished)) == [
        "remove what an interrupted restore left in /v/.holdfast-restore-nightly-1a2b3c4d-0",
        RESTORE,
    ]
    committed = observed((VOLUME, place(OCCUPIED, snapshot=SNAPSHOT.id)), interrupted=interrupted(STAGED))
    assert sentences(plan(request(), committed)) == [
        f"finish the interrupted restore of volume pgdata from snapshot 1a2b3c4d ({WHEN}); {STAYS}",
    ]


def test_what_was_interrupted_is_not_finished_under_a_running_container() -> None:
    with pytest.raises(Problem, match="used by running containers: db"):
        plan(request(), observed((VOLUME, place()), interrupted=interrupted(STAGED), interrupted_users=("db",)))


PLACES = some.builds(
    place,
    state=some.sampled_from([MISSING, EMPTY, OCCUPIED]),
    mount_point=some.booleans(),
    users=some.sampled_from([(), ("db",)]),
    snapshot=some.sampled_from(["", SNAPSHOT.id, "another"]),
)
REQUESTS = some.builds(request, mode=some.sampled_from(MODES), drop_previous=some.booleans())


@given(REQUESTS, PLACES)
def test_what_holds_for_every_plan(wanted: Request, there: Place) -> None:
    try:
        outlook = plan(wanted, observed((VOLUME, there)))
    except Problem:
        return
    verbs = [step.verb for step in outlook.steps]
    if there.state == OCCUPIED and "restore" in verbs:
        assert wanted.mode == "replace", "data is put aside only where that was asked for"
        assert verbs.index("keep") < verbs.index("restore"), "and before anything takes its place"
    if any(step.destroys for step in outlook.steps):
        assert wanted.drop_previous
        assert verbs[-1] == "drop", "the old copy goes last"
    if "restore" in verbs:
        assert not there.users or wanted.mode == "new"
    row = outlook.after["restored"] + outlook.after["left"]
    assert len(row) == 1


def test_what_the_backups_need_is_never_moved_away() -> None:
    there = place(OCCUPIED, indispensable=("the repository main (/srv/repo)",))
    with pytest.raises(
        Problem, match=r"what this host's backups need: the repository main \(/srv/repo\)\. Restore beside"
    ):
        plan(request(mode="replace", drop_previous=True), observed((VOLUME, there)))
    assert plan(request(), observed((VOLUME, there))).steps == ()


def test_what_the_job_excludes_is_told_where_it_moves_away_or_is_lost() -> None:
    known = Chosen(SNAPSHOT, (PATH,), excluded=("/srv/app/repo", "*.log", "/var/cache"))
    seen = observed((PATH, place(OCCUPIED, path="/srv/app")), chosen=known)
    keep, _restore = plan(request(mode="replace"), seen).steps
    assert keep.sentence.endswith("; what the job excludes (/srv/app/repo, *.log) stays there and does not come back")
    drop = plan(request(mode="replace", drop_previous=True), seen).steps[-1]
    lost = "12 files, 4.0 KiB, with what the job excludes, which no snapshot holds: /srv/app/repo, *.log"
    assert (drop.verb, drop.destroys) == ("drop", lost)
    assert lost in drop.sentence


HOURLY = Filler("hourly", TARGET, "2026-01-01 01:00 UTC")


@pytest.mark.parametrize("mode", ["if_empty", "replace"])
@pytest.mark.parametrize("state", [MISSING, EMPTY, OCCUPIED])
def test_what_another_restore_of_the_call_fills_is_left_with_the_reason(mode: str, state: str) -> None:
    outlook = plan(request(mode=mode), observed((VOLUME, place(state, filler=HOURLY, is_known=False))))
    assert outlook.steps == ()
    (left,) = outlook.after["left"]
    assert left["reason"] == f"is filled by the restore of job hourly in the same call ({TARGET})"
    (warning,) = outlook.warnings
    assert (
        "of 2026-01-01 01:00 UTC. That of this job, of 2026-01-01 02:00 UTC, is newer: to have it, name job" in warning
    )
    newer = replace(HOURLY, time="2026-01-01 03:00 UTC")
    assert plan(request(mode=mode), observed((VOLUME, place(state, filler=newer)))).warnings == ()


@pytest.mark.parametrize(
    ("options", "there", "words"),
    [
        ({}, place(MISSING, inner=HOURLY), "Name job nightly before job hourly: what lies around comes first"),
        ({}, place(MISSING, outer=HOURLY), "Name job hourly before job nightly: what lies around comes first"),
        ({"mode": "new"}, place(MISSING, filler=HOURLY), "hourly in the same call brings data into .* Name another"),
        (
            {},
            place(waiting="hourly"),
            "a restore of job hourly is at work on .* finish it with holdfast restore hourly",
        ),
    ],
)
def test_where_restores_overlap_otherwise_they_are_named(options: dict[str, Any], there: Place, words: str) -> None:
    with pytest.raises(Problem, match=words):
        plan(request(**options), observed((VOLUME, there)))


def test_what_was_interrupted_and_overtaken_is_only_cleared_away() -> None:
    seen = observed((VOLUME, place(OCCUPIED)), interrupted=interrupted(STAGED), overtaken={TARGET: "hourly"})
    (step,) = plan(request(), seen).steps
    assert step.verb == "finish"
    assert step.sentence == (
        "remove what an interrupted restore of volume pgdata left in /v/.holdfast-restore-nightly-1a2b3c4d-0, since "
        f"the restore of job hourly has filled {TARGET}, which is left as it is; {STAYS}"
    )
