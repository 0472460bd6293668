# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What systemd prints, as it was seen to print it."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils._systemd import Unit, parse_calendar, parse_show
from ansible_collections.holdfast.persistence.plugins.module_utils.runner._problem import Problem

SHOWN = """\
NextElapseUSecRealtime=Sat 2026-11-21 02:41:11 UTC
Id=holdfast-backup-database.timer
ActiveState=active
UnitFileState=enabled
NeedDaemonReload=no

Id=holdfast-backup-database.service
ActiveState=activating
UnitFileState=static
NeedDaemonReload=yes

Id=nope.service
ActiveState=inactive
UnitFileState=
NeedDaemonReload=no
"""

WORKDAYS = """\
  Original form: Mon..Fri 03:00
Normalized form: Mon..Fri *-*-* 03:00:00
    Next elapse: Fri 2026-11-20 03:00:00 UTC
       From now: 15h left
       Iter. #2: Mon 2026-11-23 03:00:00 UTC
       From now: 3 days left
       Iter. #3: Tue 2026-11-24 03:00:00 UTC
       From now: 4 days left
"""

NEVER = """\
  Original form: 2020-02-30
Normalized form: 2020-02-30 00:00:00
    Next elapse: never
"""


def test_units_are_told_apart_by_name() -> None:
    assert parse_show(SHOWN) == {
        "holdfast-backup-database.timer": Unit("active", "enabled", next_elapse="2026-11-21T02:41:11Z"),
        "holdfast-backup-database.service": Unit("activating", "static", stale=True),
        "nope.service": Unit("inactive", ""),
    }


@pytest.mark.parametrize(("state", "busy"), [("activating", True), ("inactive", False), ("failed", False)])
def test_a_oneshot_service_works_while_it_activates(state: str, busy: bool) -> None:
    assert Unit(state).busy is busy


def test_the_longest_gap_is_found_over_a_weekend() -> None:
    calendar = parse_calendar("Mon..Fri 03:00", WORKDAYS)
    assert calendar.elapses[0] == datetime(2026, 11, 20, 3, tzinfo=timezone.utc)
    assert calendar.longest_gap == 3 * 86400


def test_a_schedule_that_never_elapses_is_refused_although_systemd_accepts_it() -> None:
    with pytest.raises(Problem, match=r"^schedule '2020-02-30': never elapses, so the job would never run\. Write "):
        parse_calendar("2020-02-30", NEVER)
