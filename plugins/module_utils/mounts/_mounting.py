# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mounts and unmounts, within a time that ends. What a step made for itself goes again when the step fails."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..runner import _mountinfo
from ..runner._problem import Problem
from . import _commands, _credentials, _holders, _kinds, _live, _options, _place
from ._desire import Desired
from ._options import Options

_REHEARSALS = Path("/run/holdfast-mounts")
_NOT_FOR_MOUNT = ("auto", "noauto", "nofail", "bg")
"""What only a boot, or a mount in the background, has use for."""
_CLEARING = 3.0
"""Seconds to unmount what this run has mounted, also when the time is over."""
_PATIENCE = 15.0
"""The same while there is time."""


def mount(desired: Desired, deadline: float) -> Callable[[], None]:
    """Mount what is declared, after its credentials and its directory are there; what takes all of that back.

    Raises Problem, OSError; nothing is left then.
    """
    with _prepared(desired) as before:
        made = _place.make(desired.path, desired.ownership)
        try:
            _mount(desired.entry.fstype, desired.src, desired.path, desired.options, deadline)
        except BaseException:
            if made:
                _place.unmake(desired.path)
            raise

    def take_back() -> None:
        _clear(desired.path, deadline)
        if made:
            _place.unmake(desired.path)
        if desired.credentials:
            _credentials.restore(desired.path, before)

    return take_back


def mount_again(what: tuple[str, str, Options], path: str, deadline: float) -> None:
    """Mount what is configured, such as before a change that failed. Raises Problem, OSError."""
    src, fstype, options = what
    _mount(fstype, src, path, options, deadline)


def rehearse(desired: Desired, deadline: float) -> None:
    """Mount it in a directory of our own and unmount it: an error then comes before anything was changed."""
    _REHEARSALS.mkdir(mode=0o700, exist_ok=True)
    _sweep()
    place = tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=_REHEARSALS)
    try:
        with _prepared(desired):
            _mount(desired.entry.fstype, desired.src, place, desired.options, deadline)
            _clear(place, deadline)
    finally:
        _place.unmake(place)


def _clear(place: str, deadline: float) -> None:
    """Unmount what nobody but us uses: lazily where that takes too long, as the directory has to go."""
    seconds = max(_CLEARING, min(_PATIENCE, deadline - time.monotonic()))
    if not _commands.run(["umount", "--", place], seconds).is_done:
        _ended(_commands.run(["umount", "--lazy", "--", place], _CLEARING), "unmount it again")


def _sweep() -> None:
    """Remove what runs that were killed have left."""
    for left in _REHEARSALS.iterdir():
        process = left.name.partition("-")[0]
        if process.isdecimal() and not Path("/proc", process).exists():
            _take_back(str(left))
            _place.unmake(str(left))


def adjust(desired: Desired, deadline: float) -> None:
    """Change what belongs to the mount alone; the server and other mounts of the same share notice nothing."""
    flags = _options.joined(("remount", "bind", *_live.in_place(desired.options)))
    command = ["mount", "-i", "--options-mode=ignore", "-o", flags, "--", desired.path]
    _ended(_commands.run(command, _left(deadline)), f"change the mount at {desired.path}")


def refresh(desired: Desired, deadline: float) -> None:
    """Remount in place, as mount(8) does it."""
    own = _options.joined(("remount", *_for_mount(desired.options))) if desired.src else "remount"
    _ended(_commands.run(["mount", "-o", own, "--", desired.path], _left(deadline)), f"remount {desired.path}")


def unmount(desired: Desired, deadline: float) -> None:
    """Unmount the uppermost. Problem names who is in the way, or that the server does not answer."""
    command = ["umount", *(["--lazy"] if desired.lazy else []), "--", desired.path]
    outcome = _commands.run(command, _left(deadline))
    if outcome.is_done:
        return
    if outcome.is_late:
        raise Problem(
            "could not be unmounted in time, since the server does not answer. It is left mounted and configured. Wait "
            "for the server, or set lazy: true: then it goes from the tree now, and from memory once nobody uses it."
        )
    if "busy" in outcome.words:
        who = _holders.told(_holders.holders(desired.path))
        raise Problem(f"is busy: {who}. Stop them and run again; nothing was changed.")
    raise Problem(f"could not be unmounted: {outcome.words}. Mend what the system says, and run again.")


def _mount(fstype: str, src: str, path: str, options: Options, deadline: float) -> None:
    command = ["mount", "-t", fstype, "-o", _options.joined(_for_mount(options)), "--", src, path]
    outcome = _commands.run(command, _left(deadline))
    if outcome.is_done:
        return
    _take_back(path)
    if outcome.is_late:
        raise Problem(
            f"{src} was not mounted in time: the server did not answer, or drops what is sent to it. It is not "
            "mounted now, and no configuration was changed. Look at the server, at its port and at firewalls, and run "
            "again, with a longer timeout if it is only slow."
        )
    raise Problem(f"{src} could not be mounted: {_meaning(outcome.words)}")


def _take_back(path: str) -> None:
    """A command that was killed, or one of its children, may have mounted at the last moment."""
    if any(mount.path == path and mount.file_system in _kinds.LIVE_TYPES for mount in _mountinfo.mounts()):
        _commands.run(["umount", "--lazy", "--", path], 2.0)


_HINTS = (
    ("access denied", "Export the path to this host, and compare the path with what the server exports."),
    ("No such file or directory", "Compare the path with what the server exports."),
    ("Protocol not supported", "The server does not speak this version: set nfsvers= in opts."),
    ("requested NFS version", "The server does not speak this version: set nfsvers= in opts."),
    ("Connection refused", "Nothing listens there: start the server, or correct src."),
    ("timed out", "Look at the server, at its port and at firewalls."),
    ("No route to host", "Look at the way to the server."),
    ("invalid argument", "One of the options is not known to this kernel or to its helper: see dmesg."),
    ("incorrect mount option", "One of the options is not known to this kernel or to its helper: see dmesg."),
)


def _meaning(words: str) -> str:
    hint = next((way for sign, way in _HINTS if sign.lower() in words.lower()), "Mend what the system says.")
    return f"{words.rstrip('.')}. {hint} It is not mounted now, and no configuration was changed."


def _for_mount(options: Sequence[str]) -> Options:
    return tuple(option for option in options if option not in _NOT_FOR_MOUNT and not option.startswith("x-"))


@contextmanager
def _prepared(desired: Desired) -> Iterator[bytes | None]:
    """With the credentials in their file; what the file said before, which it says again when the body fails."""
    if desired.credentials is None or desired.kind is None:
        yield None
        return
    before = _credentials.read(desired.path)
    _credentials.write(desired.kind, desired.path, desired.credentials)
    try:
        yield before
    except BaseException:
        _credentials.restore(desired.path, before)
        raise


def _ended(outcome: _commands.Outcome, purpose: str) -> None:
    if not outcome.is_done:
        why = "the server did not answer in time" if outcome.is_late else outcome.words
        raise Problem(f"could not {purpose}: {why}. Mend what the system says, and run again.")


def _left(deadline: float) -> float:
    """Seconds. Problem when there are none: the time is that of the whole call."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise Problem(
            "was not begun, since the time of this call was over. Look at the others first: one of their servers may "
            "not answer. Then run again, or set a longer timeout."
        )
    return left
