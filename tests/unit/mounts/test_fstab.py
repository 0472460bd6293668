# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fstab: lines of others stay byte for byte, whatever they are; ours is found however somebody wrote it."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts import _fstab
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._fstab import Entry
from ansible_collections.holdfast.persistence.plugins.module_utils.runner import _paths
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from hypothesis import given, strategies as st

WANTED = Entry("storage:/srv/a", "/mnt/a", "nfs", "ro,_netdev")
LINE = b"storage:/srv/a /mnt/a nfs ro,_netdev 0 0"
OTHERS = b"""# /etc/fstab: static file system information.

UUID=1234  /      ext4\terrors=remount-ro 0       1
   # an indented comment with /mnt/a in it
/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto
broken
/dev/sda2 none swap sw 0 0\r
tmpfs /mnt/a/sub tmpfs size=5% 0 0 # behind
\xff\xfe /mnt/\xff ext4
"""

fields = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\x0b\x0c"), min_size=1, max_size=12).filter(
    lambda text: not text.startswith("#")
)
lines = st.binary(max_size=40).map(lambda raw: raw.replace(b"\n", b"").replace(b"/mnt/wanted", b""))


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(_paths, "STATE", tmp_path / "state")
    monkeypatch.setattr(_paths, "FSTAB", tmp_path / "fstab")
    return tmp_path


def test_a_line_is_added_at_the_end() -> None:
    assert _fstab.with_entry(OTHERS, WANTED) == OTHERS + LINE + b"\n"
    assert _fstab.with_entry(b"", WANTED) == LINE + b"\n"


def test_a_last_line_without_an_end_gets_one() -> None:
    assert _fstab.with_entry(b"/dev/sda1 / ext4", WANTED) == b"/dev/sda1 / ext4\n" + LINE + b"\n"


@pytest.mark.parametrize(
    "written",
    [
        b"old:/x /mnt/a nfs rw",
        b"\told:/x\t/mnt/a/ nfs4 rw,hard 0",
        b"old:/x //mnt//a nfs rw 0 0",
        b"old:/x /mnt/a",
    ],
)
def test_the_line_is_found_however_it_is_written(written: bytes) -> None:
    found = _fstab.entry_of("/mnt/a", OTHERS + written + b"\n")
    assert found is not None
    assert found.src == "old:/x"
    assert _fstab.with_entry(OTHERS + written + b"\n" + OTHERS, WANTED) == OTHERS + LINE + b"\n" + OTHERS
    assert _fstab.without(OTHERS + written + b"\n" + OTHERS, "/mnt/a") == OTHERS + OTHERS


@pytest.mark.parametrize("comment", [b" # why", b"  #", b"\t# a # b"])
def test_a_comment_behind_it_stays(comment: bytes) -> None:
    for own in (b"old:/x /mnt/a nfs rw", b"old:/x /mnt/a nfs rw 0 0"):
        assert _fstab.with_entry(own + comment + b"\n", WANTED) == LINE + comment + b"\n"


def test_a_hash_in_a_field_begins_no_comment() -> None:
    found = _fstab.entry_of("/mnt/a#b", b"storage:/srv#1 /mnt/a#b nfs rw,x=#1 0 0\n")
    assert found is not None
    assert (found.src, found.opts) == ("storage:/srv#1", "rw,x=#1")


def test_two_lines_for_one_path_are_refused_and_both_quoted() -> None:
    content = b"a:/1 /mnt/a nfs rw\nb:/2 /mnt/a/ nfs password=secret,ro\n"
    for edit in (lambda: _fstab.with_entry(content, WANTED), lambda: _fstab.without(content, "/mnt/a")):
        with pytest.raises(Problem) as refused:
            edit()
        assert "'a:/1 /mnt/a nfs rw' and 'b:/2 /mnt/a/ nfs password=********,ro'" in str(refused.value)


def test_escapes() -> None:
    spaced = Entry("storage:/a b", "/mnt/a\\b c", "nfs", "x=1 2")
    content = _fstab.with_entry(b"", spaced)
    assert content == b"storage:/a\\040b /mnt/a\\134b\\040c nfs x=1\\0402 0 0\n"
    read = _fstab.entry_of(spaced.path, content)
    assert read is not None
    assert replace(read, line="") == spaced


@given(src=fields, name=fields, fstype=fields, opts=fields)
def test_what_is_written_is_read_back(src: str, name: str, fstype: str, opts: str) -> None:
    entry = Entry(src, _fstab.normalised(f"/{name}"), fstype, opts)
    read = _fstab.entry_of(entry.path, _fstab.with_entry(b"", entry))
    assert read is not None
    assert replace(read, line="") == entry


