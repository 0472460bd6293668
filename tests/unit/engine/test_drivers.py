# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A driver's silence is not "there is none", and it costs its time once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.engine import _drivers
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._drivers import Drivers, Silent, check_driver
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

BROKEN = 'list nas: Post "http://nas.sock/VolumeDriver.List": context deadline exceeded'


class Docker:
    """Answers as it is told to, and remembers what it was asked."""

    is_local = True

    def __init__(
        self,
        known: Mapping[str, Any] | None = None,
        listed: Mapping[str, str] | None = None,
        warnings: tuple[str, ...] = (),
        refusal: Problem | None = None,
    ) -> None:
        self.known = known or {}
        self.listed, self.warnings, self.refusal = listed or {}, warnings, refusal
        self.asked: list[str] = []

    def volume(self, name: str) -> Mapping[str, Any] | None:
        self.asked.append(name)
        found = self.known.get(name)
        if isinstance(found, Problem):
            raise found
        return None if found is None else dict(found)

    def volumes(self, driver: str = "") -> tuple[Sequence[Mapping[str, Any]], tuple[str, ...]]:
        self.asked.append(f"list {driver}".rstrip())
        if self.refusal:
            raise self.refusal
        return [{"Name": name, "Driver": driver} for name, driver in self.listed.items()], self.warnings


