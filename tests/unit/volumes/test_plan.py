# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done about a volume, as tables, and the promises that hold for every volume, as properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Plan
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._docker import Consumer
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.trees._content import Content
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._plan import drift, needs_content, plan
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._provenance import UNREADABLE, Provenance
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import (
    OPTIONS,
    UUID_LABEL,
    Desired,
    Volume,
    definition,
    desire,
    hidden,
    observed,
)
from hypothesis import assume, given, strategies as some

EMPTY = Content()
DATA = Content(files=1204, folders=3, size=3_100_000_000)
UNKNOWN = Content(unknown="the driver cloud keeps it")
NFS = {"type": "nfs", "device": ":/srv/a", "o": "addr=a,soft"}


def volume(**changes: Any) -> Volume:
    there = Volume("pgdata", "local", {}, {UUID_LABEL: "u-1"}, "/v/pgdata/_data", "2026-03-01T02:00:00Z", content=EMPTY)
    return replace(there, **changes)


def item(**changes: Any) -> dict[str, Any]:
    options = {name: option.get("default") for name, option in OPTIONS.items()}
    return {"name": "pgdata", **options, **changes}


def sentences(made: Plan) -> list[str]:
    return [action.sentence for action in made.actions]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Desired("pgdata")),
        ({"driver_options": {}, "labels": {}}, Desired("pgdata", driver_options={}, labels={})),
        (
            {"driver": "cloud", "driver_options": {"replicas": 3, "ratio": 0.5, "thin": True}},
            Desired("pgdata", "cloud", {"replicas": "3", "ratio": "0.5", "thin": "true"}),
        ),
        ({"labels": {"backup": False, 7: "x"}}, Desired("pgdata", labels={"backup": "false", "7": "x"})),
        ({"state": "absent", "on_drift": "warn"}, Desired("pgdata", on_drift="warn", present=False)),
        ({"name": "some/where:x", "driver": "cloud"}, Desired("some/where:x", "cloud")),
        ({"recreate": "never"}, Desired("pgdata", on_drift="warn")),
        ({"recreate": "options-changed"}, Desired("pgdata", on_drift="recreate")),
        ({"recreate": "always"}, Desired("pgdata", on_drift="recreate", always_anew=True)),
        ({"protected": True, "confirm": "u-1"}, Desired("pgdata", protected=True, confirm="u-1")),
    ],
)
def test_desire(given: Mapping[str, Any], expected: Desired) -> None:
    assert desire(item(**given)) == expected


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"name": "x"}, "volume x: name: 'x' is no name for a volume."),
        ({"name": "-data"}, "volume -data: name: '-data' is no name"),
        ({"name": "a b"}, "volume a b: name: 'a b' is no name"),
        ({"name": "data\n"}, "is no name"),
        (
            {"labels": {"holdfast.uuid": "mine"}},
            "volume pgdata: labels.holdfast.uuid: labels that begin with holdfast.",
        ),
        ({"labels": {"a": None}}, "volume pgdata: labels.a: is null, Docker takes a string."),
        ({"labels": {"a": ["b"]}}, "volume pgdata: labels.a: is a list, Docker takes a string."),
        ({"driver_options": {"o": {"addr": "a"}}}, "volume pgdata: driver_options.o: is a dictionary"),
        ({"driver_options": {"server": "a"}}, "volume pgdata: driver_options.server: the local driver knows type, o,"),
        (
            {"driver_options": {"o": "addr=a"}},
            "driver_options.o: the local driver takes it only together with device and",
        ),
        ({"recreate": "never", "on_drift": "recreate"}, "volume pgdata: recreate: never and on_drift: recreate say"),
        ({"driver": "local", "driver_options": {"type": "nfs"}}, "driver_options.type: the local driver takes it only"),
    ],
)
def test_bad_input_is_refused_with_object_and_value(given: Mapping[str, Any], told: str) -> None:
    with pytest.raises(Problem) as problem:
        desire(item(**given))
    assert told in str(problem.value)


def test_null_options_and_labels_of_docker_are_none() -> None:
    answer = {"Name": "a", "Driver": "local", "Options": None, "Labels": None, "Mountpoint": "/m"}
    assert observed(answer) == Volume("a", "local", {}, {}, "/m", "")
    assert drift(Desired("a", driver_options={}, labels={}), observed(answer)) == []


