# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one way through every managing module: observe, plan, apply, verify (docs/adr/0001-pipeline.md).

A module brings a :class:`Resource`; :func:`run` takes its items through it. Check mode stops after the plan, so
check, diff, the result's ``actions`` and what really happens are one plan and cannot drift apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ansible.module_utils.basic import AnsibleModule

from .runner._problem import Problem

Desired = TypeVar("Desired")
Observed = TypeVar("Observed")


@dataclass(frozen=True)
class Action:
    """One step of a plan: data, not code, so that plans can be compared and shown without being carried out."""

    verb: str
    """What :meth:`Resource.apply` dispatches on."""
    sentence: str
    """What a person reads, in check mode and afterwards: "create volume pgdata with driver local"."""
    destroys: str = ""
    """What would be lost, in words: "1,204 files (3.1 GB)". Empty when nothing is."""
    way_out: str = ""
    """For a destroying action: what can be done instead of allowing the loss, as a sentence."""
    settled: bool = False
    """Comes after :meth:`Resource.settle`, for example a unit's start after the reload of systemd."""
    details: Mapping[str, Any] = field(default_factory=dict)
    """What :meth:`Resource.apply` needs to know. Never a secret."""


@dataclass(frozen=True)
class Plan:
    """What leads from the observed to the desired state of one item."""

    before: Mapping[str, Any] | None
    """The resource as it is, in the form of the module's result; None when it does not exist."""
    after: Mapping[str, Any] | None
    actions: tuple[Action, ...] = ()
    warnings: tuple[str, ...] = ()


class Resource(Generic[Desired, Observed]):
    """One noun that a module manages. :meth:`desire` and :meth:`plan` are pure; the rest talks to the host.

    Every method raises :class:`Problem`, whose message names object, action, value and way out.
    """

    noun: str
    plural: str
    """Also the name of the option that takes the list."""
    key: str = "name"
    """The option that tells one item from another."""

    def desire(self, item: Mapping[str, Any]) -> Desired:
        """The item's options as desired state. Refuses bad input before anything is touched."""
        raise NotImplementedError

    def observe(self, desired: Sequence[Desired]) -> Sequence[Observed | Problem]:
        """What the host holds for each item, in the same order: one call for the whole list."""
        raise NotImplementedError

    def plan(self, desired: Desired, observed: Observed) -> Plan:
        """The way from observed to desired. No input, no output."""
        raise NotImplementedError

    def apply(self, desired: Desired, action: Action) -> None:
        """Carry out one action of the plan."""
        raise NotImplementedError

    def settling(self, actions: Sequence[Action]) -> str:
        """What :meth:`settle` must do once after these actions, as a sentence; empty when nothing."""
        return ""

    def settle(self) -> None:
        """What is done once for the whole list, between the actions that are not ``settled`` and those that are."""


@dataclass
class _Item(Generic[Desired, Observed]):
    """One item on its way through the pipeline."""

    name: str
    desired: Desired
    plan: Plan = Plan(None, None)
    done: list[str] = field(default_factory=list)
    problem: str = ""
    result: Mapping[str, Any] | None = None


