# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes on a Docker that exists in memory only: what is asked of it, and what happens when others come between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Action
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._docker import Consumer, NotInstalled
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes import _changes, _resource
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._outlook import Observed
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._resource import VolumeResource
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import UUID_LABEL, Desired, Volume

REMOVE = Action("remove", "remove it")
CREATE = Action("create", "create it")


class Docker:
    """As much of Docker as the resource asks for, with its own way to answer a creation."""

    is_local = True

    def __init__(self, root: Path) -> None:
        self.root = root
        self.volumes_by_name: dict[str, dict[str, Any]] = {}
        self.users: dict[str, tuple[Consumer, ...]] = {}
        self.refused: list[str] = []
        self.log: list[str] = []

    def add(self, name: str, options: Mapping[str, str] | None = None, labels: Mapping[str, str] | None = None) -> Path:
        folder = self.root / name / "_data"
        folder.mkdir(parents=True)
        self.volumes_by_name[name] = {
            "Name": name,
            "Driver": "local",
            "Options": options,
            "Labels": labels,
            "Mountpoint": str(folder),
            "CreatedAt": "2026-03-01T02:00:00Z",
        }
        return folder

    def volume(self, name: str) -> Mapping[str, Any] | None:
        self.log.append(f"inspect {name}")
        if name in self.refused:
            raise Problem(f"Docker refused, while reading volume {name}: the plugin is dead.")
        return self.volumes_by_name.get(name)

    def volumes(self, driver: str = "") -> tuple[Sequence[Mapping[str, Any]], tuple[str, ...]]:
        return [volume for volume in self.volumes_by_name.values() if driver in ("", volume["Driver"])], ()

    def consumers(self, names: Sequence[str]) -> Mapping[str, tuple[Consumer, ...]]:
        self.log.append("list containers")
        return {name: self.users.get(name, ()) for name in names}

    def create_volume(
        self, name: str, driver: str, driver_options: Mapping[str, str], labels: Mapping[str, str]
    ) -> Mapping[str, Any]:
        if driver in self.refused:
            raise Problem(f"Docker refused, while creating volume {name}: no driver {driver}.")
        if name not in self.volumes_by_name:
            self.add(name, dict(driver_options), dict(labels))
        return self.volumes_by_name[name]

    @contextmanager
    def request(self, _what: str) -> Iterator[Docker]:
        """For what is asked of the SDK itself: there is no container and no volume with a label."""
        client = Mock()
        client.containers.return_value, client.volumes.return_value = [], {}
        yield client

    def remove_volume(self, name: str) -> None:
        del self.volumes_by_name[name]
        (self.root / name / "_data").rmdir()
        (self.root / name).rmdir()


class Module:
    """As much of AnsibleModule as the resource asks for."""

    params: Mapping[str, Any] = {"docker_host": "unix:///var/run/docker.sock", "_sent": None}

    def __init__(self, check_mode: bool = False) -> None:
        self.check_mode = check_mode
        self.warnings: list[str] = []

    def warn(self, warning: str) -> None:
        self.warnings.append(warning)


@pytest.fixture(autouse=True)
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    fake = Docker(tmp_path / "docker")
    monkeypatch.setattr(_resource, "Docker", lambda _params: fake)
    monkeypatch.setattr(_changes, "let_go", lambda _docker, _volume: None)
    monkeypatch.setattr(_paths, "STATE", tmp_path / "holdfast")
    monkeypatch.setattr(_paths, "JOBS", tmp_path / "jobs")
    return fake


@pytest.fixture
def resource() -> VolumeResource:
    module: Any = Module()
    return VolumeResource(module)


def seen(resource: VolumeResource, desired: Desired) -> Volume:
    (observed,) = resource.observe([desired])
    assert isinstance(observed, Observed)
    assert observed.volume is not None
    return observed.volume


