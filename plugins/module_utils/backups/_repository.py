# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repositories as the host shall know them and as it does, and the way from one to the other. No input, no output.

A repository is stored before it is initialised, so that there is never one whose password is known to nobody; it is
stored after it was probed, so that credentials which do not work never replace those which do. The file ``id`` is
written last and says that a repository has been there: from then on its absence is a loss, not a first boot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .._pipeline import Action, Plan
from ..runner import _paths
from ..runner._problem import Problem
from ..runner._restic import Finding, Probe
from ._password_change import Change, add_actions, change_warnings, remove_actions
from ._repository_options import Desired, masked, repository
from ._stored import Credentials, Stored


@dataclass(frozen=True)
class Observed:
    """One repository as the host knows it, and what the wanted credentials find."""

    stored: Stored | None
    jobs: tuple[str, ...] = ()
    """Which jobs of this host use it."""
    leftovers: tuple[Path, ...] = ()
    """What a run that was killed left behind."""
    candidate: Credentials | None = None
    probe: Probe | None = None
    """What the candidate finds; None when it could not be tried, which only check mode lets pass."""
    warnings: tuple[str, ...] = ()
    change: Change = field(default_factory=Change)
    append_only: bool | None = None
    """Whether this host can only add there, as tried; None when that was not asked, or could not be tried yet."""
    sources: tuple[tuple[str, str, Path], ...] = ()
    """Which jobs of this host would back it up: the job, its path, and what it would have to exclude."""


def plan(desired: Desired, observed: Observed) -> Plan:
    """The way from what the host knows to what is wanted. Problem when the repository does not allow it."""
    if observed.candidate is None:
        return _plan_absent(desired.name, observed)
    stored, candidate, probe = observed.stored, observed.candidate, observed.probe
    moved = stored is not None and _location(stored) != candidate.location
    known = stored.id if stored and not moved else ""
    change, where = observed.change, masked(candidate.location)
    _require_usable(desired.name, candidate, probe, known)
    if not known:
        _refuse_sources(desired.name, candidate, observed.sources)
    if desired.prove_append_only and observed.append_only is False:
        _refuse_deletable(desired.name, where)
    found = probe.id if probe else known
    actions = _tidy_actions(desired.name, observed) + add_actions(desired.name, where, change)
    actions += _store_actions(desired.name, observed, candidate, found)
    if not found and not desired.initialise:
        _refuse_to_initialise(desired.name, candidate, probe)
    elif not found:
        sentence = f"initialise repository {desired.name} at {masked(candidate.location)}"
        actions.append(Action("initialise", sentence))
    elif stored and stored.id != found and not any(action.verb == "store" for action in actions):
        actions.append(Action("record", _record_sentence(desired.name, candidate, known, found), details={"id": found}))
    actions += remove_actions(desired.name, where, change, desired.password_change)
    after = _described(desired.name, candidate.location, candidate.environment, found or None, observed.append_only)
    warnings = _warnings(desired.name, observed, moved) + change_warnings(desired.name, where, change)
    return Plan(_before(desired.name, stored, observed.append_only), after, tuple(actions), warnings)


def _require_usable(name: str, candidate: Credentials, probe: Probe | None, known: str) -> None:
    """Problem unless the repository opens, or is certainly absent and was never there."""
    if probe is None or probe.finding is Finding.OPEN:
        return
    where = masked(candidate.location)
    if probe.finding is Finding.ABSENT:
        if known:
            raise Problem(
                f"repository {name}: it has vanished: {where} holds none ({probe.detail}), although this host has used "
                f"repository {known[:8]} there. Nothing was created. Bring back what is missing, such as a mount or a "
                f"bucket. To begin an empty repository knowingly, remove {_paths.repository_directory(name) / 'id'} "
                "and run this again."
            )
        return
    if probe.finding is Finding.WRONG_PASSWORD:
        raise Problem(
            f"repository {name}: the password does not open {where}, where a repository exists. Nothing was changed on "
            "it. Give the password it was created with; to change that, add the new one to the repository first: "
            "restic key add."
        )
    raise probe.problem(repository(name, candidate.location))


def _refuse_to_initialise(name: str, candidate: Credentials, probe: Probe | None) -> None:
    """Problem: there is none, and none is to be made. Not probed, only check mode comes here: it takes it for there."""
    if probe:
        raise Problem(
            f"repository {name}: there is none at {masked(candidate.location)} ({probe.detail}), and initialise is "
            "false. Nothing was created. Correct the location, or bring back what is missing. To begin an empty "
            "repository knowingly, set initialise: true, as the playbook provision does."
        )


