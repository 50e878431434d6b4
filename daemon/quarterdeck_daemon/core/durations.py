"""Lengths of time as people write them: `500ms`, `8s`, `1h30m`, `7d`."""

from __future__ import annotations

import re

from quarterdeck_protocol.codes import QuarterdeckError

UNIT_US = {
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
    "w": 604_800_000_000,
}
DURATION_US_MAX = 3_653 * UNIT_US["d"]  # Ten years.
_PART = re.compile(r"([0-9]{1,9})(ms|s|m|h|d|w)")


def duration_us(text: str) -> int:
    """Return microseconds. Raises QuarterdeckError `bad_value` for anything else and beyond ten years."""
    parts = _PART.findall(text)
    total = sum(int(number) * UNIT_US[unit] for number, unit in parts)
    if not parts or "".join(number + unit for number, unit in parts) != text or total > DURATION_US_MAX:
        raise QuarterdeckError(
            "bad_value", f"{text!r} is not a length of time", hint="Write it like 500ms, 8s, 30m, 2h or 7d."
        )
    return total


def length_of(us: int) -> str:
    """Return how people write a length of time: in the largest unit that it has a whole number of; `0s` for none."""
    for unit in ("d", "h", "m", "s", "ms"):
        if us and us % UNIT_US[unit] == 0:
            return f"{us // UNIT_US[unit]}{unit}"
    return f"{us / UNIT_US['s']:g}s"