def test_one_list_of_containers_and_one_inspect_each(docker: Docker, resource: VolumeResource) -> None:
    docker.add("a")
    docker.users["a"] = (Consumer("1", "db", "running"),)
    there, missing = resource.observe([Desired("a"), Desired("b")])
    assert isinstance(there, Observed)
    assert there.volume is not None
    assert there.volume.consumers == docker.users["a"]
    assert missing == Observed()
    assert docker.log == ["list containers", "inspect a", "inspect b"]


def test_an_empty_list_needs_no_docker(docker: Docker, resource: VolumeResource) -> None:
    assert resource.observe([]) == []
    assert docker.log == []


def test_a_volume_that_cannot_be_read_does_not_keep_the_others_back(docker: Docker, resource: VolumeResource) -> None:
    docker.refused.append("a")
    bad, good = resource.observe([Desired("a"), Desired("b")])
    assert isinstance(bad, Problem)
    assert good == Observed()


def test_content_is_counted_where_it_matters_only(docker: Docker, resource: VolumeResource) -> None:
    (docker.add("a") / "file").write_bytes(b"12345")
    assert str(seen(resource, Desired("a", present=False)).content) == "1 file (5 B)"
    assert str(seen(resource, Desired("a", labels={"x": "y"})).content) == "1 file (5 B)"
    assert seen(resource, Desired("a", labels={})).content.unknown == "nobody looked"


def test_what_a_restore_kept_beside_the_data_is_content(docker: Docker, resource: VolumeResource) -> None:
    folder = docker.add("a")
    (folder.parent / "opts.json").write_text("{}")
    (folder.parent / "_data.before-empty").mkdir()
    assert seen(resource, Desired("a", present=False)).content.is_empty
    kept = folder.parent / "_data.before-20260102T030405Z"
    kept.mkdir()
    (kept / "file").write_bytes(b"12345")
    volume = seen(resource, Desired("a", present=False))
    (removal,) = resource.plan(Desired("a", present=False), Observed(volume)).actions
    assert removal.destroys == f"1 file (5 B) in {kept}, never backed up by a job of this host,"
    with pytest.raises(Problem, match=r"was not removed: .* now holds 1 file \(5 B\) in .*_data\.before-2026"):
        resource.apply(Desired("a", present=False), REMOVE)
    (folder / "own").write_bytes(b"1")
    assert str(seen(resource, Desired("a", present=False)).content) == f"1 file (1 B) and 1 file (5 B) in {kept}"


def test_what_lies_elsewhere_does_not_go_with_the_volume(docker: Docker, resource: VolumeResource) -> None:
    docker.add("nfs", {"type": "nfs", "device": ":/a", "o": "addr=a"})
    assert seen(resource, Desired("nfs", present=False)).content.is_empty


def test_what_lies_on_another_host_is_not_empty(docker: Docker, resource: VolumeResource) -> None:
    docker.add("a")
    docker.is_local = False
    assert not seen(resource, Desired("a", present=False)).content.is_empty


def test_a_created_volume_has_a_uuid_of_its_own(docker: Docker, resource: VolumeResource) -> None:
    resource.observe([Desired("a"), Desired("b")])
    resource.apply(Desired("a"), CREATE)
    resource.apply(Desired("b", labels={"x": "y"}), CREATE)
    uuids = {docker.volumes_by_name[name]["Labels"][UUID_LABEL] for name in ("a", "b")}
    assert len(uuids) == 2
    assert docker.volumes_by_name["b"]["Labels"]["x"] == "y"


def test_a_volume_that_somebody_else_created_meanwhile_is_not_taken_for_ours(
    docker: Docker, resource: VolumeResource
) -> None:
    resource.observe([Desired("a")])
    docker.add("a", labels={"holdfast.uuid": "theirs"})
    with pytest.raises(Problem, match="volume a: was not created: somebody else created a volume of this name"):
        resource.apply(Desired("a"), CREATE)


def test_a_volume_that_filled_since_the_plan_is_not_removed(docker: Docker, resource: VolumeResource) -> None:
    folder = docker.add("a")
    assert seen(resource, Desired("a", present=False)).content.is_empty
    (folder / "file").touch()
    with pytest.raises(Problem, match=r"volume a: was not removed: .* now holds 1 file"):
        resource.apply(Desired("a", present=False), REMOVE)
    assert "a" in docker.volumes_by_name


