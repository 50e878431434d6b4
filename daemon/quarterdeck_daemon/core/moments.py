"""Dates and times as text, read without a calendar library: the core knows no clock and no time zone.

A time is ISO 8601 (`2026-11-20T14:05`, seconds and fractions optional); without a zone it is UTC. A date
(`2026-11-20`) is that whole day in UTC. Everything is turned into microseconds since 1970, in UTC.
"""

from __future__ import annotations

import re

from quarterdeck_protocol.codes import QuarterdeckError

DAY_US = 86_400_000_000
_DAYS_TO_1970 = 719_468  # From 1 March of the year 0.
_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DATE = r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"
_CLOCK = r"(?P<hour>\d{2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?"
_ZONE = r"(?P<zone>[Zz]|[+-]\d{2}(?::?\d{2})?)?"
_MOMENT = re.compile(rf"{_DATE}(?:[Tt ]{_CLOCK}{_ZONE})?", re.ASCII)


def moment_us(text: str) -> tuple[int, int]:
    """Return the first microsecond that is meant and the first one after it: a day apart for a date, else one.

    Raises QuarterdeckError `bad_value` for what is neither a date nor a time.
    """
    match = _MOMENT.fullmatch(text.strip()) if len(text) <= 64 else None
    if match is None:
        raise _refused(text)
    year, month, day = (int(match[name]) for name in ("year", "month", "day"))
    if not year or not 1 <= month <= 12 or not 1 <= day <= _month_days(year, month):
        raise _refused(text)
    start = _days(year, month, day) * DAY_US
    if match["hour"] is None:
        return start, start + DAY_US
    start += _clock_us(match, text) - _zone_us(match["zone"] or "Z", text)
    return start, start + 1


def is_moment(text: str) -> bool:
    """Whether the text is a date or a time."""
    try:
        moment_us(text)
    except QuarterdeckError:
        return False
    return True


def text_of(at_us: int) -> str:
    """Return the time as `2026-11-20T14:05:12.000001Z`, without a fraction of nothing."""
    days, rest = divmod(at_us, DAY_US)
    seconds, fraction = divmod(rest, 1_000_000)
    clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    return f"{day_of(days)}T{clock}{f'.{fraction:06d}' if fraction else ''}Z"


def day_of(days: int) -> str:
    """Return the date that lies so many days after 1 January 1970."""
    shifted = days + _DAYS_TO_1970
    era, of_era = divmod(shifted, 146_097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    index = (5 * of_year + 2) // 153
    month = index + 3 if index < 10 else index - 9
    year = year_of_era + 400 * era + (month <= 2)
    return f"{year:04d}-{month:02d}-{of_year - (153 * index + 2) // 5 + 1:02d}"


def _days(year: int, month: int, day: int) -> int:
    """Days since 1 January 1970. The year is counted from March, so that the leap day comes last."""
    year -= month <= 2
    era, of_era = divmod(year, 400)
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - _DAYS_TO_1970


def _month_days(year: int, month: int) -> int:
    leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return _MONTH_DAYS[month - 1] + leap


def _clock_us(match: re.Match[str], text: str) -> int:
    hour, minute, second = int(match["hour"]), int(match["minute"]), int(match["second"] or 0)
    if hour > 23 or minute > 59 or second > 59:
        raise _refused(text)
    return ((hour * 60 + minute) * 60 + second) * 1_000_000 + int((match["fraction"] or "0")[:6].ljust(6, "0"))


def _zone_us(zone: str, text: str) -> int:
    if zone in ("Z", "z"):
        return 0
    digits = zone[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise _refused(text)
    return (1 if zone[0] == "+" else -1) * (hours * 60 + minutes) * 60_000_000


def _refused(text: str) -> QuarterdeckError:
    return QuarterdeckError(
        "bad_value", f"{text[:64]!r} is no date or time", hint="Write 2026-11-20 or 2026-11-20T14:05:12Z."
    )
