# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pipeline, taken through with boxes that exist in memory only: a box has a colour, and may hold things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import (
    Action,
    Plan,
    Resource,
    argument_spec,
    constraints,
    run,
)
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

OPTIONS: Mapping[str, Any] = {
    "colour": {"type": "str", "default": "red"},
    "lit": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


@dataclass(frozen=True)
class Wanted:
    name: str
    colour: str
    lit: bool
    present: bool


@dataclass
class Box:
    colour: str
    lit: bool = False
    things: int = 0


class Boxes(Resource[Wanted, "Box | None"]):
    """A shelf of boxes. ``broken`` ones fail when touched, ``stubborn`` ones do not take what is done to them."""

    noun = "box"
    plural = "boxes"

    def __init__(self, shelf: dict[str, Box], broken: Sequence[str] = (), stubborn: Sequence[str] = ()) -> None:
        self.shelf = shelf
        self.broken = broken
        self.stubborn = stubborn
        self.log: list[str] = []
        self.settle_problem = ""

    def desire(self, item: Mapping[str, Any]) -> Wanted:
        if item["colour"] == "plaid":
            raise Problem(f"box {item['name']}: colour: plaid is no colour. Take another.")
        return Wanted(item["name"], item["colour"], item["lit"], item["state"] == "present")

    def observe(self, desired: Sequence[Wanted]) -> Sequence[Box | Problem | None]:
        self.log.append(f"observe {len(desired)}")
        if "whole shelf" in self.broken:
            raise Problem("the shelf is not there. Build it.")
        return [
            Problem(f"box {wanted.name}: cannot be seen.")
            if f"sight of {wanted.name}" in self.broken
            else self.shelf.get(wanted.name)
            for wanted in desired
        ]

    def plan(self, desired: Wanted, observed: Box | None) -> Plan:
        before = observed and {"name": desired.name, "colour": observed.colour, "lit": observed.lit}
        after = {"name": desired.name, "colour": desired.colour, "lit": desired.lit}
        if not desired.present:
            if observed is None:
                return Plan(None, None)
            destroys = f"{observed.things} things" if observed.things else ""
            return Plan(before, None, (Action("remove", f"remove box {desired.name}", destroys, "Empty it first."),))
        actions = []
        if observed is None or observed.colour != desired.colour:
            actions.append(Action("paint", f"paint box {desired.name} {desired.colour}"))
        if desired.lit and not (observed and observed.lit):
            actions.append(Action("light", f"light box {desired.name}", settled=True))
        return Plan(
            before, after, tuple(actions), (f"box {desired.name} is pink.",) if desired.colour == "pink" else ()
        )

    def apply(self, desired: Wanted, action: Action) -> None:
        self.log.append(action.sentence)
        if desired.name in self.broken:
            raise Problem(f"box {desired.name}: the lid is stuck. Oil it.")
        if desired.name in self.stubborn:
            return
        if action.verb == "remove":
            del self.shelf[desired.name]
        elif action.verb == "paint":
            self.shelf.setdefault(desired.name, Box(desired.colour)).colour = desired.colour
        else:
            self.shelf[desired.name].lit = True

    def settling(self, actions: Sequence[Action]) -> str:
        return "let the paint dry" if any(action.verb == "paint" for action in actions) else ""

    def settle(self) -> None:
        self.log.append("settle")
        if self.settle_problem:
            raise Problem(self.settle_problem)


class Left(Exception):
    """The module has said its result."""

    def __init__(self, failed: bool, result: Mapping[str, Any]) -> None:
        super().__init__(result)
        self.failed = failed
        self.result = result


class Module:
    """As much of AnsibleModule as the pipeline asks for; the parameters go through Ansible's own validation."""

    def __init__(self, check_mode: bool = False, **given: Any) -> None:
        self.argument_spec = argument_spec(
            Boxes, OPTIONS, {"data_loss": {"choices": ["refuse", "allow"], "default": "refuse"}}
        )
        rules = constraints(Boxes)
        assert rules.pop("supports_check_mode")
        validated = ArgumentSpecValidator(self.argument_spec, **rules).validate(given)
        assert not validated.error_messages, validated.error_messages
        self.params = validated.validated_parameters
        self.check_mode = check_mode
        self.warnings: list[str] = []

    def warn(self, warning: str) -> None:
        self.warnings.append(warning)

    def exit_json(self, **result: Any) -> None:
        raise Left(False, result)

    def fail_json(self, **result: Any) -> None:
        raise Left(True, result)


def taken(module: Any, boxes: Boxes) -> Left:
    with pytest.raises(Left) as left:
        run(module, boxes)
    return left.value


def done(left: Left) -> Mapping[str, Any]:
    assert not left.failed, left.result["msg"]
    return left.result


def failed(left: Left) -> Mapping[str, Any]:
    assert left.failed
    return left.result


def test_one_item_is_made_and_made_again() -> None:
    boxes = Boxes({})
    first = done(taken(Module(name="a", colour="blue"), boxes))
    assert first["changed"] is True
    assert first["actions"] == ["paint box a blue", "let the paint dry"]
    assert first["box"] == {"name": "a", "colour": "blue", "lit": False}
    assert first["boxes"] == [first["box"]]
    assert first["diff"] == {"before": {"a": None}, "after": {"a": first["box"]}}
    again = done(taken(Module(name="a", colour="blue"), boxes))
    assert (again["changed"], again["actions"], again["diff"]) == (False, [], {"before": {}, "after": {}})
    assert again["box"] == first["box"]


def test_an_unchanged_run_looks_once_and_does_nothing_else() -> None:
    boxes = Boxes({"a": Box("red"), "b": Box("red")})
    done(taken(Module(boxes=[{"name": "a"}, {"name": "b"}]), boxes))
    assert boxes.log == ["observe 2"]


def test_a_changed_run_looks_again_at_what_it_changed_only() -> None:
    boxes = Boxes({"a": Box("red")})
    done(taken(Module(boxes=[{"name": "a"}, {"name": "b"}]), boxes))
    assert boxes.log == ["observe 2", "paint box b red", "settle", "observe 1"]


@pytest.mark.parametrize(
    "given",
    [
        {"name": "a", "colour": "green"},
        {"name": "a", "state": "absent"},
        {"boxes": [{"name": "a", "lit": True}, {"name": "new", "lit": True}, {"name": "b"}]},
        {"boxes": [{"name": "b", "state": "absent"}, {"name": "c", "state": "absent"}]},
        {"name": "full", "state": "absent", "data_loss": "allow"},
        {"boxes": []},
    ],
)
def test_check_mode_tells_what_the_real_run_does_and_does_none_of_it(given: Mapping[str, Any]) -> None:
    def shelf() -> dict[str, Box]:
        return {"a": Box("red"), "b": Box("blue"), "full": Box("red", things=7)}

    checked = Boxes(shelf())
    told = done(taken(Module(check_mode=True, **given), checked))
    assert checked.shelf == shelf()
    assert len(checked.log) == 1
    real = done(taken(Module(**given), Boxes(shelf())))
    assert told == real


def test_what_holds_things_stays_unless_their_loss_is_allowed() -> None:
    boxes = Boxes({"full": Box("red", things=7)})
    refused = failed(taken(Module(name="full", state="absent"), boxes))
    assert refused["msg"] == (
        "box full: refused to remove box full: 7 things would be lost. Empty it first. "
        "To lose them knowingly, set data_loss: allow.\nNothing was changed."
    )
    assert "full" in boxes.shelf
    allowed = done(taken(Module(name="full", state="absent", data_loss="allow"), boxes))
    assert (allowed["changed"], allowed["box"], boxes.shelf) == (True, None, {})


def test_check_mode_refuses_a_loss_as_the_real_run_does() -> None:
    given = {"name": "full", "state": "absent"}
    checked = failed(taken(Module(check_mode=True, **given), Boxes({"full": Box("red", things=7)})))
    real = failed(taken(Module(**given), Boxes({"full": Box("red", things=7)})))
    assert checked == real


@pytest.mark.parametrize("broken", ["b", "sight of b"])
def test_one_bad_item_does_not_keep_the_others_back(broken: str) -> None:
    boxes = Boxes({}, broken=[broken])
    result = failed(taken(Module(boxes=[{"name": "a"}, {"name": "b"}, {"name": "c"}]), boxes))
    assert set(boxes.shelf) == {"a", "c"}
    assert result["changed"] is True
    assert [box["name"] for box in result["boxes"]] == ["a", "c"]
    assert [error["name"] for error in result["errors"]] == ["b"]
    assert result["msg"].startswith("1 of 3 boxes failed:\n- box b: ")
    assert result["msg"].endswith("Done all the same: paint box a red; paint box c red.")
    assert "paint box b red" not in result["actions"]


def test_an_item_that_fails_half_way_says_what_was_done() -> None:
    class HalfBroken(Boxes):
        def apply(self, desired: Wanted, action: Action) -> None:
            if action.verb == "light":
                raise Problem("box a: has no lamp. Fit one.")
            super().apply(desired, action)

    result = failed(taken(Module(name="a", lit=True), HalfBroken({})))
    assert result["errors"] == [{"name": "a", "msg": "box a: has no lamp. Fit one.", "done": ["paint box a red"]}]
    assert result["changed"] is True
    assert result["actions"] == ["paint box a red", "let the paint dry"]


def test_a_full_disk_fails_its_item_in_words_and_the_others_go_on() -> None:
    class Full(Boxes):
        def apply(self, desired: Wanted, action: Action) -> None:
            if desired.name == "a":
                raise OSError(28, "No space left on device", "/shelf/a")
            super().apply(desired, action)

    boxes = Full({})
    result = failed(taken(Module(boxes=[{"name": "a"}, {"name": "b"}]), boxes))
    assert set(boxes.shelf) == {"b"}
    assert "box a: could not paint box a red: [Errno 28] No space left on device: '/shelf/a'." in result["msg"]


def test_what_follows_a_failed_action_of_an_item_is_left_undone() -> None:
    class Polishing(Boxes):
        def plan(self, desired: Wanted, observed: Box | None) -> Plan:
            made = super().plan(desired, observed)
            return replace(made, actions=(*made.actions, Action("polish", f"polish box {desired.name}")))

    boxes = Polishing({}, broken=["a"])
    result = failed(taken(Module(name="a"), boxes))
    assert boxes.log == ["observe 1", "paint box a red"]
    assert result["msg"] == "box a: the lid is stuck. Oil it.\nNothing was changed."


def test_a_change_that_did_not_hold_is_a_failure() -> None:
    result = failed(taken(Module(name="a"), Boxes({}, stubborn=["a"])))
    assert "the change did not hold, still to do: paint box a red." in result["msg"]
    assert result["changed"] is True


def test_a_host_that_cannot_be_looked_at_after_the_change_is_a_failure() -> None:
    class Vanishing(Boxes):
        def settle(self) -> None:
            self.broken = ["whole shelf"]

    result = failed(taken(Module(boxes=[{"name": "a"}, {"name": "b"}]), Vanishing({})))
    assert result["msg"].startswith("2 of 2 boxes failed:\n- the shelf is not there.")
    assert result["changed"] is True


def test_an_error_of_the_system_while_looking_is_told_in_words() -> None:
    class Forbidden(Boxes):
        def observe(self, desired: Sequence[Wanted]) -> Sequence[Box | Problem | None]:
            raise PermissionError(13, "Permission denied", "/shelf")

    result = failed(taken(Module(name="a"), Forbidden({})))
    assert "could not look at the host: [Errno 13] Permission denied: '/shelf'." in result["msg"]


def test_a_host_that_cannot_be_looked_at_fails_the_call() -> None:
    result = failed(taken(Module(name="a"), Boxes({}, broken=["whole shelf"])))
    assert result == {"msg": "the shelf is not there. Build it.", "actions": [], "changed": False}


def test_bad_input_in_one_item_stops_all_before_anything_is_touched() -> None:
    boxes = Boxes({})
    result = failed(taken(Module(boxes=[{"name": "a"}, {"name": "b", "colour": "plaid"}]), boxes))
    assert result["msg"] == "box b: colour: plaid is no colour. Take another.\nNothing was changed."
    assert boxes.log == []


def test_a_name_may_be_in_the_list_once() -> None:
    boxes = Boxes({})
    given = [{"name": "a"}, {"name": "b"}, {"name": "a", "colour": "blue"}, {"name": "a", "colour": "plaid"}]
    result = failed(taken(Module(boxes=given), boxes))
    assert "box a: is in the list 3 times. Keep one of them." in result["msg"]
    assert "plaid" in result["msg"]
    assert "box b" not in result["msg"]
    assert boxes.log == []


@pytest.mark.parametrize(
    ("stray", "named"), [({"colour": "blue"}, "colour"), ({"lit": True, "state": "absent"}, "lit, state")]
)
def test_an_option_beside_the_list_is_refused(stray: Mapping[str, Any], named: str) -> None:
    boxes = Boxes({})
    result = failed(taken(Module(boxes=[{"name": "a"}], **stray), boxes))
    assert result["msg"].startswith(f"boxes: {named} beside the list would not reach its items.")
    assert boxes.log == []


def test_waves_settle_once_between_what_needs_it_and_the_rest() -> None:
    boxes = Boxes({"c": Box("red")})
    items = [{"name": "a", "lit": True}, {"name": "b"}, {"name": "c", "lit": True}]
    result = done(taken(Module(boxes=items), boxes))
    expected = ["paint box a red", "paint box b red", "let the paint dry", "light box a", "light box c"]
    assert result["actions"] == expected
    assert boxes.log[1:-1] == ["settle" if sentence == "let the paint dry" else sentence for sentence in expected]


def test_nothing_settles_when_nothing_was_done() -> None:
    boxes = Boxes({}, broken=["a"])
    failed(taken(Module(name="a", lit=True), boxes))
    assert "settle" not in boxes.log


def test_a_failed_settling_fails_what_was_changed_and_starts_nothing() -> None:
    boxes = Boxes({"c": Box("red")})
    boxes.settle_problem = "the paint does not dry. Open a window."
    result = failed(taken(Module(boxes=[{"name": "a", "lit": True}, {"name": "c"}]), boxes))
    assert [error["name"] for error in result["errors"]] == ["a"]
    assert "light box a" not in boxes.log
    assert [box["name"] for box in result["boxes"]] == ["c"]


@pytest.mark.parametrize("check_mode", [False, True])
def test_warnings_of_the_plan_reach_the_user_once(check_mode: bool) -> None:
    module = Module(check_mode=check_mode, name="a", colour="pink")
    done(taken(module, Boxes({})))
    assert module.warnings == ["box a is pink."]


def test_single_and_list_form_exclude_each_other() -> None:
    rules = constraints(Boxes)
    assert rules == {
        "mutually_exclusive": [("name", "boxes")],
        "required_one_of": [("name", "boxes")],
        "supports_check_mode": True,
    }


def test_a_typing_error_in_an_item_is_refused_by_name() -> None:
    spec = argument_spec(Boxes, OPTIONS)
    messages = ArgumentSpecValidator(spec).validate({"boxes": [{"name": "a", "color": "blue"}]}).error_messages
    assert len(messages) == 1
    assert "color" in messages[0]