def test_a_recreated_volume_is_a_new_one(docker: Docker, resource: VolumeResource) -> None:
    docker.add("a", labels={UUID_LABEL: "u-1", "keep": "me"})
    desired = Desired("a", driver_options={"size": "1G"}, on_drift="recreate")
    resource.observe([desired])
    resource.apply(desired, REMOVE)
    resource.apply(desired, CREATE)
    labels = docker.volumes_by_name["a"]["Labels"]
    assert docker.volumes_by_name["a"]["Options"] == {"size": "1G"}
    assert labels["keep"] == "me"
    assert labels[UUID_LABEL] != "u-1"


def test_a_volume_that_cannot_be_created_anew_comes_back_as_it_was(docker: Docker, resource: VolumeResource) -> None:
    docker.add("a", options={"size": "1G"}, labels={"keep": "me"})
    docker.refused.append("cloud")
    desired = Desired("a", driver="cloud", driver_options={}, labels={}, on_drift="recreate")
    resource.observe([desired])
    resource.apply(desired, REMOVE)
    with pytest.raises(Problem, match=r"no driver cloud\. The volume was created again as it was before, empty\."):
        resource.apply(desired, CREATE)
    assert docker.volumes_by_name["a"]["Options"] == {"size": "1G"}
    assert docker.volumes_by_name["a"]["Labels"]["keep"] == "me"


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_host_without_docker_is_predicted_and_not_provisioned(
    check_mode: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(_params: Mapping[str, Any]) -> Docker:
        raise NotInstalled("Docker is not installed on this host.")

    monkeypatch.setattr(_resource, "Docker", connect)
    module: Any = Module(check_mode)
    resource = VolumeResource(module)
    if check_mode:
        assert resource.observe([Desired("a"), Desired("b")]) == [Observed(), Observed()]
        assert len(module.warnings) == 1
        assert module.warnings[0].startswith("Docker is not installed on this host.")
    else:
        with pytest.raises(NotInstalled):
            resource.observe([Desired("a")])


def test_a_protection_outlives_the_call_and_goes_with_the_volume(docker: Docker, resource: VolumeResource) -> None:
    wanted = Desired("a", protected=True)
    assert resource.observe([wanted]) == [Observed()]
    resource.apply(wanted, CREATE)
    resource.apply(wanted, Action("protect", "protect it"))
    volume = seen(resource, Desired("a", present=False))
    assert volume.provenance.protected
    assert volume.uuid == docker.volumes_by_name["a"]["Labels"][UUID_LABEL]
    resource.apply(Desired("a", present=False), REMOVE)
    docker.add("a")
    assert not seen(resource, Desired("a")).provenance.protected


def test_a_volume_of_others_is_given_a_uuid_to_confirm(docker: Docker, resource: VolumeResource) -> None:
    docker.add("a")
    wanted = Desired("a", protected=True)
    assert seen(resource, wanted).uuid is None
    resource.apply(wanted, Action("protect", "protect it"))
    volume = seen(resource, wanted)
    assert volume.uuid
    resource.apply(wanted, Action("unprotect", "end it"))
    resource.apply(wanted, Action("protect", "protect it"))
    assert seen(resource, wanted).uuid == volume.uuid


def test_protection_is_the_matter_of_the_volumes_own_host(docker: Docker, resource: VolumeResource) -> None:
    docker.add("a")
    docker.is_local = False
    (problem,) = resource.observe([Desired("a", protected=True)])
    assert isinstance(problem, Problem)
    assert "Run the task there" in str(problem)


def test_what_this_call_created_is_fresh(docker: Docker, resource: VolumeResource) -> None:
    docker.add("a")
    resource.observe([Desired("a"), Desired("b")])
    resource.apply(Desired("b"), CREATE)
    assert not seen(resource, Desired("a")).is_fresh
    assert seen(resource, Desired("b")).is_fresh
