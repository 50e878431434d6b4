"""The scheduler counts what facts, calendars and notes say about days; it books and writes nothing."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.agents.contract import AgentFailure
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import ParseDocument
from quarterdeck_daemon.parsers.table import parse

from .reading import studio_facts
from .trial import trial

FACTS: Plain = {kind: list(rows) for kind, rows in studio_facts().items()}
CALENDAR = """BEGIN:VCALENDAR
BEGIN:VEVENT
SUMMARY:Dentist
DTSTART;TZID=Europe/Berlin:20261123T100000
DTEND;TZID=Europe/Berlin:20261123T113000
END:VEVENT
BEGIN:VEVENT
SUMMARY:Call with Ledgerline
DTSTART:20261124T130000Z
DTEND:20261124T140000Z
END:VEVENT
BEGIN:VEVENT
SUMMARY:Fair
DTSTART;VALUE=DATE:20261125
END:VEVENT
END:VCALENDAR
"""


def days(context: Plain | None = None, **given: object) -> Plain:
    return trial("scheduler", dict(given), {**FACTS, **(context or {})}).output


def remembered(text: str, integrity: str = "operator") -> Plain:
    piece: Plain = {
        "part": "recalled",
        "id": "memory:m1",
        "title": "x",
        "text": text,
        "labels": {"integrity": integrity},
    }
    return {"context": {"pieces": [piece]}}


def calendar() -> Plain:
    text = parse(
        ParseDocument(document="doc1", media_type="text/calendar", data=CALENDAR.encode(), name="a.ics")
    ).text
    return {"calendars": [{"id": "m7", "title": "a", "text": text, "score": 0.5, "source": "a.ics"}]}


def spans(output: Plain, name: str) -> list[str]:
    rows = output[name]
    assert isinstance(rows, list)
    return [f"{row['weekday']} {row['from']}-{row['to']}" for row in rows]


def test_free_time_is_the_working_hours_less_what_calendars_have() -> None:
    output = days(calendar(), day="2026-11-23", days=4, what="free")
    assert spans(output, "free") == [
        "Mon 09:00-10:00",
        "Mon 11:30-17:30",
        "Tue 09:00-14:00",
        "Tue 15:00-17:30",
        "Thu 09:00-17:30",
    ]
    assert spans(output, "busy") == ["Mon 10:00-11:30", "Tue 14:00-15:00", "Wed 00:00-23:59"]


def test_without_that_calendar_the_whole_days_are_free() -> None:
    """The twin."""
    whole = ["Mon 09:00-17:30", "Tue 09:00-17:30", "Wed 09:00-17:30", "Thu 09:00-17:30"]
    assert spans(days(day="2026-11-23", days=7, what="free"), "free") == whole


def test_calls_have_hours_of_their_own_and_short_gaps_are_no_time() -> None:
    assert spans(days(calendar(), day="2026-11-23", days=1, what="calls"), "free") == [
        "Mon 09:30-10:00",
        "Mon 11:30-12:30",
    ]
    assert spans(days(calendar(), day="2026-11-23", days=1, what="calls", minutes=45), "free") == ["Mon 11:30-12:30"]


def test_closed_days_are_told_and_have_no_time() -> None:
    output = days(day="2026-12-18", days=10, what="free")
    assert output["free"] == []
    assert output["closed"] == [{"from": "2026-12-19", "to": "2027-01-06", "source": "fact:policy/availability"}]


def test_the_agenda_has_dates_of_facts_bookings_and_tasks_in_order() -> None:
    task: Plain = {"id": "t4", "title": "send the texts", "due_us": 1_796_119_200_000_000}
    output = days({**calendar(), "tasks": [task]}, day="2026-11-23", days=14)
    assert str(output["answer"]).splitlines()[1:] == [
        "Mon 2026-11-23  10:00–11:30 Dentist [1]",
        "Tue 2026-11-24  14:00–15:00 Call with Ledgerline [1]",
        "Wed 2026-11-25  00:00–23:59 Fair [1]",
        "Tue 2026-12-01  task: send the texts [2]",
        "Fri 2026-12-04  contract SL-C-2026-05 ends: Onboarding of the ordering app [3]",
        "Fri 2026-12-04  invoice SL-2026-039 is due: Product sprint, second half [4]",
    ]


def test_a_note_of_the_house_is_on_the_agenda_and_a_strangers_word_is_not() -> None:
    said = "The mail templates have to be there on 4 December 2026. Nothing else."
    own = days(remembered(said), day="2026-12-01")
    assert "The mail templates have to be there" in str(own["answer"])
    assert "mail templates" not in str(days(remembered(said, "external"), day="2026-12-01")["answer"])


def test_tasks_are_made_only_when_they_are_asked_for() -> None:
    made = trial("scheduler", {"day": "2026-12-01", "tasks": True}, FACTS).tasks
    assert [one.key for one in made] == [
        "agenda/fact:contract/SL-C-2026-05/2026-12-04",
        "agenda/fact:invoice/SL-2026-039/2026-12-04",
    ]
    assert trial("scheduler", {"day": "2026-12-01"}, FACTS).tasks == ()


def test_the_calendar_file_is_read_back_as_it_was_meant() -> None:
    text = str(days(day="2026-11-23", days=1, what="free")["ics"])
    assert max(len(line.encode()) for line in text.split("\r\n")) <= 75
    again = parse(ParseDocument(document="d", media_type="text/calendar", data=text.encode(), name="b.ics"))
    assert (again.unreadable, "When: 2026-11-23 08:00–16:30 UTC" in again.text) == ("", True)
    assert text == str(days(day="2026-11-23", days=1, what="free")["ics"])


def test_a_repeating_entry_is_told_as_not_counted() -> None:
    text = "Jour fixe\nWhen: 2026-11-23 10:00–11:00 Europe/Berlin\nRepeats: every week"
    output = days({"calendars": [{"id": "m1", "text": text, "score": 1.0}]}, day="2026-11-23", what="free")
    assert output["notes"] == ["Jour fixe repeats; only 2026-11-23 is counted."]


def test_what_is_no_day_is_refused() -> None:
    with pytest.raises(AgentFailure) as caught:
        days(day="31 February")
    assert caught.value.failure.code == "bad_value"
