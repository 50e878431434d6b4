"""The moment that is looked at, and the operator's words for moments gone by."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from .until import DAYS, SPAN, UNITS

US = 1_000_000
CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?$")
EVENT = re.compile(r"[#e]?(\d{1,15})$")
THIS_YEAR = "%d %b %Y"
DAY_FORMS = ("%Y-%m-%d", "%d.%m.%Y", THIS_YEAR)  # The last without its year.
KNOWN = "14:05, yesterday 14:00, monday, 20 nov 14:05, 2026-11-20, 2h ago, #1234 (an event), now"


@dataclass(frozen=True, slots=True)
class Past:
    """A moment of the log. `seq`: the event that stands there; None: only the time is known."""

    at_us: int
    seq: int | None = None

    @property
    def as_of(self) -> int | str:
        """The moment as the protocol takes it."""
        return self.seq if self.seq is not None else iso(self.at_us)


def iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / US, tz=UTC).isoformat()


def local(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / US).astimezone()


def clock_words(at_us: int) -> str:
    """Return `20 Nov 14:05:12` in the operator's time zone."""
    at = local(at_us)
    return f"{at.day} {at:%b %H:%M:%S}"


def short_words(at_us: int, now_us: int) -> str:
    """Return the time of the day, with its day unless that is today: at most twelve cells."""
    at, now = local(at_us), local(now_us)
    if at.date() == now.date():
        return f"{at:%H:%M:%S}"
    return f"{at.day} {at:%b %H:%M}" if at.year == now.year else f"{at:%Y-%m-%d}"


def moment_back(words: str, now: datetime) -> int | datetime | None:
    """Return what `words` mean seen from `now` (with a time zone): an event's number, or a moment not after `now`.

    None: not understood, or still to come. `now` itself is `now`.
    """
    text = " ".join(words.strip().lower().removeprefix("-").removesuffix(" ago").split())
    if text == "now":
        return now
    if event := EVENT.match(text):
        return int(event[1])
    if span := SPAN.match(text):
        return now - timedelta(**{UNITS[span[2]]: int(span[1])})
    found = _iso(text, now) or _day_and_clock(text, now)
    return found if found is not None and found <= now else None


def _iso(text: str, now: datetime) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=now.tzinfo)


def _day_and_clock(text: str, now: datetime) -> datetime | None:
    head, _, tail = text.rpartition(" ")
    at = _clock(tail)
    words = head if at is not None else text
    day = now.date() if not words else _day(words, now.date())
    if day is None or (at is None and not words):
        return None
    return datetime.combine(day, at or time(0, 0), tzinfo=now.tzinfo)


def _clock(text: str) -> time | None:
    found = CLOCK.match(text)
    if found is None:
        return None
    hour, minute, second = int(found[1]), int(found[2]), int(found[3] or 0)
    return time(hour, minute, second) if hour < 24 and minute < 60 and second < 60 else None


def _day(words: str, today: date) -> date | None:
    if words in ("today", "yesterday"):
        return today - timedelta(days=words == "yesterday")
    for number, name in enumerate(DAYS):
        if len(words) >= 3 and name.startswith(words):
            return today - timedelta(days=(today.weekday() - number - 1) % 7 + 1)
    for form in DAY_FORMS:
        try:
            found = datetime.strptime(f"{words} {today.year}" if form is THIS_YEAR else words, form).date()
        except ValueError:
            continue
        return found.replace(year=found.year - 1) if form is THIS_YEAR and found > today else found
    return None
