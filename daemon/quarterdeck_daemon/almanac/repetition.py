"""Repetition rules of calendars (RRULE of RFC 5545), worked out by python-dateutil in wall time.

A rule begins at a moment; what it leaves open (the hour, the day of the week or month) is that of its beginning.
dateutil counts from the beginning each time, so a rule without COUNT is moved forward by whole periods first, and
years after its beginning cost no more than the first day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from quarterdeck_protocol.codes import QuarterdeckError

from .zones import DAY_US, LAST_US, moment, wall

COUNT_MAX = 10_000
A_DAY_MAX = 24  # Times of day that one rule may name.
INTERVAL_MAX = 1_000
_SHAPE = re.compile(r"(?:RRULE:)?[A-Z]+=[A-Z0-9,+\-]+(?:;[A-Z]+=[A-Z0-9,+\-]+)*")
_KNOWN = frozenset(
    ("FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST", "BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYDAY",
     "BYSETPOS", "BYHOUR", "BYMINUTE", "BYSECOND")
)  # fmt: skip
# What RFC 5545 does not take with a frequency, and what could make dateutil look through thousands of empty years.
_UNFIT: dict[str, frozenset[str]] = {
    "DAILY": frozenset(("BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS")),
    "WEEKLY": frozenset(("BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS")),
    "MONTHLY": frozenset(("BYYEARDAY", "BYWEEKNO")),
    "YEARLY": frozenset(),
}
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_UNTIL = re.compile(r"(\d{8})(?:T(\d{6})(Z?))?")


def times(text: str, zone: ZoneInfo, begin_us: int, after_us: int) -> Iterator[int]:
    """Yield the moments after `after_us`. Raises QuarterdeckError `bad_value` at once for what is no rule."""
    parts = _parts(text)
    begin = wall(begin_us, zone).replace(tzinfo=None, microsecond=0)
    until_us = _until(parts.pop("UNTIL", ""), zone)
    full = _explicit(parts, begin)
    if "COUNT" not in parts and after_us > begin_us:
        begin = _moved(full, begin, wall(after_us, zone).replace(tzinfo=None))
    try:
        found = rrulestr(";".join(f"{name}={value}" for name, value in full.items()), dtstart=begin)
    except (ValueError, TypeError, KeyError) as error:
        raise _refused(text, str(error)) from error
    assert isinstance(found, rrule), "one rule, no set"
    return _later(found, zone, max(after_us, begin_us - 1), until_us)


def _later(found: rrule, zone: ZoneInfo, after_us: int, until_us: int) -> Iterator[int]:
    last = after_us
    for when in found:
        at_us = moment(when, zone)
        if at_us > until_us:
            return
        if at_us > last:  # Two times of one gap are one moment.
            last = at_us
            yield at_us


def _parts(text: str) -> dict[str, str]:
    wanted = text.strip().upper().removesuffix(";")
    if not _SHAPE.fullmatch(wanted):
        raise _refused(text, "it is not like NAME=VALUE;NAME=VALUE")
    pairs = [part.split("=") for part in wanted.removeprefix("RRULE:").split(";")]
    parts = dict(pairs)
    if unknown := sorted(set(parts) - _KNOWN):
        raise _refused(text, f"{unknown[0]} is not known")
    if len(parts) < len(pairs):
        raise _refused(text, "it says something twice")
    if parts.get("FREQ") not in _UNFIT:
        raise _refused(text, "FREQ is DAILY, WEEKLY, MONTHLY or YEARLY; for less take `every` or `cron`")
    if unfit := sorted(_UNFIT[parts["FREQ"]] & set(parts)):
        raise _refused(text, f"{unfit[0]} does not go with FREQ={parts['FREQ']}")
    _check_sizes(text, parts)
    return parts


def _check_sizes(text: str, parts: dict[str, str]) -> None:
    for name, most in (("INTERVAL", INTERVAL_MAX), ("COUNT", COUNT_MAX)):
        if name in parts and not (parts[name].isdecimal() and 1 <= int(parts[name]) <= most):
            raise _refused(text, f"{name} is 1 to {most:,}")
    a_day = 1
    for name in ("BYHOUR", "BYMINUTE", "BYSECOND"):
        a_day *= len(parts[name].split(",")) if name in parts else 1
    if a_day > A_DAY_MAX:
        raise _refused(text, f"{a_day} times a day, the most are {A_DAY_MAX}; for more take `cron`")


def _until(text: str, zone: ZoneInfo) -> int:
    """The last moment; a date means its whole day."""
    if not text:
        return LAST_US
    match = _UNTIL.fullmatch(text)
    try:
        if match is None:
            raise ValueError("no date or time")
        day, clock, utc = match.groups()
        when = datetime.strptime(day + (clock or "000000"), "%Y%m%d%H%M%S")
    except ValueError as error:
        raise _refused(f"UNTIL={text}", "UNTIL is like 20261231 or 20261231T220000Z") from error
    at_us = moment(when, ZoneInfo("UTC") if utc else zone)
    return at_us if clock else at_us + DAY_US - 1


def _explicit(parts: dict[str, str], begin: datetime) -> dict[str, str]:
    """The rule with what it takes from its beginning said in so many words."""
    full = dict(parts)
    clock = {"BYHOUR": begin.hour, "BYMINUTE": begin.minute, "BYSECOND": begin.second}
    full |= {name: str(value) for name, value in clock.items() if name not in full}
    if not full.keys() & {"BYWEEKNO", "BYYEARDAY", "BYMONTHDAY", "BYDAY"}:
        if full["FREQ"] == "WEEKLY":
            full["BYDAY"] = _DAYS[begin.weekday()]
        elif full["FREQ"] in ("MONTHLY", "YEARLY"):
            full["BYMONTHDAY"] = str(begin.day)
            if full["FREQ"] == "YEARLY":
                full.setdefault("BYMONTH", str(begin.month))
    return full


def _moved(full: dict[str, str], begin: datetime, after: datetime) -> datetime:
    """A later beginning with the same times from `after` on: whole periods on, one before the last that fit."""
    step = int(full.get("INTERVAL", "1"))
    if full["FREQ"] in ("DAILY", "WEEKLY"):
        period = timedelta(days=step * (1 if full["FREQ"] == "DAILY" else 7))
        return begin + period * max(0, (after - begin) // period - 1)
    months = step * (1 if full["FREQ"] == "MONTHLY" else 12)
    gone = (after.year - begin.year) * 12 + after.month - begin.month
    periods = max(0, gone // months - 1)
    if periods == 0:
        return begin
    index = begin.year * 12 + begin.month - 1 + periods * months
    first = 1 if full["FREQ"] == "YEARLY" else index % 12 + 1
    return begin.replace(year=index // 12, month=first, day=1)


def _refused(text: str, why: str) -> QuarterdeckError:
    return QuarterdeckError(
        "bad_value",
        f"{text[:80]!r} is no repetition rule: {why[:200]}",
        hint="Write it like FREQ=WEEKLY;BYDAY=MO,TH;BYHOUR=9;BYMINUTE=0.",
    )
