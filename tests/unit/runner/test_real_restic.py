# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""With the real restic, whichever version is there: nothing here is made up."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import (
    _backup,
    _manifest,
    _manifest_file,
    _paths,
    _processes,
    _restic,
    _retention,
    _state,
    _status,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._job import Job, Retention
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._probe import Finding
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Locked, Partial, Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._repository import load
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._restic import Restic

pytestmark = pytest.mark.skipif(not shutil.which("restic"), reason="restic is not installed")


@pytest.fixture
def restic(configure: Callable[..., Job], host: Path) -> Restic:
    """A repository with its job, as the host has them."""
    configure(retention=Retention(keep_last=1), exclude=("*.json",))
    restic = Restic(load("store"))
    restic.init()
    (host / "srv" / "sub").mkdir()
    (host / "srv" / "sub" / "file").write_text("deep\n")
    (host / "srv" / "sub" / "file").chmod(0o640)
    return restic


def run() -> str:
    _backup.prepare("app")
    return _backup.backup("app")


def test_from_nothing_to_a_snapshot_and_back(configure: Callable[..., Job], host: Path) -> None:
    configure()
    restic = Restic(load("store"))
    assert restic.probe().finding is Finding.ABSENT
    assert restic.init() == restic.probe().id
    run()
    success = _state.load("app").last_success
    assert success
    (snapshot,) = restic.snapshots("web1", "app")
    assert snapshot.short_id == success.snapshot[:8] if success.snapshot else False
    assert snapshot.tags == ("holdfast", "job=app")
    assert json.loads(restic.dump(snapshot.id, str(_paths.manifest_file("app"))))["job"] == "app"
    restic.restore(snapshot.id, host / "out", include=str(host / "srv"), verify=True)
    assert (host / "out" / str(host / "srv")[1:] / "file").read_text() == "content\n"
    assert "2 " in _status.snapshots("app", None, as_json=False)


def test_the_manifest_is_there_whatever_is_excluded(restic: Restic) -> None:
    run()
    (snapshot,) = restic.snapshots()
    assert json.loads(restic.dump(snapshot.id, str(_paths.manifest_file("app"))))["exclude"] == ["*.json"]


def test_the_listing_knows_owner_mode_and_size(restic: Restic, host: Path) -> None:
    run()
    (snapshot,) = restic.snapshots()
    nodes = {node.path: node for node in restic.listing(snapshot.id, str(host / "srv"))}
    assert set(nodes) == {str(host / "srv"), *(str(path) for path in (host / "srv").rglob("*"))}
    deep = nodes[str(host / "srv" / "sub" / "file")]
    assert (deep.type, deep.mode, deep.uid, deep.size) == ("file", 0o640, os.getuid(), 5)


PATTERNS = [
    ("*.log",),
    ("sub",),
    ("sub/file",),
    ("ub/file",),
    ("deep*/**/x.log",),
    ("**/x.log",),
    ("deep/**",),
    ("[a-s]ub", "d??p"),
    ("[^a-s]ub", "[^d]*"),
    ("\\*", "q[?]"),
    ("*", "!file"),
    ("*.log", "!deep"),
    ("x.log", "!x.log", "?.log"),
]


