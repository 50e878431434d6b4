"""The operator's wall clock. The core knows no zone data: the rim hands in the zone's offsets with the settings.

A zone is a table of (from, offset) in microseconds, in order: from that moment on local time is so far ahead of UTC.
The offsets stand in the log, so that a replay opens a window at the same moment. An empty table is UTC.
"""

from __future__ import annotations

import bisect
import re
from typing import Final

from .moments import DAY_US, moment_us

Zone = tuple[tuple[int, int], ...]
MINUTE_US: Final = 60_000_000
_SPAN: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")
_HAS_ZONE: Final = re.compile(r"(?:[Zz]|[+-]\d{2}(?::?\d{2})?)\Z")


def offset_us(zone: Zone, at_us: int) -> int:
    """How far local time is ahead of UTC at this moment."""
    index = bisect.bisect_right(zone, at_us, key=lambda one: one[0]) - 1
    return zone[max(index, 0)][1] if zone else 0


def moment_in(zone: Zone, text: str) -> int:
    """Microseconds of a date or time; without an offset of its own it is local. A date is its first moment.

    An hour that the clock leaves out in spring counts as the one after it; of one that comes twice the first is meant.
    Raises QuarterdeckError `bad_value`.
    """
    start, _ = moment_us(text)
    text = text.strip()
    if ":" in text and _HAS_ZONE.search(text[10:]):
        return start
    return _to_utc(zone, start)


def _to_utc(zone: Zone, local_us: int) -> int:
    before = offset_us(zone, local_us - DAY_US)
    at_us = local_us - before
    after = offset_us(zone, at_us)
    if before == after:
        return at_us
    later = local_us - after
    # Set forward: the hour does not exist, and what was meant lies an hour on. Set back: the later offset is right.
    return later if offset_us(zone, later) == after else at_us


def parse_window(text: str) -> tuple[int, int] | None:
    """Minutes of the day from and to, such as (1320, 360) for 22:00-06:00; None for what is no window."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        return None
    from_hour, from_minute, to_hour, to_minute = (int(part) for part in found.groups())
    start, end = from_hour * 60 + from_minute, to_hour * 60 + to_minute
    return None if start == end else (start, end)


def opens_at(window: str, zone: Zone, now_us: int) -> int | None:
    """None while the window is open, else the moment of its next opening."""
    span = parse_window(window)
    if span is None:
        return None
    start, end = span
    local = now_us + offset_us(zone, now_us)
    minute = local % DAY_US // MINUTE_US
    inside = start <= minute < end if start < end else minute >= start or minute < end
    if inside:
        return None
    day = local - local % DAY_US
    opening = day + start * MINUTE_US
    return _to_utc(zone, opening if opening > local else opening + DAY_US)
