# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done about a repository, as tables."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Plan
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._repository import Observed, plan
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._repository_options import (
    Desired,
    desired,
    url_password,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.backups._stored import Credentials, Stored
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restic import Finding, Probe

WANTED = Desired("main", "/srv/main", "secret", environment={"TOKEN": "hidden"})
CANDIDATE = Credentials("/srv/main", "secret", {"TOKEN": "hidden"})
OLD, NEW = "a" * 64, "b" * 64
OPEN = Probe(Finding.OPEN, id=OLD)
STAYS = "(repository aaaaaaaa, which stays as it is)"
ABSENT = Probe(Finding.ABSENT, "/srv/main does not exist")


def stored(repository_id: str = OLD, credentials: Credentials = CANDIDATE, **changes: Any) -> Stored:
    contents: dict[str, Any] = {**credentials.contents(), "id": repository_id, **changes}
    return Stored(**contents)


def item(**changes: Any) -> dict[str, Any]:
    options: dict[str, Any] = {
        "location": "/srv/main",
        "password": "secret",
        "password_file": None,
        "environment": {},
        "restic_options": {},
        "initialise": True,
        "password_change": "refuse",
        "prove_append_only": False,
    }
    return {"name": "main", **options, "state": "present", **changes}


def sentences(made: Plan) -> list[str]:
    return [action.sentence for action in made.actions]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Desired("main", "/srv/main", "secret")),
        ({"password": None, "password_file": "/root/p"}, Desired("main", "/srv/main", None, "/root/p")),
        (
            {"environment": {"A": 1, "B": True, "C": "x=y"}},
            Desired("main", "/srv/main", "secret", environment={"A": "1", "B": "true", "C": "x=y"}),
        ),
        (
            {"restic_options": {"rclone.program": "ssh vault", "b2.connections": 1, "s3.list-objects-v1": True}},
            Desired(
                "main",
                "/srv/main",
                "secret",
                restic_options={"rclone.program": "ssh vault", "b2.connections": "1", "s3.list-objects-v1": "true"},
            ),
        ),
        (
            {"password_change": "add", "prove_append_only": True},
            Desired("main", "/srv/main", "secret", password_change="add", prove_append_only=True),
        ),
        ({"state": "absent", "location": None, "password": None}, Desired("main")),
        ({"initialise": False}, Desired("main", "/srv/main", "secret", initialise=False)),
        ({"location": "s3:host/bucket"}, Desired("main", "s3:host/bucket", "secret")),
    ],
)
def test_options_become_desired_state(changes: dict[str, Any], expected: Desired) -> None:
    assert desired(item(**changes)) == expected


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../x"}, r"repository '\.\./x': not a name"),
        ({"location": None}, r"repository main: location is missing"),
        (
            {"location": "srv/backup"},
            r"location 'srv/backup': is neither an absolute path nor begins with .*s3:, sftp:",
        ),
        ({"location": "ftp:foo"}, r"location 'ftp:foo': is neither an absolute path nor begins with a kind of storage"),
        ({"location": "s3:http://host:9000"}, r"location 's3:http://host:9000': names no bucket"),
        ({"location": "s3:https://host/"}, r"names no bucket\. Write s3:https://host/bucket"),
        ({"location": "s3:host"}, r"names no bucket"),
        ({"location": "/srv/../etc"}, r"location '/srv/\.\./etc': must be a plain path"),
        ({"location": "/"}, r"location '/': must be a plain path .* not / itself"),
        ({"location": "/srv/a\n/srv/b"}, r"must be one line"),
        ({"password": None}, r"give it either password or password_file"),
        ({"password_file": "/root/p"}, r"give it either password or password_file"),
        ({"password": ""}, r"repository main: password: must be one line, not empty"),
        ({"password": "a\nb"}, r"repository main: password: must be one line"),
        ({"password": "secret "}, r"without spaces at its ends \(restic drops those"),
        ({"password": None, "password_file": "p"}, r"password_file 'p': must be an absolute path"),
        ({"environment": {"A B": "x"}}, r"environment 'A B': is no name of a variable"),
        ({"environment": {"RESTIC_PASSWORD": "x"}}, r"environment RESTIC_PASSWORD: is set by holdfast itself"),
        ({"environment": {"RESTIC_REPOSITORY_FILE": "x"}}, r"environment RESTIC_REPOSITORY_FILE: is set by holdfast"),
        ({"environment": {"A": "x\ny"}}, r"environment A: its value must be one line"),
        ({"environment": {"A": ["x"]}}, r"environment A: its value must be one line of text"),
        ({"restic_options": {"program": "x"}}, r"restic_options 'program': is no extended option of restic"),
        ({"restic_options": {"rclone.program": "x\ny"}}, r"restic_options rclone.program: its value must be one line"),
        ({"restic_options": {"rclone.program": ["x"]}}, r"restic_options rclone.program: its value must be one line"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(Problem, match=message):
        desired(item(**changes))


def test_secrets_are_in_no_repr() -> None:
    location = "rest:https://user:wordpass@host/"
    shown = repr(Desired("main", location, "secret", environment={"TOKEN": "hidden"}))
    shown += repr(Credentials(location, "secret", {"TOKEN": "hidden"}))
    shown += repr(stored(credentials=Credentials(location, "secret", {"TOKEN": "hidden"})))
    assert not any(word in shown for word in ("secret", "hidden", "wordpass"))


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("rest:https://user:word@host/x", "word"),
        ("s3:http://key:word@host:9000/bucket", "word"),
        ("sftp://user:word@host/x", "word"),
        ("sftp:user@host:/x", None),
        ("/srv/main", None),
        ("rest:http://[broken", None),
        ("", None),
    ],
)
def test_a_password_in_a_location_is_found(location: str, expected: str | None) -> None:
    assert url_password(location) == expected


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (Observed(stored(), (), (), CANDIDATE, OPEN), []),
        (
            Observed(None, (), (), CANDIDATE, ABSENT),
            [
                "store location, password and environment of repository main (/srv/main)",
                "initialise repository main at /srv/main",
            ],
        ),
        (
            Observed(None, (), (), CANDIDATE, OPEN),
            ["store location, password and environment of repository main (/srv/main)"],
        ),
        # Killed between the storing and the initialisation, and between that and its record.
        (Observed(stored(""), (), (), CANDIDATE, ABSENT), ["initialise repository main at /srv/main"]),
        (Observed(stored(""), (), (), CANDIDATE, OPEN), ["record that repository main at /srv/main is aaaaaaaa"]),
        (
            Observed(stored(NEW), (), (), CANDIDATE, OPEN),
            ["accept that /srv/main holds repository aaaaaaaa now, and no longer bbbbbbbb"],
        ),
        (Observed(stored(password=b"old\n"), (), (), CANDIDATE, OPEN), ["change repository main: its password"]),
        (Observed(stored(environment=None), (), (), CANDIDATE, OPEN), ["change repository main: its environment"]),
        (
            Observed(stored(location=b"/srv/old\n"), (), (), CANDIDATE, Probe(Finding.OPEN, id=NEW)),
            [f"change repository main: location /srv/old {STAYS} → /srv/main (repository bbbbbbbb)"],
        ),
        (
            Observed(stored(location=b"/srv/old\n"), (), (), CANDIDATE, ABSENT),
            [
                f"change repository main: location /srv/old {STAYS} → /srv/main (new)",
                "initialise repository main at /srv/main",
            ],
        ),
        (
            Observed(stored(exposed=("password",)), (), (), CANDIDATE, OPEN),
            ["make the files of repository main readable by root alone (password)"],
        ),
        # Check mode on a bare host.
        (
            Observed(None, (), (), CANDIDATE, None),
            [
                "store location, password and environment of repository main (/srv/main)",
                "initialise repository main at /srv/main",
            ],
        ),
        (Observed(stored(), (), (), CANDIDATE, None), []),
    ],
)
def test_each_state_has_its_way(observed: Observed, expected: list[str]) -> None:
    made = plan(WANTED, observed)
    assert sentences(made) == expected
    assert not any(word in repr(made) for word in ("secret", "hidden"))


