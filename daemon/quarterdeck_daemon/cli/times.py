"""Times on the command line: words to moments, moments to words; in the workspace's time zone, else the machine's.

A moment of the past is a sequence number, a time, or the name of a snapshot. Our own words are few and quick; what they
do not know and what has more than one word ("last tuesday", "17 nov 14:00", "3 days ago") is read by dateparser,
which is loaded only then.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

import click

from quarterdeck_protocol.codes import QuarterdeckError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_SPAN = re.compile(r"(\d{1,6})([smhdw])")
_CLOCK = re.compile(r"(?:(today|tomorrow|yesterday)\s*)?(?:(\d{1,2}):(\d{2})(?::(\d{2}))?)?")
_DAYS = {"today": 0, "tomorrow": 1, "yesterday": -1}
MORNING_HOUR = 9  # What "tomorrow" alone means.


COMING_HINT = "Write 10m, 2h, 14:00, tomorrow 9:00 or 2026-03-01T14:00."
PAST_HINT = (
    "Write a sequence number (1200), how long ago (10m, 2h, 3d), `yesterday 14:00`, `last tuesday`, "
    "`3 days ago`, 2026-11-20, 2026-11-20T14:05, or a snapshot's name."
)
WORDS_CHARS_MAX = 100  # Of a time in words.
_NAME = re.compile(r"(snapshot:)?[^\W\d_][\w.-]*")  # What the name of a snapshot may look like.
_CALENDAR = re.compile(r"(mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august|"
                       r"september|october|november|december")  # fmt: skip


def zone() -> tzinfo | None:
    """The time zone that the workspace names, None for the machine's."""
    context = click.get_current_context(silent=True)
    found: object = getattr(context.obj, "zone", None) if context is not None else None
    return found if isinstance(found, tzinfo) else None


def now() -> datetime:
    return datetime.now(zone()).astimezone(zone())


def span(words: str) -> timedelta | None:
    """Return the length of `90s`, `10m`, `2h`, `1d12h`; None when it is no such thing."""
    parts = _SPAN.findall(words)
    if not parts or "".join(number + unit for number, unit in parts) != words:
        return None
    return sum((timedelta(**{_UNITS[unit]: int(number)}) for number, unit in parts), timedelta())


def moment(words: str, *, past: bool) -> datetime:
    """Return the time meant by `10m`, `14:00`, `tomorrow 9:30`, `2026-03-01`, `last tuesday` or an ISO time.

    A length counts from now: backwards when `past`, else forwards. A clock alone means its nearest
    occurrence in that direction. Raises QuarterdeckError `bad_value`.
    """
    words = words.strip().lower()
    length = span(words.replace(" ", ""))
    if length is not None:
        return now() - length if past else now() + length
    clock = _CLOCK.fullmatch(words)
    if clock and words:
        return _on_clock(clock, past)
    when = _iso_time(words) or (_in_words(words) if past else None)
    if when is None:
        raise QuarterdeckError(
            "bad_value", f"`{words}` is not a time.", hint=PAST_HINT if past else COMING_HINT
        )  # fmt: skip
    return when


def _iso_time(words: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(words.upper())
    except ValueError:
        return None
    return _in_zone(when) if when.tzinfo is None else when


def _in_zone(when: datetime) -> datetime:
    here = zone()
    return when.replace(tzinfo=here) if here is not None else when.astimezone()


def _in_words(words: str) -> datetime | None:
    """What dateparser makes of it, in the past. It guesses at single words, so those must name a day or a month."""
    if len(words) > WORDS_CHARS_MAX or not (" " in words or _CALENDAR.fullmatch(words)):
        return None
    import dateparser

    settings = {"PREFER_DATES_FROM": "past", "RELATIVE_BASE": now().replace(tzinfo=None)}
    when: object = dateparser.parse(words, languages=["en"], settings=settings)
    if not isinstance(when, datetime):
        return None
    return _in_zone(when) if when.tzinfo is None else when


def position(words: str) -> int | str:
    """Return a place in time to read at: a sequence number as it stands, an ISO time in UTC, or a snapshot's name."""
    words = words.strip()
    if words.isdecimal() and words.isascii():
        return int(words)
    try:
        return iso(moment(words, past=True))
    except QuarterdeckError:
        if _NAME.fullmatch(words):
            return words
        raise


def _on_clock(clock: re.Match[str], past: bool) -> datetime:
    day, hour, minute, second = clock.groups()
    if hour is not None and (int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59):
        raise QuarterdeckError(
            "bad_value", f"`{clock.group()}` is no time of day.", hint="Hours go from 0:00 to 23:59."
        )
    start = now().replace(
        hour=int(hour or MORNING_HOUR), minute=int(minute or 0), second=int(second or 0), microsecond=0
    )
    if day:
        return start + timedelta(days=_DAYS[day])
    if past and start > now():
        return start - timedelta(days=1)
    return start if past or start > now() else start + timedelta(days=1)


def iso(when: datetime) -> str:
    """Return ISO 8601 in UTC, ending in Z."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def iso_of(at_us: int) -> str:
    return iso(datetime.fromtimestamp(at_us / 1_000_000, UTC))


def local(value: object) -> str:
    """Return a time (microseconds, or ISO text) as people read it: `14:05` today, else `03 Mar 14:05`."""
    if isinstance(value, str):
        try:
            when = datetime.fromisoformat(value).astimezone(zone())
        except ValueError:
            return value
    elif isinstance(value, int | float) and not isinstance(value, bool):
        when = datetime.fromtimestamp(value / 1_000_000, UTC).astimezone(zone())
    else:
        return ""
    today = now()
    if when.date() == today.date():
        return when.strftime("%H:%M:%S")
    return when.strftime("%d %b %H:%M" if when.year == today.year else "%Y-%m-%d %H:%M")


def left(until_us: int) -> str:
    """Return how long until a time, in two units at most: `2d 3h`, `45s`; `now` when it has passed."""
    seconds = int(until_us / 1_000_000 - now().timestamp())
    if seconds <= 0:
        return "now"
    return length(seconds)


def countdown(at: str) -> str:
    """Return how long until an ISO time, as `left` says it; "" for what is no time."""
    try:
        return left(int(datetime.fromisoformat(at).timestamp() * 1_000_000))
    except ValueError:
        return ""


def length(seconds: float) -> str:
    """Return a length of time in at most two units."""
    rest = int(seconds)
    parts = []
    for name, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        if rest >= size:
            parts.append(f"{rest // size}{name}")
            rest %= size
    return " ".join(parts[:2]) or "0s"
