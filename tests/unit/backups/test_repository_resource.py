# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""backup_repository on a host of folders, with a restic whose repositories are entries of a dictionary."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.backups import _repository_resource, _stored
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._password_change import Key
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._repository import Observed
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._repository_options import Desired
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._repository_resource import Repositories
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _files, _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._repository import Repository
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restic import Finding, Probe

from ..conftest import Killed, kill_after

WANTED = Desired("main", "s3:http://host/main", "secret")


class FakeRestic:
    """Knows repositories by location, with the passwords of their keys by id."""

    passwords: ClassVar[dict[str, dict[str, str]]] = {}
    probed_in: ClassVar[list[Path]] = []
    started = 0
    deletes = True
    """Whether the storage lets anybody delete."""
    made = 0

    def __init__(self, repository: Repository) -> None:
        self.repository = repository
        self._password = repository.password_file.read_text().strip()

    def version(self) -> tuple[int, int, int]:
        FakeRestic.started += 1
        return (0, 14, 0)

    def probe(self) -> Probe:
        self.probed_in.append(self.repository.password_file.parent)
        known = self.passwords.get(self.repository.location)
        if known is None:
            return Probe(Finding.ABSENT, "the bucket is empty")
        return Probe(Finding.OPEN, id="f" * 64) if self._password in known.values() else Probe(Finding.WRONG_PASSWORD)

    def require_open(self) -> None:
        assert self.probe().finding is Finding.OPEN

    def init(self) -> str:
        self.passwords[self.repository.location] = {"key0": self._password}
        return "f" * 64

    def list_keys(self) -> list[Key]:
        self.require_open()
        known = self.passwords[self.repository.location]
        current = next(key for key, password in known.items() if password == self._password)
        return [Key(key, key == current) for key in known]

    def add_key(self, password_file: Path) -> None:
        self.require_open()
        FakeRestic.made += 1
        self.passwords[self.repository.location][f"key{FakeRestic.made}"] = password_file.read_text().strip()

    def remove_key(self, key: str) -> None:
        self.require_open()
        assert self.passwords[self.repository.location].pop(key) != self._password
        self.require_open()

    def can_delete(self, host: str, folder: Path) -> bool:
        self.require_open()
        assert host
        assert folder.is_dir()
        return self.deletes


@pytest.fixture(autouse=True)
def restic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[FakeRestic]:
    monkeypatch.setattr(_paths, "REPOSITORIES", tmp_path / "repositories")
    monkeypatch.setattr(_paths, "JOBS", tmp_path / "jobs")
    monkeypatch.setattr(_paths, "RUN", tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "jobs").mkdir()
    monkeypatch.setattr(FakeRestic, "passwords", {})
    monkeypatch.setattr(FakeRestic, "probed_in", [])
    monkeypatch.setattr(FakeRestic, "started", 0)
    monkeypatch.setattr(FakeRestic, "made", 0)
    monkeypatch.setattr(FakeRestic, "deletes", True)
    monkeypatch.setattr(_repository_resource, "Access", FakeRestic)
    monkeypatch.setattr(_paths, "STATE", tmp_path / "state")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("os.fsync", lambda _descriptor: None)  # a test has no power cuts, and this is slow
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    return FakeRestic


def module(*items: dict[str, Any], check_mode: bool = False) -> Any:
    usual: dict[str, Any] = {"location": None, "password": None, "environment": {}}
    listed = [{**usual, **item} for item in items]
    secrets = {value for item in listed for value in item["environment"].values()}
    return SimpleNamespace(params={**usual, "repositories": listed}, check_mode=check_mode, no_log_values=secrets)


def observed(wanted: Desired, check_mode: bool = False) -> Observed | Problem:
    (seen,) = Repositories(module(check_mode=check_mode)).observe([wanted])
    return seen


def taken_through(*wanted: Desired) -> list[str]:
    repositories = Repositories(module())
    sentences = []
    for desired, seen in zip(wanted, repositories.observe(wanted)):
        if isinstance(seen, Problem):
            raise seen
        for action in repositories.plan(desired, seen).actions:
            repositories.apply(desired, action)
            sentences.append(action.sentence)
    return sentences


