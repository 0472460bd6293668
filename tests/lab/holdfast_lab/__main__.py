# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry point of ``python3 -m holdfast_lab``, which is what ``tests/lab/lab`` runs."""

from __future__ import annotations

import sys

from holdfast_lab.command_line import main

sys.exit(main(sys.argv[1:]))
