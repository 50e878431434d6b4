"""Days as facts and calendars tell them: when there is work, when it is closed, what is booked, what is due; and what is left.

Times are local to the workspace. A repeating entry counts on its first day only, and is told, since a rule without an end
cannot be written out here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quarterdeck_daemon.core.entities import Plain

from .contract import plain_map
from .fact_words import titled
from .grounding import days_in
from .ledger import day_of
from .outside_text import one_line
from .seen import Fact

WEEKDAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
USUAL_DAYS: Final = WEEKDAYS[:5]
USUAL_HOURS: Final = "09:00-17:00"
ENTRIES_MAX: Final = 500
# Fields of facts that name a day on which something has to be there, by kind.
DATED: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "invoice": (("due", "is due"),),
    "contract": (("starts", "begins"), ("ends", "ends")),
    "project": (("starts", "begins"), ("ends", "ends")),
    "campaign": (("starts", "begins"), ("ends", "ends")),
    "event": (("starts", "is"),),
    "commitment": (("due", "was promised"),),
}
OVER: Final = ("paid", "done", "cancelled", "canceled", "void", "kept")
_HOURS: Final = re.compile(r"(\d{1,2}:\d{2})\s*[-–]\s*(\d{1,2}:\d{2})")
_CLOSED: Final = re.compile(r"(?:closed|away|holiday|geschlossen|urlaub|fermé|congé)[^.;]{0,80}", re.IGNORECASE)
_WHEN: Final = re.compile(
    r"^When: (?P<day>\d{4}-\d{2}-\d{2})(?: (?P<from>\d{2}:\d{2}))?(?:–(?P<to>\d{2}:\d{2}))?(?: (?P<zone>[\w+/-]+))?",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Span:
    """Part of a day that is taken. from, to: local times; a whole day is 00:00 to 23:59."""

    day: date
    begin: time
    end: time
    title: str
    source: str
    repeats: bool = False


@dataclass(frozen=True)
class Item:
    """Something that is on a day."""

    day: date
    text: str
    source: str


@dataclass(frozen=True)
class Hours:
    """When there is work: weekdays, and from when to when."""

    days: tuple[str, ...]
    begin: time
    end: time
    source: str


def hours_of(facts: dict[str, list[Fact]], what: str) -> Hours:
    """The hours of the preference `working-hours`. what: the field that says them, `hours` or `calls`."""
    own = next((one for one in facts.get("preference", []) if one.key == "working-hours"), None)
    match = _HOURS.search((own.text(what) or own.text("hours")) if own else "") or _HOURS.search(USUAL_HOURS)
    assert match is not None, "the usual hours are hours"
    days = tuple(day for day in own.words("days") if day in WEEKDAYS) if own else ()
    begin, end = (time.fromisoformat(one.rjust(5, "0")) for one in match.groups())
    return Hours(days or USUAL_DAYS, begin, end, own.source if own else "")


def closed_of(facts: dict[str, list[Fact]]) -> list[tuple[date, date, str]]:
    """(first day, last day, source) of each time that a fact `availability` calls closed."""
    found: list[tuple[date, date, str]] = []
    for fact in (
        one for kind in ("policy", "preference") for one in facts.get(kind, []) if one.key == "availability"
    ):
        for text in (value for value in fact.value.values() if isinstance(value, str)):
            for match in _CLOSED.finditer(text):
                days = [day for one in days_in(match[0]) if (day := day_of(one.iso))]
                if len(days) == 2 and days[0] <= days[1]:
                    found.append((days[0], days[1], fact.source))
    return list(dict.fromkeys(found))


def booked(texts: Iterable[tuple[str, str]], facts: dict[str, list[Fact]], zone: ZoneInfo) -> list[Span]:
    """What calendars and facts have. texts: (text of a calendar as the parser writes it, its source)."""
    found = [span for text, source in texts for span in _of_calendar(text, source, zone)]
    for fact in facts.get("event", []):
        begins, ends = _moment(fact.text("starts"), zone), _moment(fact.text("ends"), zone)
        if begins and fact.text("status").lower() not in OVER:
            last = ends.time() if ends and ends.date() == begins.date() else time(23, 59)
            found.append(Span(begins.date(), begins.time(), last, titled(fact), fact.source))
    return sorted(set(found), key=lambda one: (one.day, one.begin, one.title))[:ENTRIES_MAX]


def _of_calendar(text: str, source: str, zone: ZoneInfo) -> Iterable[Span]:
    for entry in re.split(r"\n\s*\n", text):
        match = _WHEN.search(entry)
        if match is None:
            continue
        day, title = date.fromisoformat(match["day"]), one_line(entry.splitlines()[0], 80)
        begin = _local(day, match["from"], match["zone"], zone) if match["from"] else datetime.combine(day, time())
        end = _local(day, match["to"], match["zone"], zone) if match["to"] else None
        last = end.time() if end else time(23, 59) if not match["from"] else (begin + timedelta(hours=1)).time()
        yield Span(begin.date(), begin.time(), last, title, source, "\nRepeats:" in entry)


def _local(day: date, clock: str, named: str | None, zone: ZoneInfo) -> datetime:
    """The time in the workspace's zone; a zone that nobody knows counts as ours."""
    try:
        theirs = ZoneInfo(named) if named else zone
    except (ValueError, ZoneInfoNotFoundError):
        theirs = zone
    return datetime.combine(day, time.fromisoformat(clock), theirs).astimezone(zone).replace(tzinfo=None)


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(zone).replace(tzinfo=None) if moment.tzinfo else moment