def test_a_first_run_initialises_and_the_second_changes_nothing() -> None:
    assert len(taken_through(WANTED)) == 2
    assert taken_through(WANTED) == []
    stored = _stored.read("main")
    assert stored is not None
    assert stored.id == "f" * 64


def test_candidates_are_tried_in_a_private_folder_that_is_gone_afterwards(restic: type[FakeRestic]) -> None:
    observed(WANTED)
    assert restic.probed_in[0].parent == _paths.RUN
    assert list(_paths.RUN.iterdir()) == []
    assert not _paths.REPOSITORIES.exists()


def test_restic_is_asked_for_its_version_once(restic: type[FakeRestic]) -> None:
    taken_through(WANTED, Desired("other", "s3:http://host/other", "secret"))
    assert restic.started == 1


def test_credentials_that_do_not_work_never_replace_those_that_do() -> None:
    taken_through(WANTED)
    with pytest.raises(Problem, match=r"the password does not open s3:http://host/main"):
        taken_through(Desired("main", WANTED.location, "wrong"))
    assert taken_through(WANTED) == []


def test_a_run_that_is_killed_anywhere_never_loses_a_password(
    restic: type[FakeRestic], monkeypatch: pytest.MonkeyPatch
) -> None:
    for steps in range(1, 40):
        restic.passwords.clear()
        _stored.remove_leftovers("main")
        if _stored.read("main"):
            _stored.forget("main")
        with monkeypatch.context() as patch:
            kill_after(steps, [(_files, "write"), (_files, "synchronise"), (FakeRestic, "init")], patch)
            try:
                taken_through(WANTED)
            except Killed:
                pass
            else:
                break
        if restic.passwords:
            assert (_paths.REPOSITORIES / "main" / "password").read_text() == "secret\n"
        taken_through(WANTED)
        assert taken_through(WANTED) == []
        assert restic.passwords == {WANTED.location: {"key0": "secret"}}
    assert steps > 8


