# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What restic is asked, and what is made of its answers. The answers are what 0.14.0 printed, tried by hand."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import (
    _paths,
    _processes,
    _restic,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._probe import Finding
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Locked, Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._repository import load
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restic import (
    Interrupted,
    Node,
    Progress,
    Restic,
    Summary,
)

S3 = "s3:http://minio:9000/bucket"
LOCK = """unable to create lock in backend: repository is already locked by PID 29412 on web2 by root (UID 0, GID 0)
lock was created at 2026-11-20 08:23:15 (2.476923893s ago)
storage ID 4956b0d5
the `unlock` command can be used to remove stale locks
"""
FULL_DISK = """write /srv/repo/locks/a32f2e96-tmp-2640309245: no space left on device
github.com/restic/restic/internal/backend/local.(*Local).Save
\tgithub.com/restic/restic/internal/backend/local/local.go:170
github.com/restic/restic/internal/backend.(*RetryBackend).Save.func1
\tgithub.com/restic/restic/internal/backend/backend_retry.go:66
main.glob..func2
\tgithub.com/restic/restic/cmd/restic/cmd_backup.go:74
runtime.main
\truntime/proc.go:250
runtime.goexit
\truntime/asm_amd64.s:1594
unable to create lock in backend
"""
STATUS = (
    '{"message_type":"status","percent_done":0.5,"total_files":4,"files_done":2,"total_bytes":100,"bytes_done":50,'
    '"seconds_remaining":7}\n'
)
DONE = (
    '{"message_type":"summary","files_new":1,"data_added":703,"total_files_processed":3,"total_bytes_processed":6,'
    '"total_duration":0.2,"snapshot_id":"ff19bcf0"}\n'
)
UNREAD = """{"message_type":"error","error":{},"during":"archival","item":"/srv/d"}
{"message_type":"error","error":{"Op":"open","Path":"no","Err":13},"during":"archival","item":"/srv/no"}
{"message_type":"error","error":{},"during":"scan","item":"/srv/d"}
Warning: at least one source file could not be read
"""
SNAPSHOT = {
    "time": "2026-11-20T09:21:39.956992708+01:00",
    "tree": "bd",
    "paths": ["/srv"],
    "hostname": "web1",
    "tags": ["holdfast", "job=app"],
    "id": "29e34cb08f606bd7",
    "short_id": "29e34cb0",
}


@pytest.fixture
def on_s3(restic: Any, configure: Callable[..., Job]) -> Restic:
    """restic on a repository that is elsewhere, so that its own words alone tell what is there."""
    del restic
    configure(S3, "AWS_SECRET_ACCESS_KEY=topsecret\n")
    return Restic(load("store"))


def save(restic: Restic, seen: list[Progress] | None = None) -> Summary:
    return restic.backup(
        ["/srv"], ["*.tmp"], "web1", ["holdfast", "job=app"], (seen if seen is not None else []).append
    )


