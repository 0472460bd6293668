# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""First steps side by side."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._pipeline import Action
from ansible_collections.holdfast.persistence.plugins.module_utils.mounts._first_steps import FirstSteps


def test_one_that_waits_does_not_hold_up_another() -> None:
    """The first one ends only after the second one did."""
    second_done = threading.Event()
    steps, actions = FirstSteps(), [Action("mount", "a"), Action("mount", "b")]
    steps.add("/a", actions[0], lambda: None if second_done.wait(10) else pytest.fail("nobody came"))
    steps.add("/b", actions[1], second_done.set)
    assert steps.done("/a", actions[0])
    assert steps.done("/b", actions[1])


def test_errors_come_back_to_their_item() -> None:
    def fail() -> None:
        raise OSError("no")

    steps, actions = FirstSteps(), [Action("mount", "a"), Action("mount", "b")]
    steps.add("/a", actions[0], fail)
    steps.add("/b", actions[1], lambda: None)
    assert steps.done("/b", actions[1])
    with pytest.raises(OSError, match="no"):
        steps.done("/a", actions[0])


def test_what_lies_within_another_comes_in_its_turn() -> None:
    done: list[str] = []
    steps, outer, inner = FirstSteps(), Action("mount", "a"), Action("mount", "b")
    steps.add("/a", outer, lambda: done.append("/a"))
    steps.add("/a/b", inner, lambda: done.append("/a/b"))
    assert steps.done("/a", outer)
    assert not steps.done("/a/b", inner)
    assert done == ["/a"]


def test_later_steps_are_none_of_these() -> None:
    steps, first = FirstSteps(), Action("mount", "a")
    steps.add("/a", first, lambda: None)
    assert not steps.done("/a", Action("configure", "b"))
    assert not steps.done("/b", first)
