"""Wall-clock time in a zone, to microseconds since 1970 and back.

The rule, everywhere: a wall time that a day does not have (clocks go forward) means the first moment after the gap;
one that a day has twice (clocks go back) means the first of the two.

Owns   the IANA zones: from the machine, else from the package tzdata.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quarterdeck_protocol.codes import QuarterdeckError

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
LAST_US = 7_258_118_400 * SECOND_US  # The year 2200: nothing is planned beyond it.
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONE_CHARS_MAX = 64


def zone_of(name: str) -> ZoneInfo:
    """Return the zone. Raises QuarterdeckError `bad_value` for a name that is none."""
    try:
        if len(name) > ZONE_CHARS_MAX:
            raise ValueError("too long")
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise QuarterdeckError(
            "bad_value", f"there is no time zone {name[:ZONE_CHARS_MAX]!r}", hint="Write it like Europe/Berlin."
        ) from error


def wall(at_us: int, zone: ZoneInfo) -> datetime:
    """Return what a clock on the wall shows, with its zone."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone)


def microseconds(when: datetime) -> int:
    """Return microseconds since 1970 of a time that knows its zone."""
    return (when - _EPOCH) // timedelta(microseconds=1)


def moment(naive: datetime, zone: ZoneInfo) -> int:
    """Return the moment that a wall time means in the zone; see the rule above."""
    first, second = naive.replace(tzinfo=zone, fold=0), naive.replace(tzinfo=zone, fold=1)
    before, after = _offset(first), _offset(second)
    if after <= before:  # Once, or twice: then fold 0 is the first.
        return microseconds(first)
    return _first_with(after, naive.replace(tzinfo=UTC) - after, naive.replace(tzinfo=UTC) - before, zone)


def exists(naive: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks of the zone ever show this time."""
    return wall(microseconds(naive.replace(tzinfo=zone)), zone).replace(tzinfo=None) == naive


def text_of(at_us: int, zone: ZoneInfo) -> str:
    """Return `2026-03-29T03:00:00+02:00[Europe/Berlin]`: unmistakable, and readable."""
    return f"{wall(at_us, zone).isoformat(timespec='seconds')}[{zone.key}]"


def next_change(zone: ZoneInfo, after_us: int, upto_us: int) -> int:
    """Return the first moment in (after, upto] from which on the zone has another offset; `upto_us` when there is none.

    Looks once a day: an offset that changes and changes back within a day would be missed, and no zone has had one.
    """
    before = wall(after_us, zone)
    offset, at_us = _offset(before), after_us
    while at_us < upto_us:
        next_us = min(at_us + DAY_US, upto_us)
        after = _offset(wall(next_us, zone))
        if after != offset:
            low, high = (_EPOCH + timedelta(microseconds=us - us % SECOND_US) for us in (at_us, next_us))
            return _first_with(after, low, high, zone)
        at_us = next_us
    return upto_us


def _offset(when: datetime) -> timedelta:
    offset = when.utcoffset()
    assert offset is not None, "it has a zone"
    return offset


def _first_with(offset: timedelta, low: datetime, high: datetime, zone: ZoneInfo) -> int:
    """The first second after `low`, at most `high`, at which the zone has this offset: halved until found."""
    while high - low > timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        if middle <= low:
            break
        low, high = (low, middle) if _offset(middle.astimezone(zone)) == offset else (middle, high)
    return microseconds(high)
