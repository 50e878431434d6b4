"""The operator's wall clock: times as a playbook writes them, and the hours in which its steps may begin."""

from __future__ import annotations

import re
from typing import Final

from quarterdeck_protocol.codes import QuarterdeckError

from ..almanac.local import utc_of
from ..almanac.window import opening, window_of
from ..almanac.zones import zone_of
from .moments import moment_us

_HAS_ZONE: Final = re.compile(r"(?:[Zz]|[+-]\d{2}(?::?\d{2})?)\Z")


def moment_in(zone: str, text: str) -> int:
    """Microseconds of a date or time; without an offset of its own it is local. A date is its first moment.

    Raises QuarterdeckError `bad_value`.
    """
    start, _ = moment_us(text)
    text = text.strip()
    if ":" in text and _HAS_ZONE.search(text[10:]):
        return start
    return utc_of(start, zone)


def window_fault(text: str) -> str:
    """Why it is no window, "" when it is one."""
    try:
        window_of(text)
    except QuarterdeckError as error:
        return error.message
    return ""


def opens_at(window: str, zone: str, now_us: int) -> int | None:
    """None while the window is open, else the moment of its next opening."""
    at_us = opening(window_of(window), zone_of(zone), now_us)
    return at_us if at_us > now_us else None
