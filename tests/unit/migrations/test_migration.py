# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._check import Facts, User
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._journal import PHASES, Held, Journal
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._migration import (
    KEEP,
    STOP_ONE,
    VERBS,
    actions,
    resumption,
    warnings,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.migrations._way import (
    MOVE,
    POINT,
    STAGE_NEW,
    STAGE_PLAIN,
    STAGE_TWICE,
    strategy,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.trees._content import Content
from ansible_collections.holdfast.persistence.plugins.module_utils.trees._copying import Size
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import Definition, Volume

PLAIN = Definition("local", {}, {})
LABELLED = Definition("local", {}, {"tier": "warm", "holdfast.uuid": "u"})
BIND = Definition("local", {"type": "none", "device": "/srv/data", "o": "bind"}, {})
NFS = Definition("local", {"type": "nfs", "device": ":/srv", "o": "addr=192.0.2.1,password=secret"}, {})
OTHER_NFS = Definition("local", {"type": "nfs", "device": ":/srv", "o": "addr=192.0.2.2"}, {})
SIZED = Definition("local", {"size": "1g"}, {})
FOREIGN = Definition("sshfs", {"sshcmd": "you@192.0.2.1:/data"}, {})
TMPFS = Definition("local", {"type": "tmpfs", "device": "tmpfs"}, {})
HELD = Content(files=1204, size=3_100_000_000)
DB = User("1" * 64, "db", "running", patience=30)
WEB = User("2" * 64, "web", "running")
IDLE = User("3" * 64, "idle", "exited")


def volume(definition: Definition = PLAIN, content: Content = HELD) -> Volume:
    return Volume(
        "pgdata",
        definition.driver,
        definition.driver_options,
        definition.labels,
        "/var/lib/docker/volumes/pgdata/_data",
        "",
        content=content,
    )


def sentences(wanted: Definition, *users: User, old: Definition = PLAIN, quiesce: str = "stop") -> list[str]:
    facts = Facts(users, size=Size(1204, 3_100_000_000))
    return [action.sentence for action in actions(wanted, volume(old), facts, quiesce, "migrate")]


def subvolume(name: str) -> Definition:
    return Definition("local", {"type": "btrfs", "device": "/dev/vdb", "o": f"subvol={name}"}, {})


@pytest.mark.parametrize(
    ("old", "new", "data", "way"),
    [
        (PLAIN, LABELLED, "migrate", MOVE),
        (PLAIN, BIND, "migrate", STAGE_NEW),
        (PLAIN, NFS, "migrate", STAGE_NEW),
        (PLAIN, BIND, "keep_in_place", POINT),
        (PLAIN, SIZED, "migrate", STAGE_TWICE),
        (SIZED, PLAIN, "migrate", STAGE_PLAIN),
        (PLAIN, FOREIGN, "migrate", STAGE_TWICE),
        (FOREIGN, PLAIN, "migrate", STAGE_PLAIN),
        (FOREIGN, replace(FOREIGN, labels={"a": "b"}), "migrate", STAGE_TWICE),
        (BIND, PLAIN, "migrate", STAGE_PLAIN),
        (BIND, replace(BIND, labels={"a": "b"}), "migrate", POINT),
        (NFS, replace(NFS, driver_options={**NFS.driver_options, "o": "addr=192.0.2.1,ro"}), "migrate", POINT),
        (NFS, OTHER_NFS, "migrate", STAGE_NEW),
        (BIND, NFS, "migrate", STAGE_NEW),
        (subvolume("a"), subvolume("b"), "migrate", STAGE_NEW),
        (
            NFS,
            replace(NFS, driver_options={**NFS.driver_options, "o": "addr=192.0.2.1,port=2050"}),
            "migrate",
            STAGE_NEW,
        ),
    ],
)
def test_the_way_follows_from_both_definitions(old: Definition, new: Definition, data: str, way: str) -> None:
    assert strategy(old, new, data) == way


def test_other_labels_move_the_data_without_a_copy() -> None:
    swap = "swap: remove volume pgdata, create volume pgdata with driver local, labels tier=warm, and move its data"
    assert sentences(LABELLED) == [
        "create volume pgdata.holdfast-staging with driver local",
        f"{swap} into it by a rename",
        "remove volume pgdata.holdfast-staging",
    ]


def test_another_place_is_copied_to_compared_and_swapped_around_the_containers() -> None:
    found = sentences(BIND, WEB, IDLE, replace(DB, written=12))
    removed = "swap: remove container web, container idle, container db, volume pgdata"
    told = "driver local, options type=none, device=/srv/data, o=bind"
    assert found == [
        f"create volume pgdata.holdfast-staging with {told}",
        "stop container web (up to 10 s)",
        "stop container db (up to 30 s)",
        "keep 12 paths that container db wrote to its own layer",
        "copy 1,204 files (3.1 GB) from pgdata to pgdata.holdfast-staging",
        "compare pgdata and pgdata.holdfast-staging by content",
        f"{removed}, create volume pgdata with {told}, which shows the copy",
        "create container db again and start it",
        "create container idle again",
        "create container web again and start it",
        "remove volume pgdata.holdfast-staging",
    ]


def test_a_layer_is_kept_as_soon_as_its_container_is_down() -> None:
    verbs = [step.verb for step in actions(BIND, volume(), Facts((replace(WEB, written=1), DB)), "stop", "migrate")]
    assert verbs[1:4] == [STOP_ONE, KEEP, STOP_ONE]


def test_what_lies_at_the_old_device_stays_there() -> None:
    assert any(step.endswith("; what lies at /srv/data stays there") for step in sentences(PLAIN, old=BIND))


def test_a_paused_container_is_paused_again() -> None:
    assert "create container db again, start it and pause it" in sentences(LABELLED, replace(DB, state="paused"))


def test_secrets_are_in_no_sentence_and_in_no_details() -> None:
    facts = Facts((DB,))
    steps = actions(NFS, volume(), facts, "stop", "migrate")
    assert not [step for step in steps if "secret" in step.sentence or "secret" in str(step.details)]


def test_every_step_has_a_verb_of_its_own_kind() -> None:
    assert {step.verb for step in actions(BIND, volume(), Facts((DB,)), "stop", "migrate")} < set(VERBS)


def test_a_move_and_a_copy_destroy_nothing() -> None:
    for wanted in (LABELLED, BIND, FOREIGN):
        assert not [step for step in actions(wanted, volume(), Facts(), "fail", "migrate") if step.destroys]


def test_data_kept_in_place_loses_what_the_plain_volume_holds() -> None:
    lost = [step.destroys for step in actions(BIND, volume(), Facts(), "fail", "keep_in_place") if step.destroys]
    assert lost == ["1,204 files (3.1 GB)"]
    steps = actions(OTHER_NFS, volume(NFS), Facts(), "fail", "keep_in_place")
    assert not [step for step in steps if step.destroys], "it stays on its server"
    assert not [
        step for step in actions(BIND, volume(content=Content()), Facts(), "fail", "keep_in_place") if step.destroys
    ]


@pytest.mark.parametrize(
    ("old", "wanted", "facts", "quiesce", "data", "told"),
    [
        (PLAIN, BIND, Facts((WEB, DB)), "fail", "migrate", "web, db run. Set quiesce: stop"),
        (PLAIN, BIND, Facts((DB,)), "pause", "migrate", "with quiesce: pause: db would have to be created again"),
        (PLAIN, BIND, Facts(is_local=False), "stop", "migrate", "lies on the host behind docker_host"),
        (
            PLAIN,
            BIND,
            Facts(target=Content(files=2, size=9)),
            "stop",
            "migrate",
            "/srv/data is not empty, it holds 2 f",
        ),
        (PLAIN, TMPFS, Facts(), "stop", "migrate", "the new definition is memory"),
        (TMPFS, PLAIN, Facts(), "stop", "migrate", "it is memory (type: tmpfs)"),
        (BIND, PLAIN, Facts(), "stop", "keep_in_place", "names no device"),
        (PLAIN, BIND, Facts((replace(DB, service="db"),)), "stop", "migrate", "docker service scale db=0"),
        (PLAIN, BIND, Facts((replace(DB, removes_itself=True),)), "stop", "migrate", "started with --rm"),
        (
            PLAIN,
            BIND,
            Facts((replace(IDLE, obstacle="its image x is gone."),)),
            "stop",
            "migrate",
            "its image x is gone",
        ),
        (PLAIN, BIND, Facts(binders=("backup",)), "stop", "migrate", "backup binds its directory"),
    ],
)
def test_what_must_not_or_cannot_be_migrated_is_refused(
    old: Definition, wanted: Definition, facts: Facts, quiesce: str, data: str, told: str
) -> None:
    with pytest.raises(Problem) as raised:
        actions(wanted, volume(old), facts, quiesce, data)
    assert str(raised.value).startswith("volume pgdata: cannot be migrated")
    assert told in str(raised.value)


@pytest.mark.parametrize("device", ["/var/lib/docker/volumes/pgdata/_data", "/var/lib/docker/volumes/pgdata/x", "/var"])
def test_a_device_in_the_folder_that_goes_is_refused(device: str) -> None:
    wanted = Definition("local", {"type": "none", "o": "bind", "device": device}, {})
    with pytest.raises(Problem, match="lie in one another"):
        actions(wanted, volume(), Facts(), "stop", "migrate")


def test_containers_that_are_down_need_no_quiesce() -> None:
    assert "create container idle again" in sentences(LABELLED, IDLE, quiesce="fail")


def test_what_a_restore_kept_beside_the_data_moves_along_and_is_lost_by_no_copy() -> None:
    beside = volume(content=replace(HELD, beside=("3 files (1 B) in /x/_data.before-1",)))
    assert actions(LABELLED, beside, Facts(), "stop", "migrate")
    with pytest.raises(Problem, match=r"what a restore kept beside its data: 3 files \(1 B\) in /x/_data.before-1"):
        actions(BIND, beside, Facts(), "stop", "migrate")


def test_deleted_paths_come_back_with_a_warning() -> None:
    facts = Facts((replace(DB, deleted=("/a", "/b", "/c", "/d", "/e", "/f")),))
    (told,) = warnings("pgdata", facts)
    assert told.startswith("volume pgdata: container db deleted /a, /b, /c, /d, /e and 1 more of its image, and will")


def journal(phase: str, **changes: Any) -> Journal:
    inspect: dict[str, Any] = {}
    containers = [Held(WEB.id, "web", "running", inspect), Held(IDLE.id, "idle", "exited", inspect)]
    return Journal(
        "pgdata", **{"strategy": STAGE_NEW, "old": PLAIN, "new": BIND, "containers": containers, **changes}, phase=phase
    )


def test_what_is_not_proved_is_undone() -> None:
    (step,) = resumption(journal("begun"))
    assert step.sentence == (
        "undo the interrupted migration of volume pgdata: start web again and remove volume pgdata.holdfast-staging"
    )


@pytest.mark.parametrize("phase", PHASES[1:])
def test_what_is_proved_is_finished(phase: str) -> None:
    found = [step.sentence for step in resumption(journal(phase))]
    assert found[-3:] == [
        "create container idle again",
        "create container web again and start it",
        "remove volume pgdata.holdfast-staging",
    ]
    swap = [step for step in found if step.startswith("finish the interrupted migration of volume pgdata: ")]
    assert len(swap) == (0 if phase == "recreating" else 1)


def test_containers_that_are_back_are_left_alone() -> None:
    interrupted = journal("recreating")
    interrupted.containers[1].is_back = True
    assert [step.details.get("container") for step in resumption(interrupted)] == ["web", None]


def test_what_does_not_fit_is_refused_after_what_matters_more() -> None:
    with pytest.raises(Problem, match="the copy needs"):
        actions(BIND, volume(), Facts(obstacle="volume pgdata: the copy needs 2 MiB"), "stop", "migrate")
    with pytest.raises(Problem, match="Set quiesce: stop"):
        actions(BIND, volume(), Facts((DB,), obstacle="volume pgdata: the copy needs 2 MiB"), "fail", "migrate")
