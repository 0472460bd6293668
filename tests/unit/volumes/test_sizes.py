# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the data of a volume can be seen, and how the time is shared among volumes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.trees._content import Content
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes import _sizes
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._sizes import Place, count, place_of
from ansible_collections.holdfast.persistence.plugins.module_utils.volumes._volume import Volume

NFS = {"type": "nfs", "device": ":/srv", "o": "addr=192.0.2.10"}


def volume(driver: str = "local", **options: str) -> Volume:
    return Volume("data", driver, options, {}, "/v/data/_data", "")


def test_a_plain_volume_lies_at_its_mount_point() -> None:
    assert place_of(volume(), False) == Place("/v/data/_data")
    assert place_of(volume(size="1G"), False) == Place("/v/data/_data")


@pytest.mark.parametrize("options", ["bind", "ro,rbind"])
def test_a_bind_lies_in_its_directory(options: str) -> None:
    assert place_of(volume(type="none", device="/srv/app", o=options), False) == Place("/srv/app", may_hang=True)


@pytest.mark.parametrize("mounted", [True, False])
def test_a_volume_with_options_is_seen_only_while_it_is_mounted(mounted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sizes, "is_mounted", lambda path: mounted and path == "/v/data/_data")
    place = place_of(volume(**NFS), True)
    assert place.path == ("/v/data/_data" if mounted else "")
    assert bool(place.unknown) is not mounted


def test_a_volume_of_another_driver_is_seen_only_while_it_is_used() -> None:
    assert place_of(volume("sshfs"), True) == Place("/v/data/_data", may_hang=True)
    unknown = "the driver sshfs keeps it, and no container that runs uses it"
    assert place_of(volume("sshfs"), False) == Place(unknown=unknown)


@pytest.mark.parametrize("may_hang", [False, True])
def test_counting_here_and_apart_is_the_same(tmp_path: Path, may_hang: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("12345")
    place = Place(str(tmp_path), may_hang=may_hang)
    assert count({"data": place, "nfs": Place(unknown="hidden")}, 10) == {
        "data": Content(files=1, folders=1, size=5),
        "nfs": Content(unknown="hidden"),
    }


@pytest.mark.parametrize("may_hang", [False, True])
def test_a_place_that_is_not_there_is_not_empty(tmp_path: Path, may_hang: bool) -> None:
    place = Place(f"{tmp_path}/none", may_hang=may_hang)
    assert count({"data": place}, 10)["data"].unknown == f"{tmp_path}/none: No such file or directory"


def test_a_server_that_does_not_answer_costs_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_sizes, "content_of", lambda *_, **__: time.sleep(60))
    monkeypatch.setattr(_sizes, "_GRACE", 0.1)
    begun = time.monotonic()
    content = count({"data": Place("/mnt", may_hang=True)}, 0.2)["data"]
    assert content.unknown == "/mnt did not answer within 0.2 s; is its server down?"
    assert time.monotonic() - begun < 10
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_no_time_is_told_as_not_known(tmp_path: Path) -> None:
    assert count({"data": Place(str(tmp_path))}, 0)["data"].unknown == "the time was over before it was looked at"


def test_a_large_volume_gets_what_the_small_ones_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, float]] = []

    def content_of(path: str, most_files: int, most_seconds: float) -> Content:
        assert most_files > 10**9
        asked.append((path, most_seconds))
        return Content(files=len(asked), more=path == "/large" and most_seconds < 50)

    monkeypatch.setattr(_sizes, "content_of", content_of)
    counted = count({"large": Place("/large"), **{str(number): Place(f"/{number}") for number in range(9)}}, 100)
    assert [path for path, _seconds in asked] == ["/large", *[f"/{number}" for number in range(9)], "/large"]
    assert asked[0][1] == pytest.approx(10, abs=1)
    assert asked[-1][1] == pytest.approx(100, abs=1)
    assert counted["large"] == Content(files=11)
