"""What a wall clock shows, as a number, and the moment that it means."""

from __future__ import annotations

from datetime import datetime, timedelta

from .zones import moment, zone_of

_EPOCH = datetime(1970, 1, 1)


def utc_of(local_us: int, zone: str) -> int:
    """Return the moment at which clocks of the zone show `local_us`, counted from 1970 by the wall; see zones.py.

    Raises QuarterdeckError `bad_value` for a zone that is none.
    """
    return moment(_EPOCH + timedelta(microseconds=local_us), zone_of(zone))
