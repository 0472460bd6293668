# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""fstab(5), of which others own lines too: those stay as they are, byte for byte.

Pure: :func:`entries`, :func:`with_entry` and :func:`without` work on the file's bytes. :func:`rewrite` is the only
writer: ``rewrite(edit, path)`` takes the lock, reads the file, has ``edit`` (bytes to bytes) change it, and replaces it
in one step, durably. Killed at any moment, it leaves the old or the new content, whole.
"""

from __future__ import annotations

import errno
import os
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ..runner import _files, _paths
from ..runner._problem import Problem
from . import _options

PATIENCE = 20.0
"""Seconds to wait for another run that has the file locked."""
_ATTEMPTS = 5
"""How often to begin again when somebody without our lock writes at the same moment."""
_ESCAPED = {" ": "\\040", "\t": "\\011", "\n": "\\012", "\\": "\\134"}
_TEXT = {"encoding": "utf-8", "errors": "surrogateescape"}
_FIELDS = re.compile(rb"[^ \t]+")
_AT_MOST = 6


@dataclass(frozen=True)
class Entry:
    """One line, unescaped."""

    src: str
    path: str
    fstype: str
    opts: str
    """As it stands there: a comma in quotes is no separator."""
    dump: str = "0"
    passno: str = "0"
    line: str = ""
    """The whole line as it was read; empty for one that is wanted."""

    def __str__(self) -> str:
        """The line for a message."""
        return _options.masked(self.line.strip())


def entries(content: bytes) -> list[Entry]:
    """Every line that names a mount point, also when fields are missing; comments and swap are passed over."""
    read = (_entry(line) for line in content.split(b"\n"))
    return [entry for entry in read if entry is not None]


def entry_of(path: str, content: bytes) -> Entry | None:
    """The line of the mount point. Problem when there are two: nobody can know which of them is meant."""
    return only(path, entries(content))


def only(path: str, among: Sequence[Entry]) -> Entry | None:
    """As :func:`entry_of`, among lines that were read already."""
    found = [entry for entry in among if entry.path == path]
    if len(found) > 1:
        lines = " and ".join(f"'{entry}'" for entry in found)
        raise Problem(
            f"fstab has {len(found)} lines for it: {lines}. Keep the one that is right, delete the others, and run "
            "again."
        )
    return found[0] if found else None


def with_entry(content: bytes, wanted: Entry) -> bytes:
    """The content with this line: in place of the mount point's own, or at the end. A comment behind it stays."""
    entry_of(wanted.path, content)
    lines = content.split(b"\n")
    for number, line in enumerate(lines):
        found = _entry(line)
        if found is not None and found.path == wanted.path:
            lines[number] = _written(wanted) + _behind(line)
            return b"\n".join(lines)
    end = b"" if not content or content.endswith(b"\n") else b"\n"
    return content + end + _written(wanted) + b"\n"


def without(content: bytes, path: str) -> bytes:
    """The content without the mount point's line."""
    entry_of(path, content)
    found = [(_entry(line), line) for line in content.split(b"\n")]
    return b"\n".join(line for entry, line in found if entry is None or entry.path != path)


def read(path: Path | None = None) -> bytes:
    """The file; nothing when there is none. Raises OSError."""
    try:
        return (path or _paths.FSTAB).read_bytes()
    except FileNotFoundError:
        return b""


def rewrite(edit: Callable[[bytes], bytes], path: Path | None = None, backup: bool = False) -> Path | None:
    """Change the file under its lock, in one step and durably; where the copy of the old one is, with ``backup``.

    Raises Problem when it cannot be written, when somebody keeps it locked, or what ``edit`` raises. The file is then
    as it was.
    """
    named = path or _paths.FSTAB
    target = Path(os.path.realpath(named))
    with _files.lock(_paths.STATE / "locks" / f"{quote(str(target), safe='')}.lock", PATIENCE):
        try:
            return _rewrite(edit, target, backup)
        except OSError as error:
            raise Problem(_files.unwritten("the file", named, error)) from error