@pytest.mark.parametrize(
    ("desired", "there", "told"),
    [
        ({}, {}, []),
        ({}, {"driver": "cloud", "driver_options": {"a": "1"}, "labels": {"a": "1"}}, []),
        ({"driver": "local"}, {}, []),
        ({"driver": "local"}, {"driver": "cloud"}, ["driver differs ('cloud' → 'local')"]),
        ({"driver_options": {}}, {"driver_options": NFS}, [
            "driver_options differ (device: ':/srv/a' → unset, o: 'addr=a,soft' → unset, type: 'nfs' → unset)"
        ]),
        ({"driver_options": {**NFS, "o": "addr=b,soft"}}, {"driver_options": NFS}, [
            "driver_options differ (o: 'addr=a' → 'addr=b')"
        ]),
        ({"driver_options": {**NFS, "o": " soft , addr=a,"}}, {"driver_options": NFS}, []),
        ({"driver_options": {**NFS, "o": "addr=a"}}, {"driver_options": NFS}, [
            "driver_options differ (o: 'soft' removed)"
        ]),
        ({"driver_options": {**NFS, "o": "addr=a,soft,ro"}}, {"driver_options": NFS}, [
            "driver_options differ (o: 'ro' added)"
        ]),
        ({"driver_options": {"size": "2G"}}, {"driver_options": {"size": "1G"}}, [
            "driver_options differ (size: '1G' → '2G')"
        ]),
        ({"labels": {"a": "1", "b": "2"}}, {"labels": {"a": "0", "c": "3"}}, [
            "labels differ (a: '0' → '1', b: unset → '2', c: '3' → unset)"
        ]),
        ({"labels": {}}, {"labels": {UUID_LABEL: "u", "com.docker.compose.project": "shop"}}, []),
        ({"labels": {"com.docker.x": "2"}}, {"labels": {"com.docker.x": "1", "com.docker.y": "1"}}, [
            "labels differ (com.docker.x: '1' → '2')"
        ]),
        ({"driver": "cloud", "labels": {"a": "1"}}, {}, [
            "driver differs ('local' → 'cloud')", "labels differ (a: unset → '1')"
        ]),
    ],
)  # fmt: skip
def test_drift(desired: Mapping[str, Any], there: Mapping[str, Any], told: list[str]) -> None:
    assert drift(Desired("pgdata", **desired), volume(**there)) == told


@pytest.mark.parametrize(
    ("desired", "done"),
    [
        ({}, ["create volume pgdata with driver local"]),
        ({"driver": "cloud"}, ["create volume pgdata with driver cloud"]),
        (
            {"driver_options": {"type": "cifs", "device": "//nas/a", "o": "user=u,password=geheim"}},
            ["create volume pgdata with driver local (type=cifs, device=//nas/a, o=user=u,password=********)"],
        ),
        ({"present": False}, []),
    ],
)
def test_a_missing_volume(desired: Mapping[str, Any], done: list[str]) -> None:
    made = plan(Desired("pgdata", **desired), None)
    assert sentences(made) == done
    assert made.before is None
    assert not any(action.destroys for action in made.actions)


def test_what_only_the_creation_decides_is_null_in_the_prediction() -> None:
    made = plan(Desired("pgdata", labels={"a": "1"}), None)
    assert made.after == {
        "name": "pgdata", "driver": "local", "driver_options": {}, "labels": {"a": "1"},
        "mountpoint": None, "uuid": None, "created": None, "protected": False, "seeded": None,
        "adopted": None, "hydrated": None, "persistent": True, "consumers": [],
    }  # fmt: skip


def test_an_unchanged_volume_is_shown_as_it_is() -> None:
    users = (Consumer("0f3c", "db", "running"),)
    made = plan(Desired("pgdata", labels={"a": "1"}), volume(labels={"a": "1", UUID_LABEL: "u-1"}, consumers=users))
    assert made.actions == ()
    assert made.before == made.after == {
        "name": "pgdata", "driver": "local", "driver_options": {}, "labels": {"a": "1"},
        "mountpoint": "/v/pgdata/_data", "uuid": "u-1", "created": "2026-03-01T02:00:00Z", "protected": False,
        "seeded": None, "adopted": None, "hydrated": None, "persistent": True,
        "consumers": [{"id": "0f3c", "name": "db", "state": "running"}],
    }  # fmt: skip