@pytest.fixture(autouse=True)
def culprits(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    found: dict[str, str] = {}
    monkeypatch.setattr(_drivers, "silent", lambda: found)
    monkeypatch.setattr(_drivers, "addresses", dict)
    return found


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are other drivers than the local one on this host."""
    monkeypatch.setattr(_drivers, "addresses", lambda: {"nas": "/run/docker/plugins/nas.sock"})


def test_what_is_there_costs_one_question() -> None:
    docker = Docker({"app": {"Name": "app", "Driver": "nas"}})
    assert Drivers(docker).volume("app", None) == {"Name": "app", "Driver": "nas"}
    assert docker.asked == ["app"]


def test_what_is_not_there_is_confirmed_once_for_all() -> None:
    docker = Docker()
    drivers = Drivers(docker)
    assert [drivers.volume(name, None) for name in ("a", "b")] == [None, None]
    assert docker.asked == ["a", "list", "b"]


def test_the_local_driver_needs_no_confirmation() -> None:
    docker = Docker(warnings=(BROKEN,))
    assert Drivers(docker).volume("app", "local") is None
    assert docker.asked == ["app"]


@pytest.mark.parametrize(("driver", "advice"), [(None, True), ("nas", False)])
def test_a_list_with_warnings_proves_no_absence(driver: str | None, advice: bool) -> None:
    docker = Docker(warnings=(BROKEN,))
    with pytest.raises(Problem) as refused:
        Drivers(docker).volume("app", driver)
    message = str(refused.value)
    assert message.startswith("volume app: it is not known whether it is there: the volume driver nas does not answer")
    assert "context deadline exceeded. Look into the driver's own log" in message
    assert ("set driver: local" in message) == advice


def test_a_volume_that_is_listed_and_not_given_is_not_absent() -> None:
    with pytest.raises(Problem, match="the volume driver nas lists it, and does not give it"):
        Drivers(Docker(listed={"app": "nas"})).volume("app", "nas")


def test_silence_is_named_and_paid_once(culprits: dict[str, str]) -> None:
    culprits["nas"] = "no answer to the handshake within 5 s"
    docker = Docker({"app": Silent("Docker did not answer in time."), "other": {"Name": "other", "Driver": "local"}})
    drivers = Drivers(docker)
    for name in ("app", "other"):
        with pytest.raises(Problem) as refused:
            drivers.volume(name, "nas")
        assert f"volume {name}: it is not known whether it is there" in str(refused.value)
        assert "Docker waits for the volume driver nas (no answer to the handshake within 5 s)" in str(refused.value)
    assert drivers.volume("other", "local") is not None
    assert docker.asked == ["app", "other"]


def test_the_local_drivers_own_are_told_in_spite_of_a_silent_one() -> None:
    docker = Docker(
        {"new": Silent("Docker did not answer in time."), "app": {"Name": "app", "Driver": "local"}}, {"app": "local"}
    )
    drivers = Drivers(docker)
    for name in ("new", "newer"):
        with pytest.raises(Problem, match=f"volume {name}: it is not known"):
            drivers.volume(name, None)
    assert drivers.volume("app", None) is not None
    assert docker.asked == ["new", "list local", "app"]


def test_a_driver_that_docker_cannot_reach_is_asked_once() -> None:
    refusal = Problem('Docker refused: error while checking if volume "a" exists in driver "nas": connection refused.')
    docker = Docker({"a": refusal, "b": {"Name": "b", "Driver": "nas"}, "c": Problem("Docker refused: bad name.")})
    drivers = Drivers(docker)
    for name in ("c", "a", "b"):
        with pytest.raises(Problem, match="Nothing was done to it"):
            drivers.volume(name, "nas")
    assert docker.asked == ["c", "a"]


@pytest.mark.parametrize(
    ("driver", "words"),
    [("nas", "It may wait for the volume driver nas."), (None, "It may wait for one of its volume drivers.")],
)
def test_silence_without_a_culprit(driver: str | None, words: str) -> None:
    with pytest.raises(Problem, match=words):
        Drivers(Docker({"app": Silent("Docker did not answer in time.")})).volume("app", driver)


def test_a_driver_that_is_to_take_over_has_to_answer() -> None:
    docker = Docker({"app": {"Name": "app", "Driver": "local"}}, warnings=(BROKEN,))
    assert Drivers(docker).volume("app", None) is not None
    assert Drivers(docker).volume("app", "local") is not None
    with pytest.raises(Problem, match="the volume driver nas does not answer"):
        Drivers(docker).volume("app", "nas")


@pytest.mark.usefixtures("plugins")
def test_what_went_wrong_names_the_driver() -> None:
    drivers = Drivers(Docker())
    silence = Silent("Docker did not answer in time.")
    assert "the volume driver sshfs." in str(drivers.named(silence, "sshfs"))
    assert "one of its volume drivers (nas)." in str(drivers.named(silence, "local"))
    refusal = Problem("Docker refused.")
    assert drivers.named(refusal, "sshfs") is refusal


def test_a_driver_is_checked_once() -> None:
    docker = Docker(refusal=Silent("Docker did not answer in time."))
    drivers = Drivers(docker)
    drivers.check("local")
    for _again in range(2):
        with pytest.raises(Problem, match="It may wait for the volume driver nas"):
            drivers.check("nas")
    assert docker.asked == ["list nas"]


def test_a_driver_with_an_error_of_its_own() -> None:
    with pytest.raises(Problem, match="the volume driver nas does not answer as it should"):
        check_driver(Docker(warnings=(BROKEN,)), "nas")
    with pytest.raises(Problem, match=r"^something else\. Look into"):
        check_driver(Docker(warnings=("something else",)), "nas")


def test_a_refusal_to_list_proves_no_absence() -> None:
    with pytest.raises(Problem, match="volume app: it is not known whether it is there: Docker refused"):
        Drivers(Docker(refusal=Problem("Docker refused."))).volume("app", None)


@pytest.mark.usefixtures("plugins")
@pytest.mark.parametrize("driver", [None, "nas"])
def test_a_driver_out_of_order_is_not_asked_for_a_single_volume(driver: str | None) -> None:
    docker = Docker({"app": {"Name": "app", "Driver": "nas"}}, {"app": "nas"}, (BROKEN,))
    with pytest.raises(
        Problem, match=r"volume app: it is not known .* the volume driver nas does not answer"
    ) as refused:
        Drivers(docker).volume("app", driver)
    assert docker.asked == [f"list {driver or ''}".rstrip()]
    assert "driver: local" not in str(refused.value)


@pytest.mark.usefixtures("plugins")
def test_the_volumes_of_other_drivers_are_told_then() -> None:
    known = {"app": {"Name": "app", "Driver": "local"}, "far": {"Name": "far", "Driver": "sshfs"}}
    docker = Docker(known, {"app": "local", "far": "sshfs", "lost": "nas"}, (BROKEN,))
    drivers = Drivers(docker)
    assert [drivers.volume(name, None) for name in known] == list(known.values())
    with pytest.raises(Problem, match="set driver: local"):
        drivers.volume("new", None)
    assert drivers.volume("new", "local") is None
    assert docker.asked == ["list", "app", "far"]


@pytest.mark.usefixtures("plugins")
def test_a_list_that_does_not_come_leaves_the_local_driver() -> None:
    class Hanging(Docker):
        def volumes(self, driver: str = "") -> tuple[Sequence[Mapping[str, Any]], tuple[str, ...]]:
            self.refusal = None if driver == "local" else Silent("Docker did not answer in time.")
            return super().volumes(driver)

    docker = Hanging({"app": {"Name": "app", "Driver": "local"}}, {"app": "local"})
    drivers = Drivers(docker)
    assert drivers.volume("app", None) is not None
    for _again in range(2):
        with pytest.raises(Problem, match="volume far: it is not known"):
            drivers.volume("far", None)
    assert drivers.volume("app", "local") is not None
    assert drivers.volume("far", "local") is None
    assert docker.asked == ["list", "list local", "app", "app"]


@pytest.mark.usefixtures("plugins")
def test_another_drivers_volume_of_the_name_is_told() -> None:
    docker = Docker({"app": {"Name": "app", "Driver": "nas"}}, {"app": "nas"})
    assert Drivers(docker).volume("app", "local") == {"Name": "app", "Driver": "nas"}
    docker.warnings = (BROKEN,)
    with pytest.raises(Problem, match="the volume driver nas does not answer"):
        Drivers(docker).volume("app", "local")


@pytest.mark.usefixtures("plugins")
def test_a_docker_that_lists_nothing_still_gives_what_it_knows() -> None:
    silence = Silent("Docker did not answer in time.")
    docker = Docker({"app": {"Name": "app", "Driver": "local"}, "new": silence, "far": silence}, refusal=silence)
    drivers = Drivers(docker)
    assert drivers.volume("app", None) is not None
    assert drivers.volume("app", "local") is not None
    for name, driver in (("far", "nas"), ("new", None), ("newer", None), ("new", "local"), ("newer", "local")):
        with pytest.raises(Problem, match=f"volume {name}: it is not known whether it is there: Docker did not answer"):
            drivers.volume(name, driver)
    assert docker.asked == ["list", "list local", "app", "app", "list nas", "new", "new"]
