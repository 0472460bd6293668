# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers in words that a person reads."""

from __future__ import annotations

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def size(number: int) -> str:
    """Bytes in binary units: ``3.1 GiB``."""
    power = _power(number)
    return f"{_in_power(number, power)} {_UNITS[power]}"


def size_of(part: int, whole: int) -> str:
    """A part of a whole in the unit of the whole: ``1.2 of 3.1 GiB``."""
    power = _power(whole)
    return f"{_in_power(part, power)} of {_in_power(whole, power)} {_UNITS[power]}"


def files(number: int) -> str:
    return f"{number:,} file{'' if number == 1 else 's'}"


def entries(number: int) -> str:
    return f"{number:,} {'entry' if number == 1 else 'entries'}"


def clock(seconds: int) -> str:
    """Minutes and seconds, with hours when there are any: ``0:42``, ``1:02:03``."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _power(number: int) -> int:
    power = 0
    while power < len(_UNITS) - 1 and number / 1024**power >= 1023.95:
        power += 1
    return power


def _in_power(number: int, power: int) -> str:
    return str(number) if power == 0 else f"{number / 1024**power:,.1f}"
