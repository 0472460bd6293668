# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way from the mount as it is to the mount as it should be. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .._pipeline import Action, Plan
from ..directories import _ownership
from ..runner._mountinfo import Mount
from ..runner._problem import Problem
from . import _configuration, _live, _refusals, _seen
from ._desire import Desired
from ._probe import STALE
from ._seen import Seen


def plan(desired: Desired, seen: Seen) -> Plan:
    """Everything is refused here that cannot be brought about, before anything is touched."""
    try:
        actions = _PLANS[desired.state](desired, seen)
    except Problem as problem:
        raise Problem(f"mount {desired.path}: {problem}") from problem
    before = _seen.shown(desired.path, seen, desired.hidden)
    after = _after(desired, seen, before) if actions else before
    return Plan(before, after, tuple(actions), _warnings(desired, seen))


def _mounted(desired: Desired, seen: Seen) -> list[Action]:
    _configuration.refuse_others(desired, seen)
    mount, kind = _refusals.right_mount(desired, seen), _refusals.kind_of(desired)
    actions: list[Action] = []
    if mount is None:
        actions = _first(desired, seen)
    else:
        reasons = _reasons(desired, seen, mount)
        if reasons:
            actions = _anew(desired, seen, reasons)
        elif _live.differences(kind, desired.options, mount):
            actions = [_adjust(desired, mount)]
        if desired.credentials and not seen.credentials_written:
            actions = [_configuration.write_credentials(desired), *actions]
    actions += _configuration.actions(desired, seen)
    return actions + _start(desired, seen, mount is None or bool(actions and actions[0].verb == "rehearse"))


def _present(desired: Desired, seen: Seen) -> list[Action]:
    _configuration.refuse_others(desired, seen)
    actions = []
    if desired.credentials and not seen.credentials_written:
        actions.append(_configuration.write_credentials(desired))
    if seen.place and not seen.place.problem and seen.place.exists:
        actions += _shape(desired, seen)
    return actions + _configuration.actions(desired, seen)


def _unmounted(desired: Desired, seen: Seen) -> list[Action]:
    return _unmount(desired, seen)


def _absent(desired: Desired, seen: Seen) -> list[Action]:
    return [*_unmount(desired, seen), *_configuration.removal(desired, seen)]


def _ephemeral(desired: Desired, seen: Seen) -> list[Action]:
    mount, kind = _refusals.right_mount(desired, seen), _refusals.kind_of(desired)
    if seen.autofs:
        raise Problem("systemd mounts on demand here. Take state: mounted, or another path.")
    if mount is None:
        return _first(desired, seen)
    reasons = _reasons(desired, seen, mount)
    if reasons:
        return _anew(desired, seen, reasons)
    return [_adjust(desired, mount)] if _live.differences(kind, desired.options, mount) else []


def _remounted(desired: Desired, seen: Seen) -> list[Action]:
    mount = seen.mount
    if mount is None:
        raise Problem("nothing is mounted there that could be remounted. Take state: mounted.")
    if seen.refreshed:
        return []
    if desired.src:
        _refusals.right_mount(desired, seen)
    else:
        _refusals.refuse_local(mount)
    if not desired.remount:
        _refusals.refuse_silent(seen, mount)
        return [Action("refresh", f"remount {mount.source} at {desired.path} in place")]
    again = _put_back(seen)
    if not desired.src and not again:
        raise Problem(
            f"{mount.source} is mounted there, and neither fstab nor a unit says how. Give src and opts, or leave "
            "remount out: then it is remounted in place."
        )
    return [
        Action("unmount", f"unmount {mount.source} from {desired.path}"),
        Action("mount", f"mount it again at {desired.path}", details={"again": again} if not desired.src else {}),
    ]


_PLANS: Mapping[str, Callable[[Desired, Seen], list[Action]]] = {
    "mounted": _mounted,
    "present": _present,
    "unmounted": _unmounted,
    "absent": _absent,
    "remounted": _remounted,
    "ephemeral": _ephemeral,
}


def _first(desired: Desired, seen: Seen) -> list[Action]:
    """Nothing is mounted there yet. What is declared is mounted before it is written anywhere."""
    on_demand = desired.automount and desired.by_systemd
    if on_demand and seen.autofs and not _configuration.differences(desired, seen):
        return []
    _refusals.check_place(desired, seen)
    _refusals.check_server(desired, seen)
    away = [Action("stop_automount", f"stop mounting on demand at {desired.path}")] if seen.autofs else []
    if on_demand or (_refusals.kind_of(desired).daemon and desired.by_systemd):
        return [_rehearse(desired), *away, *_shape(desired, seen)]
    where = "" if seen.place is None or seen.place.exists else ", a new directory"
    return [*away, Action("mount", f"mount {desired.src} at {desired.path}{where}")]


