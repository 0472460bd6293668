# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one switch without which no module destroys data."""

from __future__ import annotations


class ModuleDocFragment:
    """``holdfast.persistence.data_loss``: used by every module that has an action which destroys."""

    DOCUMENTATION = r"""
options:
  data_loss:
    description:
      - What to do when an action would destroy data. It holds for the whole call.
      - V(refuse) stops before the action with an error that names the object, what would be lost, and the ways on.
      - V(allow) carries the action out.
      - What holds no data may be removed either way. What cannot be looked into counts as data.
    type: str
    default: refuse
    choices:
      - refuse
      - allow
"""