def test_secrets_reach_restic_by_files_and_environment_and_never_by_its_arguments(
    restic: Any, on_s3: Restic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTIC_PASSWORD_COMMAND", "a shell's own")
    restic.answer("backup", out=DONE)
    save(on_s3)
    (call,) = restic.calls("backup")
    assert "topsecret" not in json.dumps(call["argv"])
    assert "correct horse" not in json.dumps(call)
    assert call["env"]["RESTIC_REPOSITORY_FILE"].endswith("/store/location")
    assert call["env"]["RESTIC_PASSWORD_FILE"].endswith("/store/password")
    assert call["env"]["AWS_SECRET_ACCESS_KEY"] == "topsecret"
    assert "RESTIC_PASSWORD_COMMAND" not in call["env"]


def test_a_backup_is_asked_for_and_its_summary_read(restic: Any, on_s3: Restic) -> None:
    restic.answer("backup", out=STATUS + DONE)
    seen: list[Progress] = []
    assert save(on_s3, seen) == Summary("ff19bcf0", 3, 6, 703, ())
    assert seen == [Progress(0.5, 50, 100, 2, 4, 7)]
    wanted = "backup --json --host=web1 --tag=holdfast --tag=job=app --exclude=*.tmp -- /srv"
    assert " ".join(restic.calls("backup")[0]["argv"]) == wanted


@pytest.mark.parametrize(
    ("code", "errors", "unread"),
    [
        (3, UNREAD, ("/srv/d", "/srv/no")),
        (3, "", ("a source that restic does not name",)),
        (0, "/srv/gone does not exist, skipping\n", ("/srv/gone",)),
        (0, '{"message_type":"error","during":"scan","item":"/srv/raced"}\n', ()),
    ],
)
def test_what_could_not_be_read_is_named(
    code: int, errors: str, unread: tuple[str, ...], restic: Any, on_s3: Restic
) -> None:
    restic.answer("backup", out=DONE, err=errors, code=code)
    assert save(on_s3).unread == unread


@pytest.mark.parametrize(("code", "errors"), [(1, LOCK), (11, "words of a restic to come\n")])
def test_locked_by_another(code: int, errors: str, restic: Any, on_s3: Restic) -> None:
    restic.answer("backup", err=errors, code=code)
    with pytest.raises(Locked, match=r"repository store: could not save a snapshot: ") as caught:
        save(on_s3)
    assert caught.value.exit_code == 11
    assert "`unlock`" not in str(caught.value)


@pytest.mark.parametrize(
    ("code", "errors", "words"),
    [
        (1, "Fatal: wrong password or no key found\n", "the password does not open s3:"),
        (12, "Fatal: something\n", "the password does not open s3:"),
        (10, "Fatal: repository does not exist\n", "there is none yet at s3:"),
        (1, "Fatal: topsecret is not accepted\n", r"could not save a snapshot at s3:\S+: \*\*\* is not accepted\.$"),
        (1, '{"message_type":"exit_error","code":1,"message":"Fatal: no space"}\n', "save a snapshot at .*: no space"),
        (2, "", "restic ended with 2 and said nothing"),
        (0, "", "restic ended with 0 and said nothing"),
    ],
)
def test_a_backup_that_fails(code: int, errors: str, words: str, restic: Any, on_s3: Restic) -> None:
    restic.answer("backup", err=errors, code=code)
    with pytest.raises(Problem, match=words) as caught:
        save(on_s3)
    assert caught.value.exit_code == 1
    assert "topsecret" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("restic 0.11.0 compiled with go1.15 on linux/amd64\n", "0.11.0 is installed, 0.14.0 or newer is needed"),
        ("restic devel\n", "its version is not understood"),
    ],
)
def test_a_restic_that_is_not_supported(said: str, words: str, restic: Any, on_s3: Restic) -> None:
    restic.answer("version", out=said)
    with pytest.raises(Problem, match=words):
        on_s3.version()


def test_no_restic_at_all(on_s3: Restic, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"restic: not installed on this host. Install the package restic"):
        Restic(on_s3.repository, str(tmp_path / "none")).version()


def test_the_probe_takes_no_lock_and_gives_the_id(restic: Any, on_s3: Restic) -> None:
    restic.answer("cat config", out='{"version": 2, "id": "d5c57a2a"}')
    probe = on_s3.probe()
    assert (probe.finding, probe.id) == (Finding.OPEN, "d5c57a2a")
    assert "--no-lock" in restic.calls("cat config")[0]["argv"]


def test_a_repository_that_does_not_answer_is_unreachable(restic: Any, on_s3: Restic) -> None:
    restic.answer("cat config", wait=True)
    probe = on_s3.probe(timeout=0.5)
    assert (probe.finding, probe.detail) == (Finding.UNREACHABLE, "no answer within 0.5 s")