def _anew(desired: Desired, seen: Seen, reasons: list[str]) -> list[Action]:
    """It can only be brought about by unmounting what is in use."""
    told = "; ".join(reasons)
    if not desired.remount:
        raise Problem(
            f"needs to be unmounted and mounted again: {told}. Whoever uses it has to let go of it for that. Set "
            "remount: allowed when that is right, or take the change back."
        )
    _refusals.check_server(desired, seen)
    actions = [
        _rehearse(desired),
        Action("unmount", f"unmount {seen.live[-1].source} from {desired.path}, since {told}"),
    ]
    if seen.autofs:
        actions.append(Action("stop_automount", f"stop mounting on demand at {desired.path}"))
    if not (desired.automount or _refusals.kind_of(desired).daemon) or not desired.by_systemd:
        sentence = f"mount {desired.src} at {desired.path} again"
        actions.append(Action("mount", sentence, details={"before": _put_back(seen)}))
    return actions


def _start(desired: Desired, seen: Seen, anew: bool) -> list[Action]:
    """What systemd has to start after it has read the units: what comes on demand, or is served by a process."""
    if not desired.by_systemd:
        return []
    if desired.automount and (not seen.autofs or (anew and _configuration.differences(desired, seen))):
        return [Action("start_automount", f"have {desired.src} mounted at {desired.path} on demand", settled=True)]
    if _refusals.kind_of(desired).daemon and not desired.automount and anew:
        return [Action("start", f"mount {desired.src} at {desired.path}", settled=True)]
    return []


def _rehearse(desired: Desired) -> Action:
    return Action("rehearse", f"try to mount {desired.src} elsewhere, with the options for {desired.path}")


def _adjust(desired: Desired, mount: Mount) -> Action:
    changes = ", ".join(str(one) for one in _live.differences(_refusals.kind_of(desired), desired.options, mount))
    return Action("adjust", f"change {changes} of the mount at {desired.path} while it is in use")


def _shape(desired: Desired, seen: Seen) -> list[Action]:
    """The directory beneath, while nothing is mounted upon it. A share itself is never changed."""
    if seen.place is None or seen.place.problem:
        return []
    if not seen.place.exists:
        return [Action("place", f"create the mount point {desired.path}")]
    told = _ownership.differences(seen.place.ownership, desired.ownership)
    return [Action("place", f"set {', '.join(told)} of the mount point {desired.path}")] if told else []


def _unmount(desired: Desired, seen: Seen) -> list[Action]:
    actions = []
    for mount in reversed(seen.live):
        _refusals.refuse_local(mount)
        how = " lazily" if desired.lazy else ""
        actions.append(Action("unmount", f"unmount {mount.source} from {desired.path}{how}"))
    if seen.autofs:
        actions.append(Action("stop_automount", f"stop mounting on demand at {desired.path}"))
    return actions


def _reasons(desired: Desired, seen: Seen, mount: Mount) -> list[str]:
    """Why the mount has to go and come again, as clauses."""
    reasons = []
    if seen.health and seen.health.state == STALE:
        reasons.append("its handle is stale: the server no longer has what was mounted")
    else:
        _refusals.refuse_silent(seen, mount)
    different = _live.differences(_refusals.kind_of(desired), desired.options, mount)
    reasons += [f"its options differ ({one})" for one in different if not one.in_place]
    if desired.by_systemd and desired.automount != seen.autofs:
        reasons.append(f"it is {'not ' if desired.automount else ''}mounted on demand")
    return reasons


def _warnings(desired: Desired, seen: Seen) -> tuple[str, ...]:
    told = [
        f"mount {desired.path}: required_by: systemd does not know {unit} yet. It will wait for the mount once it is "
        "there; correct the name if it is another one."
        for unit in seen.unknown_units
    ]
    if seen.predicting and desired.kind and seen.helper_missing:
        told.append(
            f"mount {desired.path}: this host has no {desired.kind.helper} yet. The real run refuses without it."
        )
    if seen.predicting and seen.unresolved:
        told.append(f"mount {desired.path}: the server cannot be resolved yet. The real run refuses without it.")
    return tuple(told)


def _put_back(seen: Seen) -> tuple[str, str, tuple[str, ...]] | None:
    """What was configured before, to be mounted again if the new one cannot be."""
    src, fstype, options = _seen.declared(seen)
    return (src, fstype, options) if src else None


def _after(desired: Desired, seen: Seen, before: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the mount will be, in the form of the result."""
    if desired.state == "absent":
        return None
    if desired.state == "unmounted":
        gone = {**(before or {}), "mounted": False, "automount": False, "health": None}
        return gone if seen.configured else None
    if desired.state == "remounted":
        return dict(before or {})
    kept = desired.state != "ephemeral"
    comes = desired.state != "present" and not (desired.automount and kept)
    mounted = comes or (seen.mount is not None and not (desired.automount and not seen.autofs))
    required = seen.drop_ins if desired.required_by is None else desired.required_by
    return {
        "path": desired.path,
        "src": desired.src,
        "fstype": _refusals.kind_of(desired).written,
        "opts": _seen.told(desired.options, desired.hidden),
        "configured": desired.backend if kept else seen.configured,
        "automount": desired.automount if desired.state == "mounted" else seen.autofs,
        "mounted": mounted,
        "health": "responsive" if comes else (seen.health.state if seen.health and mounted else None),
        "required_by": sorted(required),
    }
