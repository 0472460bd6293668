# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at the shape of a volume and brings it about; what to do is decided in ``_shape``."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from .._pipeline import Action
from ..runner._problem import Problem
from ..trees import _beneath
from . import _selinux
from ._ownership import Ownership
from ._shape import Seen, Wish, heir

_KEEP = -1
"""What chown takes for "leave it"."""


class FirstIds(NamedTuple):
    """The host's ids that stand for 0 in containers; other than 0 with remapped user namespaces."""

    uid: int
    gid: int


SAME = FirstIds(0, 0)


def first_ids(info: Mapping[str, Any]) -> FirstIds:
    """From what Docker says of itself: with ``userns-remap`` its data lie in a folder named for both ids.

    Raises :class:`Problem` for a daemon without root, which takes its ids from more than one range.
    """
    features = {feature.split(",")[0] for feature in info.get("SecurityOptions") or ()}
    if "name=rootless" in features:
        raise Problem(
            "owner and group cannot be set on a Docker without root, since its ids come from the ranges of its user. "
            "Leave them out, and have a container set them."
        )
    if "name=userns" not in features:
        return SAME
    uid, _dot, gid = os.path.basename(str(info["DockerRootDir"]).rstrip("/")).partition(".")
    return FirstIds(int(uid), int(gid))


def look(noun: str, root: str, wish: Wish, first: FirstIds = SAME, first_use: bool = False) -> Seen:
    """The shape of the volume whose data lies at ``root`` on this host. Raises :class:`Problem`.

    At its ``first_use``, a recursion counts what it would have to change; that takes as long as listing the volume.
    """
    with _told(noun, root), _beneath.opened(root) as top:
        if wish.root.selinux_type:
            _selinux.require()
        directories = {}
        for path in wish.directories:
            names = path.split("/")
            with _beneath.reached(top, names) as (directory, count):
                if count == len(names):
                    directories[path] = _ownership(directory, first)
        strangers = sum(1 for _entry in _strangers(top, wish, first)) if wish.recurse and first_use else 0
        return Seen(_ownership(top, first), directories, strangers)


def carry_out(root: str, action: Action, first: FirstIds = SAME) -> None:
    """Do what one action of ``_shape`` says. Each can be repeated. Raises :class:`Problem`."""
    with _told(action.details["of"], root), _beneath.opened(root) as top:
        if "wish" in action.details:
            for uid, gid, name, directory in _strangers(top, action.details["wish"], first):
                with suppress(FileNotFoundError):
                    os.chown(name, uid, gid, dir_fd=directory, follow_symlinks=False)
        else:
            _set_directory(top, action.details, first)


def _set_directory(top: int, details: Mapping[str, Any], first: FirstIds) -> None:
    names = details["path"].split("/") if details["path"] else []
    wanted: Ownership = details["wanted"]
    if details["above"] is not None:
        _make(top, names, details["above"], wanted, first)
    with _beneath.reached(top, names) as (directory, count):
        if count < len(names):
            raise Problem(f"{details['path']} was there and is gone. Find out who removed it, and run again.")
        apply(directory, wanted, first)


def _make(top: int, names: Sequence[str], above: Ownership, wanted: Ownership, first: FirstIds) -> None:
    """Make those of the directories that are missing: the last one as ``wanted``, those on the way as ``above``."""
    for depth in range(1, len(names) + 1):
        with _beneath.reached(top, names[:depth]) as (directory, count):
            if count == depth - 1:
                its = wanted if depth == len(names) else above
                _beneath.make(directory, names[depth - 1], *_on_host(its, first), its.mode)


def apply(directory: int, wanted: Ownership, first: FirstIds = SAME) -> None:
    """Give the open directory what is wanted of it. The owner comes first, as its change may clear bits of the mode."""
    uid, gid = _on_host(wanted, first)
    if (uid, gid) != (_KEEP, _KEEP):
        os.fchown(directory, uid, gid)
    if wanted.mode is not None:
        os.fchmod(directory, wanted.mode)
    if wanted.selinux_type:
        _selinux.set_type(directory, wanted.selinux_type)


def _ownership(directory: int, first: FirstIds) -> Ownership:
    """As a container sees it; what belongs to ids that no container has is below 0, and so never what is wanted."""
    status = os.fstat(directory)
    return Ownership(
        status.st_uid - first.uid,
        status.st_gid - first.gid,
        stat.S_IMODE(status.st_mode),
        _selinux.type_of(directory),
    )


def _on_host(wanted: Ownership, first: FirstIds) -> tuple[int, int]:
    return (
        _KEEP if wanted.uid is None else wanted.uid + first.uid,
        _KEEP if wanted.gid is None else wanted.gid + first.gid,
    )


def _strangers(top: int, wish: Wish, first: FirstIds) -> Iterator[tuple[int, int, str, int]]:
    """What beneath the root has not the owner or group that it inherits: both, its name, and its open directory.

    What is declared of a directory itself is an action of its own, and no matter of inheritance.
    """
    for names, directory, status in _beneath.walk(top):
        inherited = heir(wish, names)
        declared = wish.directories.get("/".join(names), Ownership())
        uid, gid = _on_host(
            Ownership(
                inherited.uid if declared.uid is None else None,
                inherited.gid if declared.gid is None else None,
            ),
            first,
        )
        if uid not in (_KEEP, status.st_uid) or gid not in (_KEEP, status.st_gid):
            yield uid, gid, names[-1], directory


@contextmanager
def _told(noun: str, root: str) -> Iterator[None]:
    """Name the volume in every error."""
    try:
        yield
    except Problem as problem:
        raise Problem(f"{noun}: {problem}") from problem
    except OSError as error:
        raise Problem(
            f"{noun}: its directories at {root} cannot be read or changed: {error.strerror}. "
            "Mend what the system says, and run again: what is missing is done then."
        ) from error