def test_the_id_is_stored_with_what_opened_it_and_never_before_a_repository_was_there() -> None:
    opened = plan(WANTED, Observed(None, (), (), CANDIDATE, OPEN))
    assert opened.actions[0].details == {"id": OLD, "replaced": ""}
    moved = plan(WANTED, Observed(stored(location=b"/srv/old\n"), (), (), CANDIDATE, ABSENT))
    assert moved.actions[0].details == {"id": "", "replaced": ""}


def test_a_repository_that_vanished_is_no_first_boot() -> None:
    with pytest.raises(
        Problem, match=r"has vanished.*used repository aaaaaaaa there\. Nothing was created.*remove .*/id"
    ):
        plan(WANTED, Observed(stored(), (), (), CANDIDATE, ABSENT))


@pytest.mark.parametrize(
    ("finding", "message"),
    [
        (Finding.WRONG_PASSWORD, r"^repository main: the password does not open /srv/main.*restic key add"),
        (Finding.NOT_A_REPOSITORY, r"^repository main: /srv/main is not a repository"),
        (Finding.UNREACHABLE, r"^repository main: /srv/main cannot be reached"),
    ],
)
@pytest.mark.parametrize("known", [None, stored(), stored("")])
def test_only_absent_can_lead_to_an_initialisation(finding: Finding, message: str, known: Stored | None) -> None:
    with pytest.raises(Problem, match=message):
        plan(WANTED, Observed(known, (), (), CANDIDATE, Probe(finding, "detail")))