def test_a_password_file_is_copied(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from a file\n")
    taken_through(Desired("main", "s3:http://host/main", None, str(tmp_path / "password")))
    (tmp_path / "password").unlink()
    assert (_paths.REPOSITORIES / "main" / "password").read_text() == "from a file\n"


@pytest.mark.parametrize("content", [None, "", "two\nlines\n", " spaces"])
def test_a_password_file_that_will_not_do_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "password").write_text(content)
    seen = observed(Desired("main", "s3:http://host/main", None, str(tmp_path / "password")))
    assert isinstance(seen, Problem)
    assert str(seen).startswith(f"repository main: password_file {tmp_path}/password: ")


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (WANTED, "restic is not installed yet"),
        (Desired("main", "s3:http://host/main", None, "/nope"), "password_file /nope does not exist yet"),
        (Desired("main", "/nope/main", "secret"), "/nope does not exist yet"),
    ],
)
def test_check_mode_predicts_on_a_bare_host(wanted: Desired, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if "restic" in reason:
        monkeypatch.setattr("shutil.which", lambda _name: None)
    seen = observed(wanted, check_mode=True)
    assert isinstance(seen, Observed)
    assert seen.warnings == (f"repository main: not probed, since {reason}. Check mode takes it for granted.",)
    made = Repositories(module()).plan(wanted, seen)
    assert [action.verb for action in made.actions] == ["store", "initialise"]


@pytest.mark.parametrize("content", ["sound", "broken"])
def test_a_repository_that_a_job_uses_or_may_use_is_not_forgotten(content: str) -> None:
    taken_through(WANTED)
    job = json.dumps(Job("app", "main", paths=("/srv",)).to_json())
    (_paths.JOBS / "app.json").write_text(job if content == "sound" else "{")
    with pytest.raises(Problem, match=r"refused to forget it, since jobs of this host use it: app"):
        taken_through(Desired("main"))
    assert taken_through(WANTED) == []


@pytest.mark.parametrize("repository", ["main", "other"])
@pytest.mark.parametrize("location", ["/nope/app/backup", "local:/nope/app/backup", "/nope/app"])
def test_a_place_that_a_job_backs_up_is_refused_before_anything_is_made(
    restic: type[FakeRestic], repository: str, location: str
) -> None:
    (_paths.JOBS / "nightly.json").write_text(json.dumps(Job("nightly", repository, paths=("/nope/app",)).to_json()))
    local = location.removeprefix("local:")
    message = (
        f"^repository main: location {location}: lies in /nope/app, which job nightly backs up: .*"
        rf"Choose a location outside of /nope/app, or .*\(backup_timer with exclude: \[{local}\]\)\.$"
    )
    with pytest.raises(Problem, match=message):
        taken_through(Desired("main", location, "secret"))
    assert restic.passwords == {}
    assert not _paths.REPOSITORIES.exists()


@pytest.mark.parametrize(
    ("location", "exclude"), [("/nope/app/backup", ("/nope/app/backup",)), ("/nope/apple", ()), ("s3:http://h/b", ())]
)
def test_a_place_that_no_job_backs_up_is_taken(location: str, exclude: tuple[str, ...]) -> None:
    job = Job("nightly", "main", paths=("/nope/app",), exclude=exclude)
    (_paths.JOBS / "nightly.json").write_text(json.dumps(job.to_json()))
    assert len(taken_through(Desired("main", location, "secret"))) == 2


def test_a_repository_in_use_stays_usable_when_a_job_backs_it_up_so_that_the_job_can_be_mended() -> None:
    wanted = Desired("main", "/nope/app/backup", "secret")
    taken_through(wanted)
    (_paths.JOBS / "nightly.json").write_text(json.dumps(Job("nightly", "main", paths=("/nope/app",)).to_json()))
    assert taken_through(wanted) == []


def test_forgetting_leaves_the_repository(restic: type[FakeRestic]) -> None:
    taken_through(WANTED)
    taken_through(Desired("main"))
    assert list(_paths.REPOSITORIES.iterdir()) == []
    assert restic.passwords
    assert taken_through(Desired("main")) == []
    assert len(taken_through(WANTED)) == 1


def test_ansible_masks_what_is_secret_and_leaves_what_is_not() -> None:
    location = "rest:https://user:wordpass@host/"
    secret = module({"location": location, "password": "pw", "environment": {"KEY": "keykey", "RETRIES": "5"}})
    Repositories(secret)
    assert secret.no_log_values == {"wordpass", "pw", "keykey"}


def test_only_root_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(Problem, match=r"backup_repository: runs as user id 1000, and needs root.*become: true"):
        observed(WANTED)


CHANGED = replace(WANTED, password="another", password_change="replace")
LOCATION = WANTED.location


def test_a_password_is_changed_only_when_that_is_declared(restic: type[FakeRestic]) -> None:
    taken_through(WANTED)
    with pytest.raises(Problem, match="the password does not open"):
        taken_through(replace(CHANGED, password_change="refuse"))
    assert restic.passwords == {LOCATION: {"key0": "secret"}}


def test_a_password_is_added_stored_and_then_the_old_one_removed(restic: type[FakeRestic]) -> None:
    taken_through(WANTED)
    assert taken_through(CHANGED) == [
        f"add the new password to repository main at {LOCATION}, and open it with that",
        "change repository main: its password",
        f"remove the old password from repository main at {LOCATION} (key key0)",
    ]
    assert restic.passwords == {LOCATION: {"key1": "another"}}
    assert taken_through(CHANGED) == []
    assert not (_paths.REPOSITORIES / "main" / "replaced").exists()


def test_a_change_that_is_killed_anywhere_never_loses_access_and_is_finished_by_the_next_run(
    restic: type[FakeRestic], monkeypatch: pytest.MonkeyPatch
) -> None:
    killable = [(_files, "write"), (_files, "synchronise"), (_files, "remove")]
    killable += [(FakeRestic, "add_key"), (FakeRestic, "remove_key"), (FakeRestic, "require_open")]
    for steps in range(1, 60):
        restic.passwords.clear()
        _stored.remove_leftovers("main")
        if _stored.read("main"):
            _stored.forget("main")
        taken_through(WANTED)
        with monkeypatch.context() as patch:
            kill_after(steps, killable, patch)
            try:
                taken_through(CHANGED)
            except Killed:
                pass
            else:
                break
        held = (_paths.REPOSITORIES / "main" / "password").read_text().strip()
        assert held in restic.passwords[LOCATION].values()
        taken_through(CHANGED)
        assert taken_through(CHANGED) == []
        assert list(restic.passwords[LOCATION].values()) == ["another"]
    assert steps > 12


def test_an_old_password_may_stay_until_every_host_has_the_new_one(restic: type[FakeRestic]) -> None:
    taken_through(WANTED)
    added = replace(CHANGED, password_change="add")
    assert len(taken_through(added)) == 2
    assert restic.passwords == {LOCATION: {"key0": "secret", "key1": "another"}}
    assert taken_through(added) == []
    assert taken_through(CHANGED) == [f"remove the old password from repository main at {LOCATION} (key key0)"]
    assert taken_through(CHANGED) == []


def test_a_change_that_was_taken_back_removes_nothing(restic: type[FakeRestic]) -> None:
    taken_through(WANTED)
    _stored.note_replaced("main", "key0")
    back = replace(WANTED, password_change="replace")
    assert taken_through(back) == ["note that the password of repository main is no longer being changed"]
    assert restic.passwords == {LOCATION: {"key0": "secret"}}
    assert taken_through(back) == []


def test_a_key_that_somebody_else_removed_is_not_asked_for_again(restic: type[FakeRestic]) -> None:
    taken_through(WANTED)
    taken_through(replace(CHANGED, password_change="add"))
    del restic.passwords[LOCATION]["key0"]
    assert taken_through(CHANGED) == ["note that the password of repository main is no longer being changed"]


def test_a_password_that_somebody_added_by_hand_is_taken_and_nothing_is_removed(restic: type[FakeRestic]) -> None:
    taken_through(WANTED)
    restic.passwords[LOCATION]["by hand"] = "another"
    assert taken_through(CHANGED) == ["change repository main: its password"]
    assert restic.passwords == {LOCATION: {"key0": "secret", "by hand": "another"}}


def test_restics_own_options_are_stored() -> None:
    taken_through(replace(WANTED, restic_options={"rclone.program": "ssh vault", "b2.connections": "1"}))
    stored = (_paths.REPOSITORIES / "main" / "options").read_text()
    assert stored == "b2.connections=1\nrclone.program=ssh vault\n"


def test_what_is_to_be_append_only_must_be(restic: type[FakeRestic], monkeypatch: pytest.MonkeyPatch) -> None:
    taken_through(WANTED)
    asked = replace(WANTED, prove_append_only=True)
    with pytest.raises(Problem, match=r"^repository main: it is not append-only.*All others are untouched"):
        taken_through(asked)
    monkeypatch.setattr(restic, "deletes", False)
    seen = observed(asked)
    assert isinstance(seen, Observed)
    made = Repositories(module()).plan(asked, seen)
    assert made.before == made.after
    assert made.actions == ()
    assert made.after is not None
    assert made.after["append_only"] is True


def test_check_mode_tries_nothing_and_says_what_would_be_tried() -> None:
    taken_through(WANTED)
    seen = observed(replace(WANTED, prove_append_only=True), check_mode=True)
    assert isinstance(seen, Observed)
    assert seen.append_only is None
    assert "its removal would be tried" in seen.warnings[0]


@pytest.mark.parametrize(("location", "way"), [("rclone:backup_server:app1", "init"), ("rclone:remote:app1", "refuse")])
def test_only_a_server_of_the_role_is_believed_that_there_is_no_repository(
    restic: type[FakeRestic], location: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    unclear = Probe(Finding.UNREACHABLE, "unable to open config file: <config/> does not exist")
    known = restic.probe
    monkeypatch.setattr(
        restic, "probe", lambda self: unclear if self.repository.location not in restic.passwords else known(self)
    )
    wanted = Desired("main", location, "secret")
    if way == "init":
        assert len(taken_through(wanted)) == 2
    else:
        with pytest.raises(Problem, match="cannot be reached"):
            taken_through(wanted)
