# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository's files on the host, and that no message shows its secrets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths, _repository
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._repository import Repository


def repository(location: str, **environment: str) -> Repository:
    return Repository("store", location, Path("location"), Path("password"), environment)


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ("/srv/backup", "/srv/backup"),
        ("local:/srv/backup", "/srv/backup"),
        ("/srv/a:b", "/srv/a:b"),
        ("s3:http://host/bucket", None),
        ("sftp:user@host:/srv", None),
        ("rest:https://host/", None),
        ("typo:/srv", None),
    ],
)
def test_which_locations_are_on_this_host(location: str, path: str | None) -> None:
    assert repository(location).local_path == (Path(path) if path else None)


@pytest.mark.parametrize(
    ("location", "masked"),
    [
        ("rest:https://user:sekret@host:8000/x", "rest:https://user:***@host:8000/x"),
        ("s3:https://key:sekret@host/bucket", "s3:https://key:***@host/bucket"),
        ("sftp:user@host:/srv", "sftp:user@host:/srv"),
        ("/srv/backup", "/srv/backup"),
    ],
)
def test_the_location_is_shown_without_its_password(location: str, masked: str) -> None:
    assert repository(location).masked_location == masked


def test_secrets_of_the_environment_do_not_show_in_any_text() -> None:
    store = repository("s3:http://h/b", AWS_SECRET_ACCESS_KEY="topsecret", AWS_ACCESS_KEY_ID="bucket-user")
    assert store.mask("signature topsecret for bucket-user") == "signature *** for bucket-user"


def test_a_secret_within_another_leaves_no_remains() -> None:
    store = repository("rest:https://u:pass@h/", B2_ACCOUNT_KEY="passphrase")
    assert store.mask("passphrase, pass") == "***, ***"


def test_load_reads_what_lies_in_etc(configure: Callable[..., Job]) -> None:
    configure(environment="AWS_ACCESS_KEY_ID=k=1\nAWS_DEFAULT_REGION=eu\n")
    found = _repository.load("store")
    assert found.environment == {"AWS_ACCESS_KEY_ID": "k=1", "AWS_DEFAULT_REGION": "eu"}
    assert found.password_file == _paths.repository_directory("store") / "password"


def test_inside_a_unit_the_credentials_of_the_unit_are_taken(
    configure: Callable[..., Job], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert _repository.load("store").location_file.parent == _paths.repository_directory("store")
    (credentials / "location").write_text("/elsewhere\n")
    (credentials / "password").write_text("x\n")
    assert _repository.load("store").location == "/elsewhere"


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        ("location", "/a\n/b\n", "must hold one line"),
        ("location", "\n", "must hold one line"),
        ("location", "backup\n", "depends on where one stands"),
        ("environment", "AWS_SECRET\n", "must hold lines KEY=value"),
        ("environment", "export A=b\n", "must hold lines KEY=value"),
    ],
)
def test_files_that_are_not_sound(file: str, content: str, words: str, configure: Callable[..., Job]) -> None:
    configure()
    (_paths.repository_directory("store") / file).write_text(content)
    with pytest.raises(Problem, match=words) as caught:
        _repository.load("store")
    assert "AWS_SECRET" not in str(caught.value)


def test_a_repository_that_is_not_configured() -> None:
    with pytest.raises(Problem, match=r"repository store: .*location is missing. Configure .* backup_repository"):
        _repository.load("store")