@pytest.mark.parametrize("patterns", PATTERNS, ids=" ".join)
@pytest.mark.parametrize("rooted", [False, True], ids=["anywhere", "rooted"])
def test_the_manifest_names_what_restic_saves(
    configure: Callable[..., Job], host: Path, patterns: tuple[str, ...], rooted: bool
) -> None:
    root = host / "srv"
    if rooted:
        patterns = tuple(f"!{root}/{pattern[1:]}" if pattern[0] == "!" else f"{root}/{pattern}" for pattern in patterns)
    configure(exclude=patterns)
    for name in ("sub/file", "deep/er/x.log", "deep/x.log", "a.log", "*", "q?", "dip/sub/file", "file.log/in"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("content")
    restic = Restic(load("store"))
    restic.init()
    _backup.prepare("app")
    with suppress(Partial):
        _backup.backup("app")
    (snapshot,) = restic.snapshots()
    saved = {node.path for node in restic.listing(snapshot.id, str(root))}
    with _paths.entries_file("app").open("rb") as stream:
        named = {os.path.normpath(os.path.join(one.source, one.entry.path)) for one in _manifest_file.read(stream)}
    assert saved == named


@pytest.fixture
def restored(restic: Restic, host: Path) -> Callable[..., str]:
    """Restores the source from the one snapshot, as the command does after restic: compared, in words."""
    run()
    (snapshot,) = restic.snapshots()
    source, out = str(host / "srv"), host / "out"

    def bring(harm: Callable[[Path], None] = lambda _tree: None) -> str:
        restic.restore(snapshot.id, out, include=source)
        harm(Path(f"{out}{source}"))
        entries = str(_paths.entries_file("app"))
        return _manifest.verify(restic, snapshot.id, entries, True, source, f"{out}{source}")

    return bring


def test_what_comes_back_is_what_was_there(restored: Callable[..., str], host: Path) -> None:
    (host / "srv" / "file").write_text("changed after the backup")
    assert restored() == "4 entries compared with the manifest of the snapshot (content, owners and modes)"


def test_one_byte_that_flips_is_found(restored: Callable[..., str]) -> None:
    with pytest.raises(Problem, match=r"1 entry did not come back .* tells them: sub/file: content differs\. Nothing"):
        restored(lambda tree: (tree / "sub" / "file").write_text("dEep\n"))


def test_what_changed_while_the_backup_ran_is_no_harm(
    restic: Restic, host: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Restic.backup

    def busy(self: Restic, *arguments: Any) -> Any:
        (host / "srv" / "sub" / "file").write_text("deeper\n")
        (host / "srv" / "late").touch()
        (host / "srv" / "file").unlink()
        return real(self, *arguments)

    monkeypatch.setattr(Restic, "backup", busy)
    run()
    snapshot = restic.snapshots()[-1]
    source, out = str(host / "srv"), host / "second"
    restic.restore(snapshot.id, out, include=source)
    entries = str(_paths.entries_file("app"))
    words = _manifest.verify(restic, snapshot.id, entries, True, source, f"{out}{source}")
    assert words.endswith(", of which 3 changed while the backup ran")


@pytest.mark.usefixtures("restic")
def test_the_answers_of_a_place_that_is_no_repository(host: Path) -> None:
    location = _paths.repository_directory("store") / "location"
    findings = {}
    (host / "full").mkdir()
    (host / "full" / "photo").touch()
    for name in ("none", "full", "disk/none"):
        location.write_text(f"{host / name}\n")
        findings[name] = Restic(load("store")).probe().finding
    assert findings == {
        "none": Finding.ABSENT,
        "full": Finding.NOT_A_REPOSITORY,
        "disk/none": Finding.UNREACHABLE,
    }
    location.write_text("s3:http://127.0.0.1:9/bucket\n")
    assert Restic(load("store")).probe(timeout=20).finding is Finding.UNREACHABLE


def test_a_wrong_password(restic: Restic) -> None:
    (_paths.repository_directory("store") / "password").write_text("wrong\n")
    assert restic.probe().finding is Finding.WRONG_PASSWORD
    with pytest.raises(Problem, match=r"the password does not open") as caught:
        run()
    assert caught.value.exit_code == 1


def test_a_damaged_repository_is_not_absent(restic: Restic, host: Path) -> None:
    (host / "repository" / "config").chmod(0o600)
    (host / "repository" / "config").write_bytes(b"junk")
    assert restic.probe().finding is Finding.UNREACHABLE


def test_making_one_where_one_is_fails_and_harms_nothing(restic: Restic) -> None:
    found = restic.probe().id
    with pytest.raises(Problem, match=r"could not create the repository"):
        restic.init()
    assert restic.probe().id == found


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("*", "is not in the snapshot"),
        ("file", "holds data, and none of it is in the snapshot"),
        ("sub", ""),
        ("sub/file", ""),
    ],
)
def test_a_backup_of_nothing_is_no_success(
    pattern: str, words: str, restic: Restic, configure: Callable[..., Job]
) -> None:
    configure(exclude=(pattern,))
    if not words:
        assert "3 files" in run()  # with both manifests
        return
    with pytest.raises(Partial, match=rf"srv: {words}, the job's exclude \({re.escape(pattern)}\) leaves it out"):
        run()
    assert restic.snapshots("web1", "app")[0].partial


def test_directories_alone_are_content_only_where_there_was_nothing_else(
    restic: Restic, configure: Callable[..., Job], host: Path
) -> None:
    (host / "srv" / "file").unlink()
    (host / "srv" / "sub" / "deep").mkdir()
    configure(exclude=("*.tmp",))
    run()
    (host / "srv" / "sub" / "file").rename(host / "srv" / "sub" / "deep" / "x.tmp")
    with pytest.raises(Partial, match=r"none of it is in the snapshot"):
        run()
    (host / "srv" / "sub" / "deep" / "x.tmp").unlink()
    run()
    assert [one.partial for one in restic.snapshots()] == [False, True, False]


def test_a_source_that_vanishes_behind_the_checks_makes_it_partial(
    restic: Restic, configure: Callable[..., Job], host: Path
) -> None:
    (host / "other").mkdir()
    (host / "other" / "file").touch()
    configure(paths=(str(host / "srv"), str(host / "other")))
    _backup.prepare("app")
    shutil.rmtree(host / "other")
    with pytest.raises(Partial, match=r"could not be read: .*/other"):
        _backup.backup("app")
    state = _state.load("app")
    assert state.last_run
    assert state.last_run.result == "partial"
    assert state.last_success is None
    (snapshot,) = restic.snapshots("web1", "app")
    assert snapshot.partial
    assert state.last_run.snapshot
    assert snapshot.id.startswith(state.last_run.snapshot)
    assert "partial" in _status.snapshots("app", None, as_json=False)


