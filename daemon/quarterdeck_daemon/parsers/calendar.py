"""Calendars (.ics): each event, task and note as text with its times, place, people and, in words, its repetition.

Times stay as written: with their zone, in UTC, or floating. Nothing is expanded, so a rule without end costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import PurePath

from quarterdeck_daemon.core.orders import Parsed, ParseDocument

from .blocks import TextBuilder
from .chunks import chunks_of
from .content_lines import Component, ContentLine, components
from .decoding import decoded
from .language import language_of
from .limits import ATTENDEES_MAX, EVENTS_MAX, TITLE_CHARS_MAX
from .recurrence import repeats
from .refusal import Refused

WHAT = {"VEVENT": "Event", "VTODO": "Task", "VJOURNAL": "Note"}
DATES_MAX = 30  # Of excluded or extra dates, named.
_TIME = re.compile(r"(\d{4})(\d{2})(\d{2})(?:T(\d{2})(\d{2})(?:(\d{2}))?(Z?))?$")


def parse_calendar(order: ParseDocument) -> Parsed:
    raw, charset, warning = decoded(order.data, "")
    outer = list(components(raw))
    if not any(one.name == "VCALENDAR" for one in outer):
        raise Refused("malformed", "this is no calendar: there is no BEGIN:VCALENDAR")
    entries = [entry for one in outer for entry in (one, *one.inner) if entry.name in WHAT]
    if not entries:
        raise Refused("empty", "the calendar has no events, tasks or notes")
    named = next((one.text("X-WR-CALNAME") for one in outer if one.text("X-WR-CALNAME")), "")
    title = (named or PurePath(order.name).stem or "Calendar")[:TITLE_CHARS_MAX]
    built = TextBuilder()
    for entry in entries[:EVENTS_MAX]:
        when = _day(entry.first("DTSTART") or entry.first("DUE"))
        if not built.add(entry_text(entry), place=("", when, when), apart=True):
            break
    warnings = [warning] if warning else []
    if len(entries) > len(built.blocks):
        warnings.append(f"only the first {len(built.blocks):,} of {len(entries):,} entries were kept")
    language = language_of(built.text)
    return Parsed(
        title=title,
        text=built.text,
        meta={"language": language, "charset": charset, "warnings": warnings, "entries": str(len(entries))},
        chunks=chunks_of(built.text, built.blocks, title=title, language=language),
    )


def entry_text(entry: Component) -> str:
    """The lines of one entry; what is not there is left out."""
    head = entry.text("SUMMARY") or f"({WHAT[entry.name].lower()} without a title)"
    lines = [head if entry.name == "VEVENT" else f"{WHAT[entry.name]}: {head}"]
    for label, told in LINES:
        words = told(entry)
        if words:
            lines.append(f"{label}: {words}")
    description = entry.text("DESCRIPTION")
    return "\n".join([*lines, description] if description else lines)


# --- times ----------------------------------------------------------------------------------------


def _when(entry: Component) -> str:
    start, end = entry.first("DTSTART"), entry.first("DTEND")
    if start is None:
        return ""
    begins, until = written_time(start), written_time(end) if end is not None else ""
    if not until and (duration := entry.text("DURATION")):
        return f"{begins}, for {_duration(duration)}"
    day, _, rest = until.partition(" ")
    if rest and begins.startswith(f"{day} "):
        zone = begins.rpartition(" ")[2]
        return f"{begins.removesuffix(f' {zone}')}–{rest}" if rest.endswith(zone) else f"{begins} to {until}"
    return f"{begins} to {until}" if until and until != begins else begins


def written_time(line: ContentLine) -> str:
    """`2026-03-02 10:00 Europe/Berlin`, `2026-03-02` for a whole day, as it stands when it is no time."""
    value = line.value.split(",")[0].strip()
    match = _TIME.fullmatch(value)
    if match is None:
        return " ".join(value.split())[:60]
    day = "-".join(match.group(1, 2, 3))
    if match[4] is None:
        return day
    clock = f"{match[4]}:{match[5]}" + (f":{match[6]}" if match[6] and match[6] != "00" else "")
    zone = "UTC" if match[7] else line.parameters.get("TZID", "")[:60]
    return f"{day} {clock} {zone}".strip()


def _day(line: ContentLine | None) -> str:
    return written_time(line).partition(" ")[0] if line is not None else ""


def _duration(text: str) -> str:
    """`PT1H30M` as `1 h 30 min`."""
    units = {"W": "weeks", "D": "days", "H": "h", "M": "min", "S": "s"}
    parts = [f"{int(number)} {units[unit]}" for number, unit in re.findall(r"(\d{1,6})([WDHMS])", text)]
    return " ".join(parts) or text[:40]


def _of_time(name: str) -> Callable[[Component], str]:
    def told(entry: Component) -> str:
        line = entry.first(name)
        return written_time(line) if line is not None else ""

    return told


def _dates(name: str) -> Callable[[Component], str]:
    def told(entry: Component) -> str:
        found = [
            written_time(ContentLine(line.name, line.parameters, value))
            for line in entry.all(name)[:DATES_MAX]
            for value in line.value.split(",")[:DATES_MAX]
        ]
        more = f" and {len(found) - DATES_MAX} more" if len(found) > DATES_MAX else ""
        return ", ".join(found[:DATES_MAX]) + more

    return told


# --- the rest -------------------------------------------------------------------------------------


def _of(name: str) -> Callable[[Component], str]:
    return lambda entry: " ".join(entry.text(name).split())


def _repeats(entry: Component) -> str:
    rules = [repeats(line.value) for line in entry.all("RRULE")[:4]]
    return "; ".join(filter(None, rules))


def _people(entry: Component) -> str:
    found = entry.all("ATTENDEE")
    named = ", ".join(filter(None, map(_person, found[:ATTENDEES_MAX])))
    return named + (f" and {len(found) - ATTENDEES_MAX:,} more" if len(found) > ATTENDEES_MAX else "")


def _organiser(entry: Component) -> str:
    line = entry.first("ORGANIZER")
    return _person(line) if line is not None else ""


def _person(line: ContentLine) -> str:
    address = re.sub(r"^mailto:", "", line.value.strip(), flags=re.IGNORECASE)[:200]
    name = line.parameters.get("CN", "").strip()[:200]
    return f"{name} <{address}>" if name and name != address else address


def _status(entry: Component) -> str:
    status = entry.text("STATUS").lower()
    return status if status not in ("", "confirmed") else ""


LINES: tuple[tuple[str, Callable[[Component], str]], ...] = (
    ("When", _when),
    ("Due", _of_time("DUE")),
    ("Repeats", _repeats),
    ("Except", _dates("EXDATE")),
    ("Also", _dates("RDATE")),
    ("In place of the occurrence", _of_time("RECURRENCE-ID")),
    ("Where", _of("LOCATION")),
    ("Organiser", _organiser),
    ("With", _people),
    ("Status", _status),
    ("Categories", _of("CATEGORIES")),
    ("Link", _of("URL")),
)