def _refuse_sources(name: str, candidate: Credentials, sources: Sequence[tuple[str, str, Path]]) -> None:
    """Problem when a job of this host would save the repository."""
    for job, path, inside in sources:
        raise Problem(
            f"repository {name}: location {masked(candidate.location)}: lies in {path}, which job {job} backs up: "
            "each run would save the repository too, into itself when the job uses it. Nothing was created. Choose a "
            f"location outside of {path}, or have the job leave it out first (backup_timer with exclude: [{inside}])."
        )


def _tidy_actions(name: str, observed: Observed) -> list[Action]:
    if not observed.leftovers:
        return []
    folders = ", ".join(map(str, observed.leftovers))
    return [Action("tidy", f"remove what an interrupted run left of repository {name}: {folders}")]


def _store_actions(name: str, observed: Observed, candidate: Credentials, found: str) -> list[Action]:
    stored = observed.stored
    if stored is None:
        sentence = f"store location, password and environment of repository {name} ({masked(candidate.location)})"
    elif stored.differing(candidate):
        sentence = f"change repository {name}: {'; '.join(_changes(stored, candidate, found))}"
    elif stored.exposed:
        sentence = f"make the files of repository {name} readable by root alone ({', '.join(stored.exposed)})"
    else:
        return []
    moved = stored is not None and _location(stored) != candidate.location
    replaced = "" if moved else observed.change.added_by or observed.change.noted
    return [Action("store", sentence, details={"id": found, "replaced": replaced})]


def _changes(stored: Stored, candidate: Credentials, found: str) -> list[str]:
    changes = []
    for part in stored.differing(candidate):
        if part == "location":
            old = masked(_location(stored))
            old_id = f" (repository {stored.id[:8]}, which stays as it is)" if stored.id else ""
            new_id = f"repository {found[:8]}" if found else "new"
            changes.append(f"location {old}{old_id} → {masked(candidate.location)} ({new_id})")
        else:
            changes.append(f"its {part}")
    return changes


def _record_sentence(name: str, candidate: Credentials, known: str, found: str) -> str:
    if known:
        return f"accept that {masked(candidate.location)} holds repository {found[:8]} now, and no longer {known[:8]}"
    return f"record that repository {name} at {masked(candidate.location)} is {found[:8]}"


def _warnings(name: str, observed: Observed, moved: bool) -> tuple[str, ...]:
    warnings = list(observed.warnings)
    stored, probe = observed.stored, observed.probe
    if probe and stored and not moved and stored.id and probe.id and stored.id != probe.id:
        warnings.append(
            f"repository {name}: another repository ({probe.id[:8]}) lies at its location than before "
            f"({stored.id[:8]}): somebody replaced it, and the earlier snapshots are not in it."
        )
    if moved and observed.jobs:
        warnings.append(
            f"repository {name}: its location changes, and jobs {', '.join(observed.jobs)} use it. "
            "Run backup_timer for them afterwards, so that their units may reach the new one."
        )
    return tuple(warnings)


def _plan_absent(name: str, observed: Observed) -> Plan:
    tidy = _tidy_actions(name, observed)
    if observed.stored is None:
        return Plan(None, None, tuple(tidy))
    if observed.jobs:
        raise Problem(
            f"repository {name}: refused to forget it, since jobs of this host use it: {', '.join(observed.jobs)}. "
            "Remove them first (backup_timer with state: absent) or give them another repository."
        )
    where = masked(_location(observed.stored))
    sentence = f"forget how to open repository {name}; the repository itself stays at {where}"
    return Plan(_before(name, observed.stored), None, (*tidy, Action("forget", sentence)))


def _refuse_deletable(name: str, where: str) -> None:
    raise Problem(
        f"repository {name}: it is not append-only: with what this host has, a snapshot at {where} could be removed, "
        "tried on one of a few bytes that was made for it. All others are untouched. Give the host an access that can "
        "only add (the role backup_server makes such ones), or take prove_append_only away."
    )


def _before(name: str, stored: Stored | None, append_only: bool | None = None) -> dict[str, Any] | None:
    if stored is None:
        return None
    lines = (stored.environment or b"").decode(errors="replace").splitlines()
    return _described(
        name, _location(stored), [line.partition("=")[0] for line in lines], stored.id or None, append_only
    )


def _described(
    name: str, location: str, variables: Any, repository_id: str | None, append_only: bool | None
) -> dict[str, Any]:
    return {
        "name": name,
        "location": masked(location),
        "environment": sorted(variables),
        "id": repository_id,
        "append_only": append_only,
    }


def _location(stored: Stored) -> str:
    return (stored.location or b"").decode(errors="replace").strip()