def free_spans(
    first: date, days: int, hours: Hours, taken: list[Span], closed: list[tuple[date, date, str]], minutes: int
) -> list[Span]:
    """What is left of the hours on each working day, in pieces of at least so many minutes."""
    found: list[Span] = []
    for day in (first + timedelta(days=number) for number in range(days)):
        if WEEKDAYS[day.weekday()] not in hours.days or any(begin <= day <= end for begin, end, _ in closed):
            continue
        at = hours.begin
        for one in [one for one in taken if one.day == day and one.end > hours.begin and one.begin < hours.end]:
            found += _piece(day, at, one.begin, minutes, hours.source)
            at = max(at, one.end)
        found += _piece(day, at, hours.end, minutes, hours.source)
    return found


def _piece(day: date, begin: time, end: time, minutes: int, source: str) -> list[Span]:
    long = (datetime.combine(day, end) - datetime.combine(day, begin)).total_seconds() / 60
    return [Span(day, begin, end, "Free", source)] if long >= minutes else []


def agenda(
    first: date, days: int, facts: dict[str, list[Fact]], taken: list[Span], tasks: list[Plain], said: Iterable[Item]
) -> list[Item]:
    """What is on the days: dates in facts, bookings, tasks, and what was remembered with a day in it; in order, each once."""
    last = first + timedelta(days=days - 1)
    found = [item for kind, fields in DATED.items() for fact in facts.get(kind, []) for item in _dated(fact, fields)]
    found += [
        Item(one.day, f"{one.begin:%H:%M}–{one.end:%H:%M} {one.title}", one.source)
        for one in taken
        if not one.source.startswith("fact:")
    ]
    for task in tasks:
        due = task.get("due_us")
        if isinstance(due, int):
            found.append(
                Item(
                    datetime.fromtimestamp(due / 1e6, ZoneInfo("UTC")).date(),
                    f"task: {task.get('title')}",
                    f"task:{task.get('id')}",
                )
            )
    inside = {one for one in (*found, *said) if first <= one.day <= last}
    return sorted(inside, key=lambda one: (one.day, one.text))[:ENTRIES_MAX]


def _dated(fact: Fact, fields: tuple[tuple[str, str], ...]) -> Iterable[Item]:
    if fact.value.get("paid") or fact.text("status").lower() in OVER:
        return
    about = fact.text("about") or fact.text("title") or fact.text("what")
    for name, does in fields:
        day = day_of(fact.value.get(name))
        if day is not None:
            yield Item(day, f"{titled(fact)} {does}" + (f": {one_line(about, 80)}" if about else ""), fact.source)


def spoken(pieces: Iterable[tuple[str, str]]) -> Iterable[Item]:
    """Sentences of notes that name a day. pieces: (text, source)."""
    for text, source in pieces:
        for line in re.split(r"(?<=[.!?])\s+(?=[A-ZÄÖÜÉ])|\n\s*\n|\n(?=[-*#])", text):
            for one in days_in(line):
                if day := day_of(one.iso):
                    yield Item(day, f"“{one_line(re.sub(r'[*#_`]', '', line).strip(' -'), 160)}”", source)


def plain_span(one: Span) -> Plain:
    return {
        "day": one.day.isoformat(), "weekday": WEEKDAYS[one.day.weekday()], "from": f"{one.begin:%H:%M}", "to": f"{one.end:%H:%M}",
        "title": one.title, "source": one.source,
    }  # fmt: skip


def tasks_in(value: object) -> list[Plain]:
    return [plain_map(one) for one in value] if isinstance(value, list) else []
