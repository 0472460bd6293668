# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The checks without which no backup may begin."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _engine, _sources
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._engine import Volume
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Precondition
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._sources import Source, preflight, resolve


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.mkdir()
    (path / "row").touch()
    return path


def job(quiesce: str = "none") -> Job:
    return Job(name="app", repository="store", paths=("/srv/app",), quiesce=quiesce)


def source(path: Path, is_mount: bool = False) -> Source:
    return Source("volume", "pgdata", str(path), is_mount)


def docker_has(monkeypatch: pytest.MonkeyPatch, volume: Volume | None) -> None:
    monkeypatch.setattr(_engine.Engine, "volume", lambda _self, _name: volume)


def test_volumes_lie_where_docker_says_and_paths_where_the_job_says(monkeypatch: pytest.MonkeyPatch) -> None:
    docker_has(monkeypatch, Volume("pgdata", "local", "/mnt/docker/pgdata", False))
    found = resolve(Job(name="app", repository="store", volumes=("pgdata",), paths=("/srv/app",)))
    assert found == [Source("volume", "pgdata", "/mnt/docker/pgdata"), Source("path", "/srv/app", "/srv/app")]
    assert [one.label for one in found] == ["volume pgdata", "path /srv/app"]


def test_a_job_without_volumes_needs_no_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "Engine", None)
    assert resolve(job()) == [Source("path", "/srv/app", "/srv/app")]


@pytest.mark.parametrize(
    ("volume", "words"),
    [
        (
            None,
            r"pgdata: Docker on this host has none .*docker volume create pgdata, .* provision.*restore app;",
        ),
        (Volume("pgdata", "rclone", "", False), "its driver rclone gives no path"),
    ],
)
def test_a_volume_that_cannot_be_read(volume: Volume | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_has(monkeypatch, volume)
    with pytest.raises(Precondition, match=words):
        resolve(Job(name="app", repository="store", volumes=("pgdata",)))


def test_a_plugin_volume_that_is_not_mounted_is_not_saved_as_an_empty_one(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Job(name="app", repository="store", volumes=("pgdata",))
    (tmp_path / "empty").mkdir()
    docker_has(monkeypatch, Volume("pgdata", "rclone", str(tmp_path / "empty"), True))
    with pytest.raises(Precondition, match=r"now nothing is mounted there. Nothing was saved"):
        preflight(one, resolve(one), ())
    # A plugin that only hands out a directory.
    docker_has(monkeypatch, Volume("pgdata", "local-persist", str(data), True))
    assert preflight(one, resolve(one), ()) == ["volume pgdata"]


def test_lost_and_found_and_what_a_restore_left_are_no_data(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    (empty / "lost+found").mkdir(parents=True)
    (empty / ".holdfast-restore-1").mkdir()
    (tmp_path / "mountinfo").write_text(f"40 22 0:50 / {empty} rw - ext4 /dev/vdb rw\n")
    assert preflight(job(), [source(empty)], ()) == []


def test_what_holds_something_is_reported(data: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    sources = [
        source(data),
        Source("path", "/empty", str(tmp_path / "empty")),
        Source("path", "/row", str(data / "row")),
    ]
    assert preflight(job(), sources, ()) == ["volume pgdata"]


def test_a_source_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Precondition, match=r"volume pgdata at .*gone: No such file or directory. Nothing was saved"):
        preflight(job(), [source(tmp_path / "gone")], ())


def test_an_empty_source_that_held_data_is_not_saved_over_it(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert preflight(job(), [source(tmp_path / "empty")], ()) == []
    with pytest.raises(Precondition, match=r"volume pgdata at .* is empty, and held data at the last success"):
        preflight(job(), [source(tmp_path / "empty")], ["volume pgdata"])


def test_a_symbolic_link_would_be_saved_as_a_link(data: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(data)
    with pytest.raises(Precondition, match=f"Name {data} in the job"):
        preflight(job(), [Source("path", str(tmp_path / "link"), str(tmp_path / "link"))], ())


def test_a_volume_with_a_device_must_be_mounted_now(data: Path, tmp_path: Path) -> None:
    with pytest.raises(Precondition, match=r"now nothing is mounted there. Nothing was saved. Start its container"):
        preflight(job(), [source(data, is_mount=True)], ())
    (tmp_path / "mountinfo").write_text(f"40 22 0:50 / {data} rw - nfs4 server:/x rw\n")
    assert preflight(job(), [source(data, is_mount=True)], ()) == ["volume pgdata"]


def test_stopping_its_containers_would_unmount_such_a_volume(data: Path, tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text(f"40 22 0:50 / {data} rw - nfs4 server:/x rw\n")
    with pytest.raises(Precondition, match=r"quiesce 'stop' would unmount it"):
        preflight(job("stop"), [source(data, is_mount=True)], ())
    assert preflight(job("pause"), [source(data, is_mount=True)], ())


def test_mount_points_with_blanks_are_found(tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text("40 22 0:50 / /srv/my\\040data\\134x rw - ext4 /dev/vdb rw\n")
    assert _sources.is_mounted("/srv/my data\\x")
    assert not _sources.is_mounted("/srv/my")