def test_a_volume_of_others_is_accepted_as_it_is() -> None:
    made = plan(Desired("pgdata", driver_options={}, labels={}), volume(labels={}))
    assert made.actions == ()
    assert made.after is not None
    assert made.after["uuid"] is None


@pytest.mark.parametrize(
    ("options", "content", "told"),
    [
        (
            {"o": "addr=a,soft"},
            DATA,
            "and it holds 1,204 files (3.1 GB). Set on_drift: migrate to change it and keep its data, on_drift: r",
        ),
        ({"o": "addr=a,soft"}, EMPTY, "and it is empty. Set on_drift: recreate to create it anew, or on_drift: warn"),
        (NFS, EMPTY, "and its data lies at :/srv/a. Set on_drift: migrate to take its data along, on_drift: recreate"),
        (
            {"o": "addr=a,soft"},
            UNKNOWN,
            "and it holds data that cannot be counted (the driver cloud keeps it). Set on_drift: migrate to",
        ),
    ],
)
def test_drift_fails_by_default_and_says_what_the_volume_holds(
    options: Mapping[str, str], content: Content, told: str
) -> None:
    there = volume(driver_options=options, content=content)
    with pytest.raises(Problem) as problem:
        plan(Desired("pgdata", driver_options={**options, "o": "addr=b,soft"}), there)
    assert str(problem.value).startswith(f"volume pgdata: driver_options differ (o: 'addr=a' → 'addr=b') {told}")


def test_drift_may_be_left_with_a_warning() -> None:
    made = plan(Desired("pgdata", labels={"a": "1"}, on_drift="warn"), volume(content=DATA))
    assert made.actions == ()
    assert made.before == made.after
    assert made.warnings == ("volume pgdata: labels differ (a: unset → '1'). It is left as it is (on_drift: warn).",)


@pytest.mark.parametrize(
    ("content", "destroys"), [(EMPTY, ""), (DATA, "1,204 files (3.1 GB)"), (UNKNOWN, str(UNKNOWN))]
)
def test_recreate_and_removal_destroy_what_the_volume_holds(content: Content, destroys: str) -> None:
    there = volume(content=content)
    again = plan(Desired("pgdata", labels={"a": "1"}, on_drift="recreate"), there)
    assert sentences(again) == [
        "remove volume pgdata because labels differ (a: unset → '1')",
        "create volume pgdata with driver local",
    ]
    assert [action.destroys for action in again.actions] == [destroys, ""]
    assert again.after is not None
    assert again.after["uuid"] is None
    absent = plan(Desired("pgdata", present=False), there)
    assert [(action.sentence, action.destroys) for action in absent.actions] == [("remove volume pgdata", destroys)]
    assert absent.after is None


def test_what_would_be_lost_is_told_with_its_backup() -> None:
    there = volume(content=DATA, backup="last backed up 3 h ago by job db")
    (removal,) = plan(Desired("pgdata", present=False), there).actions
    assert removal.destroys == "1,204 files (3.1 GB), last backed up 3 h ago by job db,"


def test_always_creates_anew_once_in_a_call() -> None:
    always = Desired("pgdata", on_drift="recreate", always_anew=True)
    assert sentences(plan(always, volume(content=DATA))) == [
        "remove volume pgdata because recreate is always",
        "create volume pgdata with driver local",
    ]
    assert plan(always, volume(is_fresh=True)).actions == ()


@pytest.mark.parametrize("content", [EMPTY, DATA, UNKNOWN])
@pytest.mark.parametrize("desired", [{"present": False}, {"labels": {"a": "1"}, "on_drift": "recreate"}])
def test_a_protected_volume_goes_only_by_its_uuid(content: Content, desired: Mapping[str, Any]) -> None:
    there = volume(content=content, provenance=Provenance("u-1", protected=True))
    for confirm in (None, "", "u-2", "pgdata"):
        with pytest.raises(Problem, match=r"it is protected and holds .*Set confirm: u-1 for this"):
            plan(Desired("pgdata", confirm=confirm, **desired), there)
    assert plan(Desired("pgdata", confirm="u-1", **desired), there).actions[0].verb == "remove"