@pytest.mark.parametrize(
    ("refusal", "timeout", "finding", "words"),
    [
        ("dial tcp: topsecret refused", 2, Finding.UNREACHABLE, "unable to open config file: dial tcp: *** refused"),
        ("Stat: The specified bucket does not exist", 60, Finding.ABSENT, ""),
    ],
)
def test_while_restic_tries_again_its_reason_is_heard(
    refusal: str, timeout: int, finding: Finding, words: str, restic: Any, on_s3: Restic
) -> None:
    restic.answer("cat config", wait=True, err=f"Stat(<config/>) returned error, retrying after 1s: {refusal}\n")
    begun = time.monotonic()
    probe = on_s3.probe(timeout)
    assert probe.finding is finding
    assert words in probe.detail
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("reason", "timeout", "finding"),
    [
        ("Stat: The specified bucket does not exist.", 50, Finding.ABSENT),
        (
            "Stat: The request signature we calculated does not match the signature you provided.",
            50,
            Finding.UNREACHABLE,
        ),
        ('Stat: Get "http://minio:9000/": connect: connection refused', 1, Finding.UNREACHABLE),
    ],
)
def test_a_restic_that_tries_again_is_waited_for_only_without_an_answer_of_the_server(
    reason: str, timeout: float, finding: Finding, on_s3: Restic, tmp_path: Path
) -> None:
    program = tmp_path / "retrying"
    line = f"Stat(<config/>) returned error, retrying after 537.450761ms: {reason}"  # as 0.18.0 printed it
    program.write_text(f"#!/bin/sh\necho '{line}' >&2\nexec sleep 60\n")
    program.chmod(0o755)
    began = time.monotonic()
    probe = Restic(on_s3.repository, str(program)).probe(timeout=timeout)
    assert (probe.finding, probe.detail) == (finding, f"unable to open config file: {reason}".rstrip("."))
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_reach_restic_as_the_one_after_which_it_unlocks(
    number: signal.Signals, restic: Any, on_s3: Restic
) -> None:
    restic.answer("backup", wait=True)
    before = signal.getsignal(number)

    def kill_when_it_waits() -> None:
        (restic.directory / "waiting").read_bytes()
        os.kill(os.getpid(), number)

    threading.Thread(target=kill_when_it_waits, daemon=True).start()
    with pytest.raises(Interrupted, match=f"stopped by {number.name}"):
        save(on_s3)
    assert signal.getsignal(number) is before


def test_snapshots_are_read_and_sorted(restic: Any, on_s3: Restic) -> None:
    newer = {
        **SNAPSHOT,
        "id": "f" * 16,
        "time": "2026-11-20T08:30:00Z",
        "summary": {"total_files_processed": 4, "total_bytes_processed": 9},
    }
    restic.answer("snapshots", out=json.dumps([newer, SNAPSHOT]))
    first, second = on_s3.snapshots("web1", "app")
    assert first.time == datetime(2026, 11, 20, 8, 21, 39, tzinfo=timezone.utc)
    assert (first.short_id, first.files, second.files, second.bytes) == ("29e34cb0", None, 4, 9)
    assert restic.calls("snapshots")[0]["argv"][-2:] == ["--host=web1", "--tag=holdfast,job=app"]


@pytest.mark.parametrize("said", ["null", "[]"])
def test_no_snapshots(said: str, restic: Any, on_s3: Restic) -> None:
    restic.answer("snapshots", out=said)
    assert on_s3.snapshots() == []


def test_forget_reads_json_with_text_behind_it(restic: Any, on_s3: Restic) -> None:
    groups = [
        {"keep": [{"id": "k1"}], "remove": [{"id": "r1"}, {"id": "r2"}]},
        {"keep": [{"id": "k2"}], "remove": None},
    ]
    restic.answer("forget", out=json.dumps(groups) + "\nloading indexes...\nto delete: 3 blobs\n")
    done = on_s3.forget("web1", "app", {"keep_last": 2, "keep_within": "7d"}, dry_run=False)
    assert (done.kept, done.removed) == (("k1", "k2"), ("r1", "r2"))
    wanted = (
        "forget --json --host=web1 --tag=holdfast,job=app --group-by=host,tags --keep-last=2 --keep-within=7d --prune"
    )
    assert " ".join(restic.calls("forget")[0]["argv"]) == wanted


