# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Archives: whole ones come out as they are, and no other ever puts anything outside of its directory."""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import os
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._archive_members import check_symlink, placed
from ansible_collections.holdfast.persistence.plugins.module_utils.seeds._archives import unpack, unpack_stream
from hypothesis import given, strategies as some

COMPRESSIONS: Mapping[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
LARGE = bytes(range(256)) * 4096
NAMES = some.lists(some.sampled_from(["a", "b", "..", ".", "", "a b", "…"]), min_size=1, max_size=6).map("/".join)


def info(
    name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0, mode: int = 0o640
) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size, made.mode = kind, target, size, mode
    made.uid, made.gid, made.mtime = os.getuid(), os.getgid(), 1_000_000_000
    return made


def tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for member, data in members:
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return content.getvalue()


def good_tar() -> bytes:
    return tar(
        (info("./", tarfile.DIRTYPE, mode=0o750), b""),
        (info("./sub/", tarfile.DIRTYPE, mode=0o2770), b""),
        (info("./sub/file", mode=0o4640), b"text"),
        (info("./sub/same", tarfile.LNKTYPE, "./sub/file"), b""),
        (info("./sub/link", tarfile.SYMTYPE, "../large"), b""),
        (info("./pipe", tarfile.FIFOTYPE), b""),
        (info("./large"), LARGE),
    )


class Place:
    """An archive and the directory that it is unpacked into, with a neighbour that must stay as it is."""

    def __init__(self, root: Path) -> None:
        self.archive = root / "archive"
        self.target = root / "target"
        self.neighbour = root / "neighbour"
        self.target.mkdir()
        self.neighbour.mkdir()
        (self.neighbour / "file").write_text("mine")

    def unpack(self, content: bytes, **options: int) -> None:
        self.archive.write_bytes(content)
        try:
            unpack(self.archive, self.target, **options)  # type: ignore[arg-type]
        finally:
            assert [path.name for path in self.neighbour.iterdir()] == ["file"]
            assert (self.neighbour / "file").read_text() == "mine"

    def refuse(self, content: bytes) -> str:
        with pytest.raises(Problem) as problem:
            self.unpack(content)
        return str(problem.value)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_tar_comes_out_as_it_is(place: Place, compression: str) -> None:
    place.unpack(COMPRESSIONS[compression](good_tar()))
    check_good(place.target)


def check_good(target: Path) -> None:
    sub = target / "sub"
    assert (sub / "file").read_text() == "text"
    assert (sub / "file").stat().st_ino == (sub / "same").stat().st_ino
    assert os.readlink(sub / "link") == "../large"
    assert (target / "large").read_bytes() == LARGE
    assert stat.S_ISFIFO((target / "pipe").stat().st_mode)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (target, sub, sub / "file")] == [0o750, 0o2770, 0o4640]
    assert {path.lstat().st_mtime for path in (target, *target.rglob("*"))} == {1_000_000_000}