def test_a_volume_whose_protection_cannot_be_seen_stays() -> None:
    with pytest.raises(Problem, match=r"this user cannot see whether it is protected\. Run the task as root"):
        plan(Desired("pgdata", present=False, confirm="u-1"), volume(provenance=UNREADABLE))


@pytest.mark.parametrize(
    ("wish", "is_protected", "verbs"),
    [(None, True, []), (True, True, []), (True, False, ["protect"]), (False, True, ["unprotect"]), (False, False, [])],
)
def test_protection_is_state(wish: bool | None, is_protected: bool, verbs: list[str]) -> None:
    there = volume(provenance=Provenance("u-1", protected=is_protected))
    made = plan(Desired("pgdata", protected=wish), there)
    assert [action.verb for action in made.actions] == verbs
    assert made.after is not None
    assert made.after["protected"] is (is_protected if wish is None else wish)


def test_a_protected_volume_that_is_created_anew_stays_protected() -> None:
    there = volume(provenance=Provenance("u-1", protected=True))
    made = plan(Desired("pgdata", labels={"a": "1"}, on_drift="recreate", confirm="u-1"), there)
    assert [action.verb for action in made.actions] == ["remove", "create", "protect"]


@pytest.mark.parametrize("state", ["running", "exited", "created", "paused"])
@pytest.mark.parametrize("desired", [{"present": False}, {"labels": {"a": "1"}, "on_drift": "recreate"}])
def test_a_volume_in_use_stays_even_when_it_is_empty(state: str, desired: Mapping[str, Any]) -> None:
    there = volume(consumers=(Consumer("1", "db", state), Consumer("2", "job", "exited")))
    with pytest.raises(Problem, match=rf"volume pgdata: cannot be removed.*: db \({state}\), job \(exited\)\. Remove "):
        plan(Desired("pgdata", **desired), there)


@pytest.mark.parametrize(
    ("desired", "expected"),
    [
        ({"labels": {"a": "2"}}, ("cloud", {"size": "1G"}, {"a": "2", "com.docker.compose.project": "shop"})),
        ({"driver": "local", "driver_options": {}}, ("local", {}, {"a": "1", "com.docker.compose.project": "shop"})),
    ],
)
def test_a_recreated_volume_keeps_what_is_not_declared_but_not_the_uuid(
    desired: Mapping[str, Any], expected: tuple[Any, ...]
) -> None:
    labels = {"a": "1", UUID_LABEL: "u-1", "com.docker.compose.project": "shop"}
    wanted = definition(
        Desired("pgdata", **desired), volume(driver="cloud", driver_options={"size": "1G"}, labels=labels)
    )
    assert (wanted.driver, wanted.driver_options, wanted.labels) == expected


@pytest.mark.parametrize(
    ("there", "seen"),
    [
        ({}, True),
        ({"driver_options": {"size": "1G"}}, True),
        ({"driver_options": NFS}, False),
        ({"driver_options": {"type": "tmpfs", "device": "tmpfs"}}, False),
        ({"driver": "cloud"}, False),
    ],
)
def test_where_content_can_be_seen(there: Mapping[str, Any], seen: bool) -> None:
    assert (hidden(volume(**there)) == "") is seen


@pytest.mark.parametrize(
    ("desired", "needed"),
    [({}, False), ({"labels": {}}, False), ({"labels": {"a": "1"}}, True), ({"present": False}, True)],
)
def test_content_is_counted_only_when_the_plan_turns_on_it(desired: Mapping[str, Any], needed: bool) -> None:
    assert needs_content(Desired("pgdata", **desired), volume()) is needed


