# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look at the host, with tables and files of the test's own; and what is told of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import (
    _credentials,
    _desire,
    _info,
    _observe,
    _units,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._desire import Desired
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._seen import Seen
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._systemctl import Systemd, View
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

DEFAULTS = {name: option.get("default") for name, option in _desire.OPTIONS.items()}
ROOT = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"


class Views(Systemd):
    """systemd with one view of everything, which counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__(time.monotonic() + 60)
        self.asked: list[list[str]] = []

    def views(self, units: Sequence[str]) -> dict[str, View]:
        self.asked.append(list(units))
        return {unit: View("not-found") for unit in units}


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, file in (("FSTAB", "fstab"), ("MOUNTINFO", "mountinfo"), ("UNITS", "units")):
        monkeypatch.setattr(_paths, name, tmp_path / file)
    monkeypatch.setattr(_credentials, "DIRECTORY", tmp_path / "credentials")
    monkeypatch.setattr(_observe, "helpers", lambda: frozenset({"nfs"}))
    (tmp_path / "units").mkdir()
    (tmp_path / "fstab").write_bytes(b"")
    (tmp_path / "mountinfo").write_text(ROOT, encoding="utf-8")
    return tmp_path


def desire(path: Path | str, **options: Any) -> Desired:
    item = {**DEFAULTS, "path": str(path), "src": "192.0.2.1:/srv/a", **options}
    return _desire.desire(item, frozenset({"nfs"}))


def look(*desired: Desired) -> list[Seen]:
    found = _observe.look(desired, Views(), 10)
    assert not any(isinstance(seen, Problem) for seen in found)
    return [seen for seen in found if isinstance(seen, Seen)]


def mounted(host: Path, path: str, source: str = "192.0.2.1:/srv/a") -> None:
    with (host / "mountinfo").open("a", encoding="utf-8") as table:
        table.write(f"40 22 0:50 / {path} rw,relatime shared:9 - nfs4 {source} rw,vers=4.2,addr=192.0.2.1\n")


def test_nothing_is_there(host: Path) -> None:
    (seen,) = look(desire(host / "new"))
    assert (seen.configured, seen.mount, seen.place and seen.place.exists) == (None, None, False)


def test_twenty_cost_one_call_to_systemd(host: Path) -> None:
    systemd = Views()
    _observe.look([desire(host / str(number), required_by=["docker.service"]) for number in range(20)], systemd, 10)
    assert len(systemd.asked) == 1
    assert len(systemd.asked[0]) == 21


def test_all_layers_are_seen(host: Path) -> None:
    place = host / "place"
    place.mkdir()
    mounted(host, str(place))
    wanted = desire(place, backend="systemd", required_by=["docker.service", "other.service"])
    texts = _units.texts(wanted.src, wanted.path, "nfs", wanted.options)
    (host / "units" / _units.mount_unit(str(place))).write_text(texts.mount or "", encoding="utf-8")
    drop_ins = host / "units" / "docker.service.d"
    drop_ins.mkdir()
    (drop_ins / _units.drop_in_name(str(place))).write_text(_units.drop_in(str(place)), encoding="utf-8")
    (seen,) = look(wanted)
    assert seen.configured == "systemd"
    assert not seen.enabled
    assert seen.mount is not None
    assert seen.health is not None
    assert seen.health.state == "responsive"
    assert dict(seen.drop_ins) == {"docker.service": True}
    assert seen.unknown_units == ("docker.service", "other.service")
    links = host / "units" / "remote-fs.target.wants"
    links.mkdir()
    (links / _units.mount_unit(str(place))).symlink_to("x")
    assert look(wanted)[0].enabled


def test_two_lines_stop_one_item_only(host: Path) -> None:
    (host / "fstab").write_bytes(b"a:/1 /mnt/a nfs\nb:/2 /mnt/a nfs\n")
    found = _observe.look([desire("/mnt/a"), desire(host / "b")], Views(), 10)
    assert isinstance(found[0], Problem)
    assert str(found[0]).startswith("mount /mnt/a: fstab has 2 lines")
    assert isinstance(found[1], Seen)


def test_a_name_is_resolved_only_where_it_matters(host: Path) -> None:
    (seen,) = look(desire(host / "new", src="nobody.invalid:/a"))
    assert seen.unresolved
    mounted(host, str(host), "nobody.invalid:/a")
    (seen,) = look(desire(host, src="nobody.invalid:/a"))
    assert not seen.unresolved


def test_what_is_told_of_the_host(host: Path) -> None:
    mounted(host, str(host / "units"))
    line = f"192.0.2.1:/srv/a {host}/units nfs rw,nfsvers=4.1\n//s/x /mnt/share cifs password=hunter2\n"
    (host / "fstab").write_text(f"/dev/sda1 / ext4\n{line}", encoding="utf-8")
    told = {mount["path"]: mount for mount in _info.mounts(None, 10, True)}
    assert set(told) == {"/mnt/share", f"{host}/units"}
    live = told[f"{host}/units"]
    assert (live["health"], live["mounted"], live["configured"]) == ("responsive", True, "fstab")
    assert "mounted with other options than configured: vers=4.2 → vers=4.1" in live["differences"]
    assert live["size"] > live["free"] > 0
    assert "it is configured and not mounted" in told["/mnt/share"]["differences"]
    assert "hunter2" not in repr(told)
    assert _info.mounts(["/mnt/nothing"], 10, False) == []
    (host / "fstab").write_text(line + line, encoding="utf-8")
    assert _info.mounts(["/mnt/share"], 10, False)[0]["differences"][0] == "fstab has 2 lines for it"