def test_a_dry_run_does_not_prune_and_takes_no_lock(restic: Any, on_s3: Restic) -> None:
    restic.answer("forget", out="[]")
    on_s3.forget("web1", "app", {"keep_last": 2}, dry_run=True)
    argv = restic.calls("forget")[0]["argv"]
    assert "--dry-run" in argv
    assert "--prune" not in argv


@pytest.mark.parametrize(("version", "sparse"), [("0.14.0", False), ("0.15.0", True), ("0.18.0", True)])
def test_restore_takes_exactly_the_path(version: str, sparse: bool, restic: Any, on_s3: Restic) -> None:
    restic.answer("version", out=f"restic {version} compiled\n")
    restic.answer("restore")
    on_s3.restore("29e34cb0", Path("/stage"), include="/srv/a*[b]", verify=True)
    argv = restic.calls("restore")[0]["argv"]
    assert argv[:5] == ["restore", "29e34cb0", "--target=/stage", r"--include=/srv/a\*\[b]", "--verify"]
    assert ("--sparse" in argv) is sparse


def test_the_listing_gives_owner_and_mode_as_the_host_takes_them(restic: Any, on_s3: Restic) -> None:
    lines: list[dict[str, Any]] = [
        {"struct_type": "snapshot", "paths": ["/srv"]},
        {"struct_type": "node", "path": "/srv", "type": "dir", "mode": 2147484141},
        {
            "struct_type": "node",
            "path": "/srv/d",
            "type": "dir",
            "uid": 26,
            "gid": 27,
            "mode": (1 << 31) | (1 << 22) | 0o750,
        },
        {"struct_type": "node", "path": "/srv/d/f", "type": "file", "uid": 26, "size": 5, "mode": 0o640 | (1 << 23)},
        {"struct_type": "node", "path": "/srvx", "type": "file", "size": 99, "mode": 0o640},
    ]
    restic.answer("ls", out="".join(json.dumps(line) + "\n" for line in lines))
    found = list(on_s3.listing("29e34cb0", "/srv"))
    assert found == [
        Node("/srv", "dir", 0o755, 0, 0, 0),
        Node("/srv/d", "dir", 0o2750, 26, 27, 0),
        Node("/srv/d/f", "file", 0o4640, 26, 0, 5),
    ]


def test_a_listing_that_fails_is_told(restic: Any, on_s3: Restic) -> None:
    restic.answer("ls", err="Fatal: no such snapshot\n", code=1)
    with pytest.raises(Problem, match=r"could not list /srv of snapshot 29e34cb0 .*no such snapshot"):
        on_s3.listing("29e34cb0", "/srv")


@pytest.mark.parametrize(
    ("nodes", "holds"),
    [
        ([], False),
        ([("/srv", "dir", 0)], False),
        ([("/srv", "dir", 0), ("/srv/lost+found", "dir", 0)], False),
        ([("/srv", "dir", 0), ("/srv/lost+found2", "file", 0)], True),
        ([("/srv", "file", 0)], False),
        ([("/srv", "file", 1)], True),
    ],
)
def test_whether_a_snapshot_has_data_at_a_path(
    nodes: list[tuple[str, str, int]], holds: bool, restic: Any, on_s3: Restic
) -> None:
    lines = [{"struct_type": "node", "path": path, "type": kind, "size": size} for path, kind, size in nodes]
    restic.answer("ls", out="".join(json.dumps(line) + "\n" for line in lines))
    assert on_s3.holds_something("29e34cb0", "/srv") is holds


def test_reading_a_file_takes_no_lock(restic: Any, on_s3: Restic) -> None:
    restic.answer("dump", out="content")
    assert on_s3.dump("29e34cb0", "/srv/f") == b"content"
    assert restic.calls("dump")[0]["argv"] == ["dump", "--no-lock", "29e34cb0", "/srv/f"]