words = some.text("abcdef=.:/-", min_size=1, max_size=8)
mount_options = some.lists(words, max_size=4).map(",".join)
options = some.dictionaries(some.sampled_from(["type", "device", "size", "replicas"]), words, max_size=3)
options_with_o = some.one_of(options, some.builds(lambda given, o: {**given, "o": o}, options, mount_options))
labels = some.dictionaries(some.sampled_from(["a", "b", "com.docker.c"]), words, max_size=3)
contents = some.sampled_from([EMPTY, DATA, UNKNOWN, Content(folders=1), Content(more=True)])
volumes = some.builds(
    volume,
    driver=some.sampled_from(["local", "cloud"]),
    driver_options=options_with_o,
    labels=some.builds(lambda given, own: {**given, **own}, labels, some.sampled_from([{}, {UUID_LABEL: "u-1"}])),
    content=contents,
)
wishes = some.builds(
    Desired,
    name=some.just("pgdata"),
    driver=some.sampled_from([None, "local", "cloud"]),
    driver_options=some.none() | options_with_o,
    labels=some.none() | labels,
    on_drift=some.sampled_from(["warn", "recreate"]),
    present=some.booleans(),
)


@given(desired=wishes, there=some.none() | volumes)
def test_after_the_actions_nothing_is_left_to_do(desired: Desired, there: Volume | None) -> None:
    now = there
    for action in plan(desired, there).actions:
        if action.verb == "remove":
            now = None
        else:
            made = definition(desired, there)
            now = volume(
                driver=made.driver, driver_options=made.driver_options, labels={**made.labels, UUID_LABEL: "u-2"}
            )
    assert plan(desired, now).actions == ()


@given(desired=wishes, there=volumes)
def test_nothing_is_removed_unmarked_unless_it_is_known_to_be_empty(desired: Desired, there: Volume) -> None:
    for action in plan(desired, there).actions:
        if action.verb == "remove":
            assert bool(action.destroys) is (there.content != EMPTY)


@given(desired=wishes, there=volumes)
def test_a_volume_in_use_is_never_touched(desired: Desired, there: Volume) -> None:
    used = replace(there, consumers=(Consumer("1", "db", "exited"),))
    if desired.present and (desired.on_drift == "warn" or not drift(desired, used)):
        assert plan(desired, used).actions == ()
    else:
        with pytest.raises(Problem, match=r"db \(exited\)"):
            plan(desired, used)


@given(there=volumes, order=some.randoms())
def test_mount_options_have_no_order(there: Volume, order: Any) -> None:
    assume("o" in there.driver_options)
    shuffled = there.driver_options["o"].split(",")
    order.shuffle(shuffled)
    assert drift(Desired("pgdata", driver_options={**there.driver_options, "o": ",".join(shuffled)}), there) == []


@given(desired=wishes, there=volumes)
def test_drift_is_told_exactly_when_something_declared_differs(desired: Desired, there: Volume) -> None:
    def plain(given: Mapping[str, str]) -> dict[str, Any]:
        return {k: sorted({w.strip() for w in v.split(",")} - {""}) if k == "o" else v for k, v in given.items()}

    managed = {k: v for k, v in there.labels.items() if not k.startswith(("com.docker.", "holdfast."))}
    declared = desired.labels or {}
    same = (
        desired.driver in (None, there.driver)
        and (desired.driver_options is None or plain(desired.driver_options) == plain(there.driver_options))
        and (desired.labels is None or {**managed, **{k: there.labels.get(k) for k in declared}} == declared)
    )
    assert (drift(desired, there) == []) is same


@given(
    secret=some.text("XYZ123", min_size=4, max_size=12),
    key=some.sampled_from(["password", "pass", "credentials", "secret", "PASSWD"]),
    on_drift=some.sampled_from(["fail", "warn", "recreate"]),
)
def test_secrets_are_never_told(secret: str, key: str, on_drift: str) -> None:
    there = volume(
        driver_options={**NFS, "o": f"addr=a,{key}={secret}", "device": f"//u:{secret}@nas/a", "token": secret}
    )
    for value in (f"{secret}4", secret):
        wanted = {**there.driver_options, "o": f"addr=b,{key}={value}", "token": value}
        try:
            told = str(plan(Desired("pgdata", driver_options=wanted, on_drift=on_drift), there))
        except Problem as problem:
            told = str(problem)
        assert secret not in told
        assert "addr=b" in told