@given(before=st.lists(lines), after=st.lists(lines))
def test_lines_of_others_survive_any_edit(before: list[bytes], after: list[bytes]) -> None:
    wanted = replace(WANTED, path="/mnt/wanted")
    own = b"x:/y /mnt/wanted nfs rw"
    whole = b"\n".join([*before, own, *after])
    changed = _fstab.with_entry(whole, wanted)
    assert changed == b"\n".join([*before, LINE.replace(b"/mnt/a", b"/mnt/wanted"), *after])
    assert _fstab.without(changed, wanted.path) == b"\n".join([*before, *after])
    assert _fstab.with_entry(changed, wanted) == changed


def test_the_file_keeps_mode_and_owner_and_leaves_nothing_behind(places: Path) -> None:
    file = places / "fstab"
    file.write_bytes(OTHERS)
    file.chmod(0o640)
    (places / ".fstab.holdfast").write_bytes(b"left by a killed run")
    assert _fstab.rewrite(lambda content: _fstab.with_entry(content, WANTED)) is None
    assert file.read_bytes() == OTHERS + LINE + b"\n"
    assert file.stat().st_mode & 0o7777 == 0o640
    assert sorted(entry.name for entry in places.iterdir()) == ["fstab", "state"]


def test_the_file_keeps_its_attributes(places: Path) -> None:
    file = places / "fstab"
    file.write_bytes(OTHERS)
    try:
        os.setxattr(file, "user.holdfast", b"kept")
    except OSError:
        pytest.skip("this file system keeps no attributes")
    _fstab.rewrite(lambda content: _fstab.with_entry(content, WANTED))
    assert os.getxattr(file, "user.holdfast") == b"kept"


def test_nothing_is_written_when_nothing_changes(places: Path) -> None:
    file = places / "fstab"
    file.write_bytes(LINE + b"\n")
    before = file.stat()
    _fstab.rewrite(lambda content: _fstab.with_entry(content, WANTED), backup=True)
    assert file.stat() == before


def test_a_copy_is_kept_on_request(places: Path) -> None:
    (places / "fstab").write_bytes(OTHERS)
    copy = _fstab.rewrite(lambda content: _fstab.with_entry(content, WANTED), backup=True)
    assert copy is not None
    assert copy.read_bytes() == OTHERS


def test_a_link_to_the_file_stays_a_link(places: Path) -> None:
    (places / "real").write_bytes(OTHERS)
    (places / "fstab").symlink_to("real")
    _fstab.rewrite(lambda content: _fstab.with_entry(content, WANTED))
    assert (places / "fstab").is_symlink()
    assert (places / "real").read_bytes().endswith(LINE + b"\n")


def test_what_others_write_meanwhile_is_not_lost(places: Path) -> None:
    """Somebody without the lock: the edit begins again with what the file says then."""
    file = places / "fstab"
    file.write_bytes(b"")
    writes = iter([b"one /1 ext4\n", b"one /1 ext4\ntwo /2 ext4\n"])

    def edit(content: bytes) -> bytes:
        others = next(writes, None)
        if others:
            file.write_bytes(others)
        return _fstab.with_entry(content, WANTED)

    _fstab.rewrite(edit)
    assert file.read_bytes() == b"one /1 ext4\ntwo /2 ext4\n" + LINE + b"\n"


def test_somebody_who_never_stops_writing_is_named(places: Path) -> None:
    file = places / "fstab"

    def edit(content: bytes) -> bytes:
        file.write_bytes(os.urandom(8).hex().encode())
        return content + LINE

    with pytest.raises(Problem, match="was changed by somebody else 5 times"):
        _fstab.rewrite(edit)


def test_a_directory_that_cannot_be_written_is_told(places: Path) -> None:
    with pytest.raises(Problem, match="could not be written"):
        _fstab.rewrite(lambda content: _fstab.with_entry(content, WANTED), places / "nowhere" / "fstab")


def test_twelve_at_once_lose_no_line(places: Path) -> None:
    (places / "fstab").write_bytes(OTHERS)
    children = []
    for number in range(12):
        child = os.fork()
        if child == 0:
            entry = replace(WANTED, path=f"/mnt/{number}")
            _fstab.rewrite(lambda content, entry=entry: _fstab.with_entry(content, entry))
            os._exit(0)
        children.append(child)
    for child in children:
        os.waitpid(child, 0)
    content = (places / "fstab").read_bytes()
    assert content.startswith(OTHERS)
    assert {entry.path for entry in _fstab.entries(content)} >= {f"/mnt/{number}" for number in range(12)}
    assert threading.active_count() == 1
