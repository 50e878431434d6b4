"""Scheduler: when it is morning for each recipient, what is on in the days to come, and when there is time.

Works from facts, calendars and notes that are remembered; asks nobody and books nothing. What it finds can become tasks,
when its step says so, and a calendar file, which another step writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import ProposedTask, RunStep, StepDone

from .calendar_days import (
    WEEKDAYS,
    Item,
    Span,
    agenda,
    booked,
    closed_of,
    free_spans,
    hours_of,
    plain_span,
    spoken,
    tasks_in,
)
from .contract import Agent, AgentFailure, plain_map
from .finance import today_of
from .ics import ics_of
from .outside_text import one_line
from .seen import Piece, facts_of, pieces_of

RECIPIENTS_MAX = 50
DAYS_MAX = 62
TOLD_MAX = 30
TASKS_MAX = 20


def run(step: RunStep) -> StepDone:
    return _mornings(step) if "recipients" in step.input else _days(step)


# --- mornings -------------------------------------------------------------------------------------


def _mornings(step: RunStep) -> StepDone:
    wanted = step.input.get("recipients")
    if not isinstance(wanted, list) or not 0 < len(wanted) <= RECIPIENTS_MAX:
        raise AgentFailure("contract", "missing_input", f"`recipients` is a list of 1 to {RECIPIENTS_MAX} contacts")
    known = _contacts(step.context.get("contacts"))
    usual = str(plain_map(step.context.get("workspace")).get("timezone") or "UTC")
    day, hour = str(step.input.get("day", "")), str(step.input.get("hour", "09:00"))
    letters = [_letter(str(key), known, usual, day, hour) for key in wanted]
    return StepDone(output={"letters": letters})


def _contacts(found: object) -> dict[str, Plain]:
    facts = [plain_map(one) for one in found] if isinstance(found, list) else []
    return {str(fact.get("key", "")): plain_map(fact.get("value")) for fact in facts}


def _letter(key: str, known: dict[str, Plain], usual: str, day: str, hour: str) -> Plain:
    contact = known.get(key)
    if contact is None or not contact.get("email"):
        raise AgentFailure("contract", "unknown_contact", f"there is no contact {key!r} with an address")
    zone = str(contact.get("zone") or usual)
    at = _moment(zone, day, hour)
    return {"key": key, "name": contact.get("name", key), "email": contact["email"], "zone": zone, "at": at}


def _moment(zone: str, day: str, hour: str) -> str:
    """Local time with its offset, so that summer and winter are told by the zone and not by us."""
    try:
        moment = datetime.combine(datetime.fromisoformat(day).date(), time.fromisoformat(hour), ZoneInfo(zone))
    except (ValueError, ZoneInfoNotFoundError) as error:
        raise AgentFailure("contract", "bad_value", f"{zone}, {day!r} at {hour!r}: {error}") from error
    return moment.isoformat(timespec="minutes")


# --- days -----------------------------------------------------------------------------------------


def _days(step: RunStep) -> StepDone:
    facts, zone = facts_of(step), _zone(step)
    first, days = _window(step)
    what, minutes = str(step.input.get("what") or "agenda"), _whole(step.input.get("minutes"), 30, 1, 24 * 60)
    pieces = pieces_of(step, "recalled", "pinned", "core")
    taken = booked(_texts(step, pieces), facts, zone)
    closed = closed_of(facts)
    items = agenda(first, days, facts, taken, tasks_in(step.context.get("tasks")), spoken(_notes(step, pieces)))
    items += [
        Item(max(begin, first), f"closed until {end}", source)
        for begin, end, source in closed
        if _meets(begin, end, first, days)
    ]
    free = free_spans(first, days, hours_of(facts, "calls" if what == "calls" else "hours"), taken, closed, minutes)
    told: Sequence[Item | Span] = items if what == "agenda" else free
    output: Plain = {
        "from": first.isoformat(),
        "to": (first + timedelta(days=days - 1)).isoformat(),
        "agenda": [{"day": one.day.isoformat(), "text": one.text, "source": one.source} for one in items],
        "free": [plain_span(one) for one in free],
        "busy": [plain_span(one) for one in taken if first <= one.day < first + timedelta(days=days)],
        "closed": [
            {"from": begin.isoformat(), "to": end.isoformat(), "source": source} for begin, end, source in closed
        ],
        "notes": [f"{one.title} repeats; only {one.day} is counted." for one in taken if one.repeats][:TOLD_MAX],
        "answer": _answer(told, what, first, days),
        "sources": _sources(told),
        "ics": ics_of(free if what != "agenda" else (), items if what == "agenda" else (), zone, step.now_us),
    }
    return StepDone(output=output, tasks=_tasks(items, zone) if step.input.get("tasks") is True else ())


def _zone(step: RunStep) -> ZoneInfo:
    try:
        return ZoneInfo(str(plain_map(step.context.get("workspace")).get("timezone") or "UTC"))
    except (ValueError, ZoneInfoNotFoundError):
        return ZoneInfo("UTC")


def _window(step: RunStep) -> tuple[date, int]:
    """(first day, how many days). Raises AgentFailure `bad_value`."""
    said = str(step.input.get("day") or "")
    try:
        first = date.fromisoformat(said) if said else today_of(step)
    except ValueError as error:
        raise AgentFailure("contract", "bad_value", f"{said!r} is no day", "Write it as 2026-12-01.") from error
    return first, _whole(step.input.get("days"), 7, 1, DAYS_MAX)


def _whole(value: object, usual: int, least: int, most: int) -> int:
    return min(max(value, least), most) if isinstance(value, int) and not isinstance(value, bool) else usual


def _meets(begin: date, end: date, first: date, days: int) -> bool:
    return begin < first + timedelta(days=days) and end >= first


def _texts(step: RunStep, pieces: list[Piece]) -> Iterable[tuple[str, str]]:
    """Texts in which calendar entries may stand: documents that are read, and what is remembered."""
    for value in step.context.values():
        plain = plain_map(value)
        if "meta" in plain and plain.get("text"):
            yield str(plain["text"]), f"document:{plain.get('id')}"
        for hit in value if isinstance(value, list) else []:
            row = plain_map(hit)
            if "score" in row and row.get("text"):
                yield str(row["text"]), f"memory:{row.get('id')}"
    yield from ((one.text, one.id) for one in pieces)


def _notes(step: RunStep, pieces: list[Piece]) -> Iterable[tuple[str, str]]:
    """Notes of the house; what strangers wrote about days is not put on the agenda."""
    own = _own(step)
    return [(one.text, one.id) for one in pieces if one.id in own and one.id.startswith("memory:")]


def _own(step: RunStep) -> set[str]:
    rows = [row for value in step.context.values() for row in tasks_in(plain_map(value).get("pieces"))]
    return {str(row.get("id")) for row in rows if plain_map(row.get("labels")).get("integrity") == "operator"}


# --- in words -------------------------------------------------------------------------------------


def _answer(told: Sequence[Item | Span], what: str, first: date, days: int) -> str:
    last = first + timedelta(days=days - 1)
    when = f"{first} to {last}" if days > 1 else str(first)
    if not told:
        return f"Nothing is known for {when}." if what == "agenda" else f"There is no free time from {when}."
    numbers = _numbers(told)
    lines = [
        f"{WEEKDAYS[one.day.weekday()]} {one.day}  {_said(one)}{numbers.get(one.source, '')}"
        for one in told[:TOLD_MAX]
    ]
    more = [f"and {len(told) - TOLD_MAX} more"] if len(told) > TOLD_MAX else []
    return "\n".join([f"{'On' if what == 'agenda' else 'Free'}, {when}:", *lines, *more])


def _said(one: Item | Span) -> str:
    return one.text if isinstance(one, Item) else f"{one.begin:%H:%M}–{one.end:%H:%M}"


def _numbers(told: Sequence[Item | Span]) -> dict[str, str]:
    """` [1]` for the first source, and so on; what follows from no source has none."""
    named = dict.fromkeys(one.source for one in told[:TOLD_MAX] if one.source)
    return {source: f" [{number}]" for number, source in enumerate(named, 1)}


def _sources(told: Sequence[Item | Span]) -> list[Plain]:
    """One for each source, with all that it says."""
    said: dict[str, list[str]] = {}
    for one in told[:TOLD_MAX]:
        if one.source:
            said.setdefault(one.source, []).append(_said(one))
    return [
        {
            "id": source,
            "title": source.partition(":")[2].replace("/", " "),
            "quote": one_line("; ".join(dict.fromkeys(texts))),
            "span": None,
        }
        for source, texts in said.items()
    ]


def _tasks(items: list[Item], zone: ZoneInfo) -> tuple[ProposedTask, ...]:
    """One for each thing that is on; the same thing is not made twice."""
    return tuple(
        ProposedTask(
            title=one_line(one.text, 200), key=f"agenda/{one.source}/{one.day}"[:200], evidence=(one.source,),
            due_us=int(datetime.combine(one.day, time(9), zone).timestamp() * 1e6),
        )
        for one in items[:TASKS_MAX]
    )  # fmt: skip


SCHEDULER = Agent(name="scheduler", run=run)
