# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stops a mount, each with what is there, what is declared, and the way out. Pure."""

from __future__ import annotations

from ..runner._mountinfo import Mount
from ..runner._problem import Problem
from . import _kinds, _live, _place
from ._desire import Desired
from ._kinds import LIVE_TYPES, Kind
from ._probe import UNRESPONSIVE
from ._seen import Seen


def right_mount(desired: Desired, seen: Seen) -> Mount | None:
    """What is mounted there, when it is what is declared. Problem for anything else, with both named."""
    mount = seen.mount
    if mount is None:
        return None
    if len(seen.live) > 1:
        names = ", ".join(other.source for other in seen.live)
        raise Problem(f"{len(seen.live)} file systems are mounted upon each other there: {names}. Unmount all but one.")
    if not _live.is_same_source(kind_of(desired), desired.src, mount, seen.addresses):
        raise Problem(
            f"{mount.source} ({mount.file_system}) is mounted there, and {desired.src} is declared. Nothing is "
            "unmounted for that. Run with state: unmounted first if the declared one is right, or correct src."
        )
    return mount


def refuse_silent(seen: Seen, mount: Mount) -> None:
    """What does not answer is not as it should be, and no remount could bring it about."""
    if seen.health and seen.health.state == UNRESPONSIVE:
        why = f" ({seen.health.error})" if seen.health.error else ""
        raise Problem(
            f"{mount.source} is mounted there and unresponsive{why}: the server did not answer in time. Look at the "
            "server and the way to it; the mount goes on by itself once it is back. To give it up, set state: "
            "unmounted with lazy: true."
        )


def refuse_local(mount: Mount) -> None:
    if mount.file_system not in LIVE_TYPES:
        raise Problem(
            f"{mount.source} ({mount.file_system}) is mounted there, which is no network mount. Take "
            "ansible.posix.mount for it, or correct path."
        )


def check_place(desired: Desired, seen: Seen) -> None:
    if seen.hidden_by:
        raise Problem(
            f"the directory cannot be looked at, since {seen.hidden_by} above it does not answer. Mend that mount "
            "first."
        )
    if seen.place is None:
        return
    if seen.place.problem:
        raise Problem(seen.place.problem)
    if seen.place.entries and desired.require_empty:
        raise Problem(
            f"the directory is not empty ({_place.told_of(seen.place.entries)}), and the mount would hide what it "
            "holds. Move that elsewhere first, or set require_empty: false to have it hidden."
        )


def check_server(desired: Desired, seen: Seen) -> None:
    kind = kind_of(desired)
    if seen.helper_missing and not seen.predicting:
        raise Problem(
            f"this host has no {kind.helper}, which fstype {kind.fstype} needs. Install it (Debian: {kind.package})."
        )
    if seen.unresolved and not seen.predicting:
        raise Problem(
            f"src: the server '{_kinds.host_of(kind, desired.src)}' cannot be resolved ({seen.unresolved}). Correct "
            "its name, make it known to this host, or write its address."
        )


def kind_of(desired: Desired) -> Kind:
    """What is declared; there is one whenever the state is about mounting."""
    if desired.kind is None:
        raise Problem("src: is missing. Write it such as server:/path.")
    return desired.kind
