# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's part of volume: it sends only what a volume is going to be seeded from."""

from __future__ import annotations

import os
import socket
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.holdfast.persistence.plugins.action.volume import ActionModule, pack, sources_in

TO_BE_SEEDED = {"changed": True, "volumes": [{"name": "app", "seeded": {"source": "x", "digest": None, "at": None}}]}
SEEDED = {"changed": True, "volumes": [{"name": "app", "seeded": {"source": "x", "digest": "sha256:1", "at": "now"}}]}
UNCHANGED = {**SEEDED, "changed": False}


class Sent(ActionModule):
    """The action with the module's answers written down beforehand, and a connection that only notes."""

    def __init__(
        self, arguments: dict[str, Any], *answers: dict[str, Any], check: bool = False, background: int = 0
    ) -> None:
        self._task: Any = SimpleNamespace(args=arguments, check_mode=check, async_val=background)
        shell = SimpleNamespace(tmpdir=None, join_path=os.path.join)
        self._connection: Any = SimpleNamespace(_shell=shell)
        self._loader: Any = SimpleNamespace(get_real_file=lambda path: path)
        self.answers = list(answers)
        self.asked: list[tuple[bool, dict[str, Any]]] = []
        self.transferred: list[tuple[str, str]] = []

    def _execute_module(self, module_args: dict[str, Any], task_vars: Any, wrap_async: bool = False) -> dict[str, Any]:
        self.asked.append((self._task.check_mode, module_args))
        return self.answers.pop(0)

    def _make_tmp_path(self, remote_user: str | None = None) -> str:
        self._connection._shell.tmpdir = "/remote"
        return "/remote"

    def _transfer_file(self, local_path: str, remote_path: str) -> str:
        assert os.path.isfile(local_path)
        self.transferred.append((local_path, remote_path))
        return remote_path

    def _fixup_perms2(self, remote_paths: Any, remote_user: str | None = None, execute: bool = True) -> Any:
        assert remote_paths[0] == "/remote"

    def _find_needle(self, dirname: str, needle: str) -> str:
        if not os.path.exists(needle):
            raise AnsibleError("not found")
        return needle


@pytest.fixture(autouse=True)
def base(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ActionBase, "run", lambda _self, _tmp, _vars: {})


@pytest.fixture
def archive(tmp_path: Path) -> str:
    path = tmp_path / "seed.tar"
    path.write_bytes(b"tar")
    return str(path)


def test_without_a_source_on_the_control_node_the_module_runs_once() -> None:
    for seed in (None, {"volume": "other"}, {"directory": "/srv/x", "remote_src": "yes"}, "nonsense"):
        action = Sent({"name": "app", "seed": seed}, SEEDED)
        assert action.run() == SEEDED
        assert [check for check, _arguments in action.asked] == [False]


def test_it_sends_what_is_needed_and_then_does_it(archive: str) -> None:
    items = [{"name": "app", "seed": {"archive": archive}}, {"name": "done", "seed": {"archive": "/gone"}}]
    action = Sent({"volumes": items}, TO_BE_SEEDED, SEEDED)
    assert action.run() == SEEDED
    assert [check for check, _arguments in action.asked] == [True, False]
    assert action.transferred == [(archive, "/remote/seed-0")]
    (first, second) = action.asked[1][1]["volumes"]
    assert first["seed"] == {"archive": archive}
    assert second["seed"] == {"archive": "/gone"}
    assert action.asked[1][1]["_sent"] == {"app": "/remote/seed-0"}


def test_nothing_to_do_is_the_answer_of_the_first_call(archive: str) -> None:
    action = Sent({"name": "app", "seed": {"archive": archive}}, UNCHANGED)
    assert action.run() == UNCHANGED
    assert action.transferred == []


def test_a_change_that_is_no_seed_sends_nothing() -> None:
    action = Sent({"name": "app", "seed": {"archive": "/gone"}}, SEEDED, SEEDED)
    assert action.run() == SEEDED
    assert action.transferred == []
    assert len(action.asked) == 2


def test_check_mode_sends_nothing_but_misses_what_is_missing(archive: str) -> None:
    action = Sent({"name": "app", "seed": {"archive": archive}}, TO_BE_SEEDED, check=True)
    assert action.run() == TO_BE_SEEDED
    assert action.transferred == []
    with pytest.raises(AnsibleActionFail, match="/gone was not found on the control node"):
        Sent({"name": "app", "seed": {"archive": "/gone"}}, TO_BE_SEEDED, check=True).run()


def test_a_failure_is_told_by_the_real_run() -> None:
    failed = {"failed": True, "msg": "no", "changed": False}
    action = Sent({"name": "app", "seed": {"archive": "/gone"}}, failed, failed)
    assert action.run() == failed
    assert [check for check, _arguments in action.asked] == [True, False]


def test_the_kind_has_to_be_right(archive: str, tmp_path: Path) -> None:
    with pytest.raises(AnsibleActionFail, match="is a file on the control node"):
        Sent({"name": "app", "seed": {"directory": archive}}, TO_BE_SEEDED).run()
    with pytest.raises(AnsibleActionFail, match="is a directory on the control node"):
        Sent({"name": "app", "seed": {"archive": str(tmp_path)}}, TO_BE_SEEDED).run()


def test_the_background_cannot_send(archive: str) -> None:
    with pytest.raises(AnsibleActionFail, match="Take async off"):
        Sent({"name": "app", "seed": {"archive": archive}}, background=60).run()


def test_a_directory_goes_as_a_tar(tmp_path: Path) -> None:
    action = Sent({"name": "app", "seed": {"directory": str(tmp_path)}}, TO_BE_SEEDED, SEEDED)
    action.run()
    assert [remote for _local, remote in action.transferred] == ["/remote/seed-0"]
    assert not os.path.exists(action.transferred[0][0])


def test_what_a_packed_directory_holds(tmp_path: Path) -> None:
    folder = tmp_path / "seed"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "file").write_text("text")
    (folder / "secret").write_text("$ANSIBLE_VAULT")
    (folder / "link").symlink_to("/etc/hosts")
    plain = tmp_path / "plain"
    plain.write_text("decrypted")
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(os.path.relpath(folder / "socket"))
        pack(str(folder), str(tmp_path / "tar"), lambda path: str(plain) if path.endswith("secret") else path)
    with tarfile.open(tmp_path / "tar") as archive:
        assert sorted(archive.getnames()) == [".", "link", "secret", "sub", "sub/file"]
        content = {name: archive.extractfile(name) for name in ("secret", "sub/file")}
        assert {name: file.read() for name, file in content.items() if file} == {
            "secret": b"decrypted",
            "sub/file": b"text",
        }
        assert archive.getmember("link").linkname == "/etc/hosts"


def test_sources_are_found_in_both_forms() -> None:
    single = {"volume_name": "app", "seed": {"directory": "d"}}
    assert [(source.volume, source.kind, source.path) for source in sources_in(single)] == [("app", "directory", "d")]
    assert sources_in({"volumes": [single, "nonsense", {"seed": "nonsense"}]})[0].volume == "app"
    assert sources_in({"volumes": "nonsense"}) == []