@pytest.mark.skipif(shutil.which("zstd") is None, reason="this machine has no zstd")
def test_zstandard_goes_through_the_program(place: Place) -> None:
    packed = subprocess.run(["zstd", "-cq"], input=good_tar(), capture_output=True, check=True).stdout
    place.unpack(packed)
    check_good(place.target)
    assert place.refuse(packed[: len(packed) // 2])


def test_without_the_program_zstandard_names_it(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert "Install the package zstd" in place.refuse(b"\x28\xb5\x2f\xfd....")


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_truncation_is_noticed(place: Place, compression: str) -> None:
    packed = COMPRESSIONS[compression](good_tar())
    lengths = {0, 1, 100, 511, 512, 1024, 1536, 2048, 2560, len(packed) // 2, len(packed) - 1, len(packed) - 9}
    # What comes after the first block of the end mark is padding: a plain tar without it is whole.
    whole = good_tar().rstrip(b"\0")
    last = len(whole) // 512 * 512 + 512
    for length in sorted(length for length in lengths if compression != "plain" or length < last):
        if length < len(packed):
            assert place.refuse(packed[:length])
            shutil.rmtree(place.target)
            place.target.mkdir()


def test_a_tar_that_ends_between_two_members_is_truncated(place: Place) -> None:
    content = good_tar()
    start = content.index(b"./large")
    assert "truncated" in place.refuse(content[:start])


def test_a_damaged_header_is_no_end(place: Place) -> None:
    content = bytearray(good_tar())
    content[content.index(b"./large") + 148] ^= 1
    assert "damaged at byte" in place.refuse(bytes(content))


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ([info("/etc/cron.d/evil")], "absolute path"),
        ([info("../neighbour/evil")], "leads out of the archive"),
        ([info("a/../../neighbour/evil")], "leads out of the archive"),
        ([info("null", tarfile.CHRTYPE)], "'null' is a character device"),
        ([info("disk", tarfile.BLKTYPE)], "'disk' is a block device"),
        ([info("odd", b"Z")], "unknown type"),
        ([info("out", tarfile.SYMTYPE, "/etc")], "points out of the archive, to '/etc'"),
        ([info("out", tarfile.SYMTYPE, "../neighbour")], "points out of the archive"),
        ([info("up", tarfile.SYMTYPE, "."), info("up/evil")], "has members below 'up', which is a link"),
        ([info("d/l", tarfile.SYMTYPE, "../d"), info("d/l/x", tarfile.DIRTYPE)], "has members below 'd/l'"),
        ([info("d/l", tarfile.SYMTYPE, "."), info("d/l", tarfile.DIRTYPE)], "has members below 'd/l'"),
        ([info("hard", tarfile.LNKTYPE, "../neighbour/file")], "leads out of the archive"),
        ([info("hard", tarfile.LNKTYPE, "/etc/passwd")], "absolute path"),
        ([info("hard", tarfile.LNKTYPE, "later"), info("later")], "no file that came before it"),
        ([info("folder", tarfile.DIRTYPE), info("folder")], "as a directory too"),
        ([info("bad\x1bname", tarfile.CHRTYPE)], r"'bad\x1bname'"),
    ],
)
def test_what_leads_elsewhere_is_refused(place: Place, members: list[tarfile.TarInfo], told: str) -> None:
    assert told in place.refuse(tar(*((member, b"") for member in members)))


def test_a_link_through_a_hard_link_does_not_lead_out(place: Place) -> None:
    members = [
        info("l", tarfile.SYMTYPE, "x"),
        info("l2", tarfile.LNKTYPE, "l"),
        info("l2/evil"),
    ]
    assert "has members below 'l2'" in place.refuse(tar(*((member, b"") for member in members)))


def test_no_archive_at_all(place: Place) -> None:
    assert "no tar or zip archive" in place.refuse(b"<html>not found</html>" * 100)
    assert place.refuse(b"")


def test_a_later_member_takes_the_place_of_an_earlier_one(place: Place) -> None:
    place.unpack(tar((info("file"), b"old"), (info("link", tarfile.SYMTYPE, "file"), b""), (info("link"), b"new")))
    assert [(place.target / name).read_text() for name in ("file", "link")] == ["old", "new"]


def test_strip_takes_off_components_and_leaves_out_what_is_too_short(place: Place) -> None:
    members = [
        (info("app", tarfile.DIRTYPE, mode=0o700), b""),
        (info("README"), b"left out"),
        (info("app/data/file"), b"kept"),
        (info("app/data/same", tarfile.LNKTYPE, "app/data/file"), b""),
    ]
    place.unpack(tar(*members), strip=1)
    assert sorted(str(path.relative_to(place.target)) for path in place.target.rglob("*")) == [
        "data",
        "data/file",
        "data/same",
    ]
    assert stat.S_IMODE(place.target.stat().st_mode) == 0o700


def test_holes_stay_holes(place: Place) -> None:
    sparse = place.archive.with_name("sparse")
    with sparse.open("wb") as file:
        file.seek(1 << 24)
        file.write(b"end")
    packed = subprocess.run(
        ["tar", "--create", "--sparse", "--format=pax", "-C", str(sparse.parent), "sparse"],
        capture_output=True,
        check=True,
    ).stdout
    place.unpack(packed)
    out = place.target / "sparse"
    assert out.read_bytes() == sparse.read_bytes()
    assert out.stat().st_blocks * 512 < 1 << 21


def test_extended_attributes_of_users_are_kept(place: Place) -> None:
    member = info("file")
    member.pax_headers = {"SCHILY.xattr.user.origin": "seed", "SCHILY.xattr.security.selinux": "x"}
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(member)
    try:
        os.setxattr(place.target, "user.probe", b"x")
    except OSError:
        pytest.skip("the file system keeps no extended attributes")
    place.unpack(content.getvalue())
    assert os.getxattr(place.target / "file", "user.origin") == b"seed"


def zipped(*members: tuple[str, int, bytes]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, mode, data in members:
            member = zipfile.ZipInfo(name, (2001, 9, 9, 1, 46, 40))
            member.create_system, member.external_attr = 3, mode << 16
            archive.writestr(member, data)
    return content.getvalue()


def test_a_zip_comes_out_with_its_permissions_and_links(place: Place) -> None:
    place.unpack(
        zipped(
            ("d/", stat.S_IFDIR | 0o750, b""),
            ("d/f", stat.S_IFREG | 0o600, b"text"),
            ("l", stat.S_IFLNK | 0o777, b"d/f"),
        )
    )
    assert stat.S_IMODE((place.target / "d").stat().st_mode) == 0o750
    assert stat.S_IMODE((place.target / "d/f").stat().st_mode) == 0o600
    assert os.readlink(place.target / "l") == "d/f"
    assert (place.target / "l").read_text() == "text"


@pytest.mark.parametrize(
    ("name", "mode", "data", "told"),
    [
        ("/etc/evil", 0o644, b"", "absolute path"),
        ("../neighbour/evil", 0o644, b"", "leads out of the archive"),
        ("null", stat.S_IFCHR | 0o644, b"", "special file"),
        ("out", stat.S_IFLNK | 0o777, b"../neighbour", "points out of the archive"),
        ("out", stat.S_IFLNK | 0o777, b"/etc", "points out of the archive"),
    ],
)
def test_a_zip_that_leads_elsewhere_is_refused(place: Place, name: str, mode: int, data: bytes, told: str) -> None:
    assert told in place.refuse(zipped((name, mode, data)))


def test_a_zip_that_is_not_whole_is_refused(place: Place) -> None:
    content = zipped(("file", 0o644, os.urandom(5000)))
    assert "truncated or damaged" in place.refuse(content[:3000])
    damaged = bytearray(content)
    damaged[2000] ^= 1
    assert place.refuse(bytes(damaged))


def test_owners_are_counted_from_the_first_id(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    owners: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "fchown", lambda _file, uid, gid: owners.append((uid, gid)))
    place.unpack(tar((info("file"), b"")), first_id=100_000)
    assert owners == [(100_000 + os.getuid(), 100_000 + os.getgid())]


def test_links_of_a_container_may_point_anywhere(place: Place) -> None:
    unpack_stream(io.BytesIO(tar((info("data/out", tarfile.SYMTYPE, "/etc/passwd"), b""))), place.target, strip=1)
    assert os.readlink(place.target / "out") == "/etc/passwd"


@given(name=NAMES, strip=some.integers(0, 3), is_directory=some.booleans())
def test_no_path_leads_upwards(name: str, strip: int, is_directory: bool) -> None:
    try:
        parts = placed(name, strip, is_directory)
    except Problem:
        assert name.startswith("/") or ".." in name.split("/")
        return
    assert not name.startswith("/")
    if parts is not None:
        assert not {"", ".", ".."}.intersection(parts)
        assert parts or is_directory


@given(
    links=some.lists(some.tuples(some.sampled_from(["a", "b", "d/a", "d/b", "d/e/a"]), NAMES), min_size=1, max_size=6),
)
def test_no_chain_of_links_leads_out(links: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever links are accepted, what the system makes of them lies below the root."""
    root = tmp_path_factory.mktemp("links").resolve()
    (root / "d" / "e").mkdir(parents=True)
    for path, target in links:
        try:
            check_symlink(path, tuple(path.split("/")), target)
        except Problem:
            continue
        link = root / path
        if not os.path.lexists(link):
            link.symlink_to(target)
    for path, _target in links:
        try:
            (root / path).stat()
        except OSError as error:
            if error.errno == errno.ELOOP:
                continue  # the kernel goes nowhere, and realpath makes up a path
        real = os.path.realpath(root / path)
        assert os.path.commonpath([real, root]) == str(root)


@given(
    members=some.lists(
        some.tuples(
            NAMES,
            some.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE]),
            NAMES | some.just("/etc"),
        ),
        max_size=8,
    ),
    strip=some.integers(0, 1),
)
def test_no_tar_writes_outside(
    members: list[tuple[str, bytes, str]], strip: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    place = Place(tmp_path_factory.mktemp("any"))
    with suppress(Problem):
        place.unpack(tar(*((info(name, kind, target), b"") for name, kind, target in members)), strip=strip)
    assert sorted(path.name for path in place.target.parent.iterdir()) == ["archive", "neighbour", "target"]
