"""When a snoozed item comes back: the operator's short words as a moment."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

MORNING = time(8, 0)
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SPAN = re.compile(r"(\d{1,4})\s*([mhdw])(in|inutes?|ours?|ays?|eeks?)?$")


def moment(words: str, now: datetime) -> str:
    """Return the ISO time that `words` mean seen from `now` (with a time zone); unknown words unchanged.

    Known: `30m`, `2h`, `3d`, `1w`, `tomorrow`, a weekday (the next one, 08:00), an ISO date or time.
    Words that stay as they are go to the daemon, which understands more of them or refuses.
    """
    text = words.strip().lower()
    if span := SPAN.match(text):
        return (now + timedelta(**{UNITS[span[2]]: int(span[1])})).isoformat(timespec="seconds")
    if text == "tomorrow":
        return _morning(now, 1)
    for number, day in enumerate(DAYS):
        if len(text) >= 3 and day.startswith(text):
            return _morning(now, (number - now.weekday() - 1) % 7 + 1)
    return words.strip()


def _morning(now: datetime, days: int) -> str:
    day = (now + timedelta(days=days)).date()
    return datetime.combine(day, MORNING, tzinfo=now.tzinfo).isoformat(timespec="seconds")