def argument_spec(
    resource: type[Resource[Any, Any]], options: Mapping[str, Any], common: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The module's options: one item's own at the top, a list of such items, and what serves the whole call.

    ``options`` are one item's, without the key, which is added as a string.
    """
    item = {resource.key: {"type": "str", "required": True}, **options}
    return {
        resource.key: {"type": "str"},
        **options,
        resource.plural: {"type": "list", "elements": "dict", "options": item},
        **(common or {}),
    }


def constraints(resource: type[Resource[Any, Any]]) -> dict[str, Any]:
    """The arguments of ``AnsibleModule`` that make single and list form exclude each other."""
    forms = [(resource.key, resource.plural)]
    return {"mutually_exclusive": forms, "required_one_of": forms, "supports_check_mode": True}


def run(module: AnsibleModule, resource: Resource[Any, Any]) -> None:
    """Take the module's items through observe, plan, apply and verify, and leave the module with the result."""
    try:
        items = _desire(module, resource)
        _plan(module, resource, items)
    except Problem as problem:
        module.fail_json(msg=str(problem), actions=[], changed=False)
        return
    settling = resource.settling([action for item in _sound(items) for action in item.plan.actions])
    actions = _sentences(items, settling)
    if not module.check_mode:
        actions = _apply(resource, items, settling)
        _verify(resource, items)
    _leave(module, resource, items, actions)


def _desire(module: AnsibleModule, resource: Resource[Any, Any]) -> list[_Item[Any, Any]]:
    raw_items = _raw_items(module, resource)
    items: list[_Item[Any, Any]] = []
    problems: list[str] = []
    for raw in raw_items:
        try:
            items.append(_Item(str(raw[resource.key]), resource.desire(raw)))
        except Problem as problem:
            problems.append(str(problem))
    names = [str(raw[resource.key]) for raw in raw_items]
    problems += [
        f"{resource.noun} {name}: is in the list {names.count(name)} times. Keep one of them."
        for name in sorted({name for name in names if names.count(name) > 1})
    ]
    if problems:
        raise Problem("\n".join([*problems, "Nothing was changed."]))
    return items


def _raw_items(module: AnsibleModule, resource: Resource[Any, Any]) -> Sequence[Mapping[str, Any]]:
    """The items as the user wrote them; an item's option beside a list would be ignored, so it is refused."""
    options = module.argument_spec[resource.plural]["options"]
    if module.params[resource.plural] is None:
        return [{name: module.params[name] for name in options}]
    stray = [
        name
        for name, option in options.items()
        if module.argument_spec[name].get("default") != module.params[name] and name != resource.key
    ]
    if stray:
        raise Problem(
            f"{resource.plural}: {', '.join(stray)} beside the list would not reach its items. Write it into each item."
        )
    return list(module.params[resource.plural])


def _plan(module: AnsibleModule, resource: Resource[Any, Any], items: list[_Item[Any, Any]]) -> None:
    for item, observed in zip(items, _observe(resource, items)):
        try:
            if isinstance(observed, Problem):
                raise observed
            item.plan = resource.plan(item.desired, observed)
            _refuse_loss(resource, item, module.params.get("data_loss", "refuse"))
        except Problem as problem:
            item.problem = str(problem)
        for warning in item.plan.warnings:
            module.warn(warning)


def _observe(resource: Resource[Any, Any], items: Sequence[_Item[Any, Any]]) -> Sequence[Any]:
    try:
        return resource.observe([item.desired for item in items])
    except OSError as error:
        raise Problem(
            f"{resource.plural}: could not look at the host: {error}. Mend what the system says, and run again."
        ) from error


def _refuse_loss(resource: Resource[Any, Any], item: _Item[Any, Any], data_loss: str) -> None:
    for action in item.plan.actions:
        if action.destroys and data_loss != "allow":
            raise Problem(
                f"{resource.noun} {item.name}: refused to {action.sentence}: {action.destroys} would be lost. "
                f"{action.way_out + ' ' if action.way_out else ''}To lose them knowingly, set data_loss: allow."
            )


def _apply(resource: Resource[Any, Any], items: list[_Item[Any, Any]], settling: str) -> list[str]:
    done = _apply_wave(resource, items, settled=False)
    if settling and done:
        try:
            resource.settle()
            done.append(settling)
        except Problem as problem:
            for item in _sound(items):
                item.problem = str(problem) if item.plan.actions else ""
    return done + _apply_wave(resource, items, settled=True)


def _apply_wave(resource: Resource[Any, Any], items: list[_Item[Any, Any]], settled: bool) -> list[str]:
    """Carry out one wave of all sound items, and return the sentences of what was done."""
    done = []
    for item in _sound(items):
        for action in item.plan.actions:
            if action.settled != settled:
                continue
            try:
                resource.apply(item.desired, action)
            except Problem as problem:
                item.problem = str(problem)
                break
            except OSError as error:
                item.problem = (
                    f"{resource.noun} {item.name}: could not {action.sentence}: {error}. "
                    "Mend what the system says, and run again: what is missing is done then."
                )
                break
            item.done.append(action.sentence)
            done.append(action.sentence)
    return done


def _verify(resource: Resource[Any, Any], items: list[_Item[Any, Any]]) -> None:
    """Look at the host again: after an apply, a second plan must find nothing left to do."""
    changed = [item for item in _sound(items) if item.done]
    if not changed:
        return
    try:
        observed = _observe(resource, changed)
    except Problem as problem:
        observed = [problem] * len(changed)
    for item, seen in zip(changed, observed):
        try:
            if isinstance(seen, Problem):
                raise seen
            again = resource.plan(item.desired, seen)
            if again.actions:
                left = "; ".join(action.sentence for action in again.actions)
                raise Problem(f"{resource.noun} {item.name}: the change did not hold, still to do: {left}.")
            item.result = again.before
        except Problem as problem:
            item.problem = str(problem)


def _sound(items: Sequence[_Item[Any, Any]]) -> list[_Item[Any, Any]]:
    return [item for item in items if not item.problem]


def _sentences(items: Sequence[_Item[Any, Any]], settling: str) -> list[str]:
    """What the plan would do, in the order in which it would be done."""
    actions = [action for item in _sound(items) for action in item.plan.actions]
    first = [action.sentence for action in actions if not action.settled]
    return first + ([settling] if settling else []) + [action.sentence for action in actions if action.settled]


def _leave(
    module: AnsibleModule, resource: Resource[Any, Any], items: Sequence[_Item[Any, Any]], actions: list[str]
) -> None:
    changed = [item for item in items if item.done or (module.check_mode and not item.problem and item.plan.actions)]
    resources = [item.result if item.done else item.plan.after for item in _sound(items)]
    result: dict[str, Any] = {
        "changed": bool(changed),
        "actions": actions,
        "diff": {
            "before": {item.name: item.plan.before for item in changed},
            "after": {item.name: item.plan.after for item in changed},
        },
        resource.plural: [seen for seen in resources if seen is not None],
    }
    if module.params[resource.plural] is None:
        result[resource.noun] = resources[0] if resources else None
    failed = [item for item in items if item.problem]
    if not failed:
        module.exit_json(**result)
        return
    result["errors"] = [{resource.key: item.name, "msg": item.problem, "done": item.done} for item in failed]
    module.fail_json(msg=_failure(resource, items, failed), **result)


def _failure(resource: Resource[Any, Any], items: Sequence[_Item[Any, Any]], failed: Sequence[_Item[Any, Any]]) -> str:
    if len(items) == 1:
        lines = [failed[0].problem]
    else:
        lines = [f"{len(failed)} of {len(items)} {resource.plural} failed:"]
        lines += [f"- {item.problem}" for item in failed]
    done = [sentence for item in items for sentence in item.done]
    lines.append(f"Done all the same: {'; '.join(done)}." if done else "Nothing was changed.")
    return "\n".join(lines)
