"""Cron expressions, worked out by cronsim, which follows what Debian's cron does.

An expression whose minutes or hours begin with `*` follows the time that passes: it skips the hour that a day does
not have and runs in both of one that it has twice. All others mean times of day, and follow the rule of zones.py.

Between two changes of a zone's offset time passes evenly, so the first kind is worked out stretch by stretch; cronsim
by itself steps by whole hours there, and loses half of one where the clocks change by thirty minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from quarterdeck_protocol.codes import QuarterdeckError

from .zones import DAY_US, LAST_US, microseconds, next_change, wall

FIELDS = 5
STRETCH_US = 40 * DAY_US  # Looked through for a change of the offset at a time.
NAMED = {
    "@yearly": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *",
    "@hourly": "0 * * * *",
}  # fmt: skip


def times(text: str, zone: ZoneInfo, after_us: int) -> Iterator[int]:
    """Yield the moments after `after_us`. Raises QuarterdeckError `bad_value` at once for what is no expression."""
    expression = NAMED.get(text.strip().lower(), text)
    if len(expression.split()) != FIELDS:
        raise _refused(text, f"it has {len(expression.split())} fields, not {FIELDS}")
    try:
        found = CronSim(expression, wall(after_us, zone))
    except CronSimError as error:
        raise _refused(text, str(error).lower()) from error
    minute, hour, *_ = expression.split()
    if minute.startswith("*") or hour.startswith("*"):
        return _passing(expression, zone, after_us)
    return _later(found, after_us)


def _later(found: CronSim, after_us: int) -> Iterator[int]:
    """cronsim begins at a wall time; of an hour that comes twice it may name the first pass again."""
    last = after_us
    for when in found:
        at_us = microseconds(when)
        if at_us > LAST_US:
            return
        if at_us > last:
            last = at_us
            yield at_us


def _passing(expression: str, zone: ZoneInfo, after_us: int) -> Iterator[int]:
    start_us = after_us
    while start_us < LAST_US:
        here = wall(start_us, zone)
        offset = here.utcoffset()
        assert offset is not None, "it has a zone"
        change_us = next_change(zone, start_us, start_us + STRETCH_US)
        for naive in CronSim(expression, here.replace(tzinfo=None) - timedelta(seconds=1)):
            at_us = microseconds(naive.replace(tzinfo=UTC) - offset)
            if at_us >= change_us:
                break
            if at_us > after_us:
                yield at_us
        else:
            return  # Not once in fifty years.
        start_us = change_us


def _refused(text: str, why: str) -> QuarterdeckError:
    return QuarterdeckError(
        "bad_value", f"{text[:64]!r} is no cron expression: {why}",
        hint="Minute, hour, day of month, month, day of week: `0 9 * * 1-5`.",
    )  # fmt: skip
