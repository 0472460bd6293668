# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that runs on hosts: backs up, restores, and says how things stand. Standard library only.

On a host it is a zipapp: this package under the name ``holdfast``, and beside it a ``__main__.py`` that holds
``from holdfast.__main__ import main`` and ``raise SystemExit(main())``. The modules import the same code.
"""