def test_where_nothing_may_be_removed_a_snapshot_cannot_be_marked(restic: Any, on_s3: Restic) -> None:
    tagged = {**SNAPSHOT, "id": "f" * 16, "original": SNAPSHOT["id"], "tags": ["holdfast", "job=app", "partial"]}
    restic.answer("tag", err="unable to remove snapshot: 403 Forbidden\n")
    restic.answer("snapshots", out=json.dumps([SNAPSHOT, tagged]))
    with pytest.raises(Problem, match=r"could not tag snapshot 29e34cb0 as partial .*403 Forbidden"):
        on_s3.mark_partial("29e34cb0", "web1", "app")
    restic.answer("snapshots", out=json.dumps([tagged]))
    assert on_s3.mark_partial("29e34cb0", "web1", "app") == "f" * 16


def lock(restic: Any, name: str, **lock: Any) -> None:
    restic.answer(
        f"cat lock {name}",
        out=json.dumps({"hostname": os.uname().nodename, "uid": os.getuid(), "pid": 2**22 + 1, **lock}),
    )


@pytest.mark.parametrize(
    ("foreign", "unlocks"),
    [
        ({}, True),
        ({"hostname": "elsewhere"}, False),
        ({"uid": 4711}, False),
        ({"pid": os.getpid()}, False),
        ({"pid": 1}, False),
        ({"pid": 2**22 + 2}, False),  # dead, or of another host of this name
    ],
)
def test_only_what_our_own_dead_left_is_unlocked(
    foreign: dict[str, Any], unlocks: bool, restic: Any, on_s3: Restic
) -> None:
    restic.answer("list locks", out="l1\nl2\n")
    restic.answer("unlock")
    lock(restic, "l1")
    lock(restic, "l2", **foreign)
    for pid in (2**22 + 1, os.getpid()):
        _processes.record("store", pid)
    assert on_s3.unlock_own_dead() is unlocks
    assert len(restic.calls("unlock")) == int(unlocks)
    assert _processes.is_own_and_gone("store", 2**22 + 1) is not unlocks


def test_a_restic_that_fails_stays_known_since_its_lock_may(restic: Any, on_s3: Restic) -> None:
    restic.answer("backup", out=DONE)
    save(on_s3)
    assert list((_paths.STATE / "processes").iterdir()) == []
    restic.answer("backup", code=1)
    with pytest.raises(Problem):
        save(on_s3)
    (left,) = (_paths.STATE / "processes").iterdir()
    assert _processes.is_own_and_gone("store", int(left.stem))
    assert not _processes.is_own_and_gone("other", int(left.stem))


def test_a_search_ends_with_what_it_finds(restic: Any, on_s3: Restic) -> None:
    node = json.dumps({"struct_type": "node", "path": "/srv/f", "type": "file", "size": 5})
    restic.answer("ls", out=node + "\n", code=1)
    assert on_s3.holds_something("29e34cb0", "/srv")
    assert on_s3.holds_a_file("29e34cb0", "/srv")


def test_the_reason_is_told_without_the_trace_behind_it(restic: Any, on_s3: Restic) -> None:
    restic.answer("backup", err=FULL_DISK, code=1)
    with pytest.raises(Problem, match=r"at \S+: write /\S+: no space left on device; unable to create lock in \w+\.$"):
        save(on_s3)


def test_a_lock_that_goes_is_waited_for(restic: Any, on_s3: Restic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_restic, "_POLL", 0.01)
    restic.answer("backup", err=LOCK, code=1)
    restic.answer("backup", out=DONE, then=True)
    restic.answer("list locks", out="l1\n")
    lock(restic, "l1", hostname="elsewhere")
    assert on_s3.patiently(lambda: save(on_s3), 30).snapshot == "ff19bcf0"
    assert not restic.calls("unlock")


def test_the_wait_for_a_lock_has_an_end(restic: Any, on_s3: Restic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_restic, "_POLL", 0.01)
    restic.answer("backup", err=LOCK, code=1)
    restic.answer("list locks", out="l1\n")
    lock(restic, "l1", hostname="elsewhere")
    with pytest.raises(Locked, match=r"already locked by PID 29412 on web2"):
        on_s3.patiently(lambda: save(on_s3), 0.2)
