# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all unit tests share."""

from __future__ import annotations

import os

from hypothesis import settings

# A slow machine is no failure. In CI a run must not fail by a new example: these are looked for while developing.
settings.register_profile("holdfast", deadline=None, derandomize="CI" in os.environ, print_blob=True)
settings.load_profile("holdfast")