def _rewrite(edit: Callable[[bytes], bytes], target: Path, backup: bool) -> Path | None:
    for _attempt in range(_ATTEMPTS):
        before = _identity(target)
        old = read(target)
        new = edit(old)
        if new == old:
            return None
        copy = _back_up(target, old) if backup else None
        if _replace(target, new, before):
            return copy
    raise Problem(
        f"the file {target} was changed by somebody else {_ATTEMPTS} times while this run wanted to. "
        "Find out who writes it, and run again."
    )


def _replace(target: Path, content: bytes, before: tuple[int, ...]) -> bool:
    """Put the content in the file's place, unless the file is another one by now."""
    temporary = target.with_name(f".{target.name}.holdfast")
    try:
        _write_like(target, temporary, content)
        if _identity(target) != before:
            return False
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    _files.synchronise(target.parent)
    return True


def _write_like(target: Path, temporary: Path, content: bytes) -> None:
    """Write a file with the owner, mode, access control list and SELinux context of the target."""
    temporary.unlink(missing_ok=True)  # what a killed run left
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        if target.exists():
            status = target.stat()
            os.fchown(descriptor, status.st_uid, status.st_gid)
            os.fchmod(descriptor, status.st_mode & 0o7777)
            for name in _attributes(target):
                os.setxattr(descriptor, name, os.getxattr(target, name))
        else:
            os.fchmod(descriptor, 0o644)
        os.fsync(descriptor)


def _attributes(target: Path) -> list[str]:
    """The names of its extended attributes; none where the file system keeps none."""
    try:
        return os.listxattr(target)
    except OSError as error:
        if error.errno != errno.ENOTSUP:
            raise
        return []


def _back_up(target: Path, content: bytes) -> Path:
    copy = target.with_name(f"{target.name}.{os.getpid()}.{time.strftime('%Y-%m-%d@%H:%M:%S')}~")
    _write_like(target, copy, content)
    return copy


def _identity(path: Path) -> tuple[int, ...]:
    """What tells one state of the file from another."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return ()
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _entry(line: bytes) -> Entry | None:
    if line.lstrip(b" \t").startswith(b"#"):
        return None
    fields = [_unescape(field.decode(**_TEXT)) for field in _own_fields(line)]
    if len(fields) < 2 or not fields[1].startswith("/"):
        return None
    src, path, fstype, opts, dump, passno = (*fields, *("", "", "", "defaults", "0", "0")[len(fields) :])
    return Entry(src, normalised(path), fstype, opts, dump, passno, line.decode(**_TEXT))


def _own_fields(line: bytes) -> list[bytes]:
    """At most six; one that begins with ``#`` after the first four begins a comment, as mount(8) takes it."""
    fields = _FIELDS.findall(line.rstrip(b"\r"))[:_AT_MOST]
    comment = next((number for number, field in enumerate(fields) if number > 1 and field.startswith(b"#")), None)
    return fields[:comment]


def _behind(line: bytes) -> bytes:
    """What stands behind the fields of the line, with the blanks in front of it."""
    own = list(_FIELDS.finditer(line.rstrip(b"\r")))[: len(_own_fields(line))]
    return line[own[-1].end() :]


def _written(entry: Entry) -> bytes:
    fields = (entry.src, entry.path, entry.fstype, entry.opts or "defaults", entry.dump, entry.passno)
    return " ".join(escape(field) for field in fields).encode(**_TEXT)


def escape(field: str) -> str:
    """A field as it has to be written: blanks, line ends and backslashes as octal numbers."""
    return "".join(_ESCAPED.get(character, character) for character in field)


def _unescape(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)


def normalised(path: str) -> str:
    """Without doubled slashes and those at the end."""
    return re.sub(r"/+", "/", path).rstrip("/") or "/"
