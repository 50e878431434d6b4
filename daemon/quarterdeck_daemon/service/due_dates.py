"""Due dates as people write them: a time, or a date, whose end is meant."""

from __future__ import annotations

import re

from ..almanac.rule import moment_of
from ..core.settings import settings_of
from .house import House

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def due_us(house: House, text: str | None) -> int | None:
    """Return the moment, in the workspace's zone unless it names an offset. Raises QuarterdeckError `bad_value`."""
    if not text:
        return None
    zone = settings_of(house.store).timezone
    return moment_of(f"{text.strip()}T23:59:59" if _DATE.fullmatch(text.strip()) else text, zone)