def test_jobs_are_told_when_the_location_moves() -> None:
    made = plan(WANTED, Observed(stored(location=b"/srv/old\n"), ("app",), (), CANDIDATE, OPEN))
    assert any("jobs app use it. Run backup_timer" in warning for warning in made.warnings)
    assert plan(WANTED, Observed(stored(), ("app",), (), CANDIDATE, OPEN)).warnings == ()


def test_a_replaced_repository_is_warned_of() -> None:
    made = plan(WANTED, Observed(stored(NEW), (), (), CANDIDATE, OPEN))
    assert any("somebody replaced it" in warning for warning in made.warnings)


def test_passwords_in_locations_are_masked_everywhere() -> None:
    location = "rest:https://user:wordpass@host/"
    candidate = Credentials(location, "secret")
    made = plan(Desired("main", location, "secret"), Observed(stored(), (), (), candidate, ABSENT))
    assert "wordpass" not in repr(made)
    assert made.after is not None
    assert made.after["location"] == "rest:https://user:***@host/"


def test_forgetting_leaves_the_repository() -> None:
    made = plan(Desired("main"), Observed(stored()))
    assert sentences(made) == ["forget how to open repository main; the repository itself stays at /srv/main"]
    assert plan(Desired("main"), Observed(None)) == Plan(None, None)


def test_a_repository_in_use_is_not_forgotten() -> None:
    with pytest.raises(
        Problem, match=r"^repository main: refused to forget it, since jobs .* use it: app, db\. Remove"
    ):
        plan(Desired("main"), Observed(stored(), ("app", "db")))


def test_where_one_is_expected_none_is_made() -> None:
    wanted = Desired("main", "/srv/main", "secret", initialise=False)
    with pytest.raises(Problem, match=r"none at /srv/main \(/srv/main does not exist\), and initialise is false"):
        plan(wanted, Observed(None, (), (), CANDIDATE, ABSENT))
    assert "initialise" not in [action.verb for action in plan(wanted, Observed(None, (), (), CANDIDATE)).actions]
    assert plan(wanted, Observed(stored(), (), (), CANDIDATE, OPEN)).actions == ()
