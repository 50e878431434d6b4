"""Batch windows: the part of the day, and of the week, in which work that can wait is done. `22:00-06:00 mon-fri`."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from .zones import moment, wall

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHAPE = re.compile(
    r"(?P<from>\d{1,2}:\d{2})\s*-\s*(?P<to>\d{1,2}:\d{2})(?:\s+(?P<days>[a-z]{3}(?:-[a-z]{3})?(?:,[a-z]{3}(?:-[a-z]{3})?)*))?"
)
LOOK_DAYS = 9


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """From one time of day to another, over midnight if need be. days: on which it opens, 0 is Monday."""

    opens: time
    closes: time
    days: frozenset[int]


def window_of(text: str) -> Window:
    """Return the window. Raises QuarterdeckError `bad_value`."""
    match = _SHAPE.fullmatch(text.strip().lower()) if len(text) <= 64 else None
    if match is None:
        raise _refused(text)
    try:
        opens, closes = _clock(match["from"]), _clock(match["to"])
        days = frozenset(day for part in (match["days"] or "mon-sun").split(",") for day in _days(part))
    except ValueError as error:
        raise _refused(text) from error
    if opens == closes:
        raise _refused(text)
    return Window(opens=opens, closes=closes, days=days)


def opening(window: Window, zone: ZoneInfo, at_us: int) -> int:
    """Return the first moment from `at_us` on at which the window is open: `at_us` itself when it is."""
    today = wall(at_us, zone).date()
    spans = [_span(window, zone, today + timedelta(days=shift)) for shift in range(-1, LOOK_DAYS)]
    return next(max(begin, at_us) for begin, end in filter(None, spans) if end > at_us)


def _span(window: Window, zone: ZoneInfo, day: date) -> tuple[int, int] | None:
    if day.weekday() not in window.days:
        return None
    begin = moment(datetime.combine(day, window.opens), zone)
    last = day if window.closes > window.opens else day + timedelta(days=1)
    end = moment(datetime.combine(last, window.closes), zone)
    return (begin, end) if end > begin else None  # Clocks went forward over the whole of it.


def _clock(text: str) -> time:
    hour, _, minute = text.partition(":")
    return time(int(hour) % 24 if text == "24:00" else int(hour), int(minute))


def _days(part: str) -> list[int]:
    first, _, last = part.partition("-")
    begin, end = DAYS.index(first), DAYS.index(last or first)
    return [day % 7 for day in range(begin, end + 1 if end >= begin else end + 8)]


def _refused(text: str) -> QuarterdeckError:
    return QuarterdeckError(
        "bad_value", f"{text[:64]!r} is no window of time", hint="Write it like 22:00-06:00 or 20:00-23:30 mon-fri."
    )