def test_retention_counts_partial_snapshots_apart(restic: Restic) -> None:
    run()
    restic.mark_partial(restic.snapshots()[0].id, "web1", "app")
    run()
    run()
    assert _retention.retention("app") == "job app: snapshots kept: 2, removed: 1"
    assert [one.partial for one in restic.snapshots("web1", "app")] == [True, False]


def test_retention_keeps_what_it_is_told(restic: Restic) -> None:
    for _each in range(3):
        run()
    assert _retention.retention("app") == "job app: snapshots kept: 1, removed: 2"
    assert len(restic.snapshots("web1", "app")) == 1
    assert _retention.retention("app") == "job app: snapshots kept: 1, removed: 0"


def test_retention_does_not_touch_other_jobs_and_hosts(restic: Restic, host: Path) -> None:
    for name, tags in (("web2", ["holdfast", "job=app"]), ("web1", ["holdfast", "job=other"])):
        for _each in range(2):
            restic.backup([str(host / "srv")], [], name, tags, lambda _progress: None)
    run()
    run()
    _retention.retention("app")
    assert len(restic.snapshots("web1", "app")) == 1
    assert len(restic.snapshots("web2", "app")) == 2
    assert len(restic.snapshots("web1", "other")) == 2


@pytest.fixture
def holder(restic: Restic, host: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody whose backup stands still, and who therefore holds a lock."""
    fifo = host / "fifo"
    os.mkfifo(fifo)
    environment = {
        **os.environ,
        "RESTIC_REPOSITORY_FILE": str(restic.repository.location_file),
        "RESTIC_PASSWORD_FILE": str(restic.repository.password_file),
        "RESTIC_CACHE_DIR": str(_paths.CACHE),
    }
    writer = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    os.write(writer, bytes(2**20))  # as much of it as fits
    with open(fifo, "rb") as stream:
        holding = subprocess.Popen(
            ["restic", "backup", "--quiet", "--host=elsewhere", "--stdin"], stdin=stream, env=environment
        )
    # The pipe is full until restic reads, which it does once it holds its lock.
    assert select.select([], [writer], [], 30)[1]
    assert restic.locks()
    yield holding
    os.close(writer)
    if holding.poll() is None:
        holding.kill()
    holding.wait()


def snapshots_to_remove(restic: Restic, host: Path) -> None:
    for _each in range(2):
        restic.backup([str(host / "srv")], [], "web1", ["holdfast", "job=app"], lambda _progress: None)


@pytest.mark.usefixtures("holder")
def test_a_live_lock_is_respected(restic: Restic, host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_retention, "WAIT", 1)
    monkeypatch.setattr(_restic, "_POLL", 0.2)
    snapshots_to_remove(restic, host)
    with pytest.raises(Locked, match=r"already locked by PID \d+"):
        _retention.retention("app")
    assert len(restic.locks()) == 1
    assert len(restic.snapshots("web1", "app")) == 2


def test_the_lock_of_our_own_dead_is_no_obstacle(
    restic: Restic, host: Path, holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_retention, "WAIT", 20)
    _processes.record("store", holder.pid)
    holder.kill()
    holder.wait()
    assert len(restic.locks()) == 1
    snapshots_to_remove(restic, host)
    assert _retention.retention("app") == "job app: snapshots kept: 1, removed: 1"
    assert restic.locks() == []


def test_sigterm_leaves_no_lock_behind(restic: Restic, host: Path) -> None:
    """The one that systemd sends at a time-out."""
    with open(host / "srv" / "large", "wb") as stream:
        stream.write(os.urandom(200 * 2**20))
    packages = str(Path(str(_paths.__file__)).parents[1])
    constants = {name: str(getattr(_paths, name)) for name in ("REPOSITORIES", "STATE", "CACHE", "RUN", "JOBS")}
    _backup.prepare("app")
    script = (
        f"import sys; sys.path.insert(0, {packages!r})\n"
        "from pathlib import Path\nfrom runner import _paths\n"
        f"for name, value in {constants!r}.items(): setattr(_paths, name, Path(value))\n"
        "from runner.__main__ import main\nsys.exit(main(['backup', 'app']))\n"
    )
    with subprocess.Popen([sys.executable, "-IB", "-c", script], stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + 30
        # restic knows of its own lock only some time after it has written it. Nothing tells that a file has come.
        while not any((host / "repository" / "data").glob("*/*")):
            assert time.monotonic() < deadline
            assert running.poll() is None
            time.sleep(0.02)
        running.send_signal(signal.SIGTERM)
        _output, errors = running.communicate(timeout=60)
    assert running.returncode == 143
    assert "stopped by SIGTERM" in errors
    assert restic.locks() == []
    assert _state.load("app").last_run is None
