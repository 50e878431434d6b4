"""Calendars and address books: one chunk for each entry, repetition in words, contacts as facts."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.core.orders import ParsedFact
from quarterdeck_daemon.parsers.limits import EVENTS_MAX
from quarterdeck_daemon.parsers.recurrence import repeats

from .papers import CALENDAR, CONTACTS, read, told


def test_an_event_is_one_chunk_with_its_times_in_words() -> None:
    assert told(read("studio.ics", CALENDAR)) == [
        (
            "Studio, 2026-03-02",
            "Kick-off, with Ana\nWhen: 2026-03-02 10:00–11:30 Europe/Berlin\n"
            "Repeats: every 2 weeks on Monday and Wednesday, until 2026-06-30\n"
            "Except: 2026-03-16 10:00 Europe/Berlin\nWhere: Room 3\nOrganiser: Mara Lind <mara@studio.example>\n"
            "With: Ana Ruiz <ana@nube.example>\nBring the plan.\nAnd the budget.",
        ),
        ("Studio, 2026-03-05", "Task: Send the offer\nDue: 2026-03-05"),
    ]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("FREQ=DAILY;COUNT=10", "every day, 10 times"),
        ("FREQ=MONTHLY;BYDAY=2TU", "every month on the second Tuesday, without end"),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", "every month on last day, without end"),
        ("FREQ=MONTHLY;BYDAY=MO,TU;BYSETPOS=-1", "every month on the last of Monday and Tuesday, without end"),
        ("FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU;UNTIL=99991231", "every year on the last Sunday in March, until 9999-12-31"),
        ("FREQ=WEEKLY;INTERVAL=99999999999999", "every week, without end"),
        ("nonsense", "nonsense"),
    ],
)  # fmt: skip
def test_a_rule_is_said_in_words(rule: str, words: str) -> None:
    assert repeats(rule) == words


def test_times_that_make_no_sense_are_kept_as_they_stand() -> None:
    """Year 9999, floating times, ten thousand guests: text like any other, nothing is expanded."""
    guests = b"".join(b"ATTENDEE:mailto:g%d@x.example\n" % number for number in range(10_000))
    event = b"BEGIN:VEVENT\nSUMMARY:Party\nDTSTART:99991231T235900\nDTEND:soon\n" + guests + b"END:VEVENT\n"
    parsed = read("a.ics", b"BEGIN:VCALENDAR\n" + event + b"END:VCALENDAR\n")
    assert parsed.text.startswith("Party\nWhen: 9999-12-31 23:59 to soon\nWith: g0@x.example, ")
    assert parsed.text.endswith(" and 9,950 more")


def test_a_calendar_without_end_is_cut_and_said() -> None:
    many = b"BEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT\n" * (EVENTS_MAX + 1)
    parsed = read("a.ics", b"BEGIN:VCALENDAR\n" + many + b"END:VCALENDAR\n")
    assert parsed.meta["warnings"] == ["only the first 5,000 of 5,001 entries were kept"]


def test_contacts_become_chunks_and_facts() -> None:
    parsed = read("contacts.vcf", CONTACTS)
    assert told(parsed) == [
        (
            "contacts, Ana Ruiz",
            "Ana Ruiz\nemail: ana@nube.example\nemails: ana@home.example\nphone: +34 600 123 456\n"
            "company: Nube S.L., Design\nrole: Head of Design\naddress: Calle Mayor 1, Madrid, 28001, Spain\n"
            "birthday: 1990-05-17",
        ),
        ("contacts, Jörg Müller", "Jörg Müller\nphone: +49 170 1"),
    ]
    ana, jorg = parsed.facts
    assert (ana.fact_kind, ana.key, ana.value["email"]) == ("contact", "ana-ruiz", "ana@nube.example")
    assert jorg == ParsedFact(
        fact_kind="contact", key="jorg-muller", value={"name": "Jörg Müller", "phone": "+49 170 1"}
    )


def test_a_contact_fact_holds_only_what_its_fields_can_be() -> None:
    card = (
        b"BEGIN:VCARD\nFN:Ana\nTEL:ask Ben\nBDAY:--0517\nEND:VCARD\nBEGIN:VCARD\nFN:Ben\nBDAY:19900517\nEND:VCARD\n"
    )
    parsed = read("a.vcf", card)
    assert [fact.value for fact in parsed.facts] == [{"name": "Ana"}, {"name": "Ben", "birthday": "1990-05-17"}]
    assert "phone: ask Ben\nbirthday: --0517" in parsed.text


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.ics", b"hello", "malformed"),
        ("a.ics", b"BEGIN:VCALENDAR\nEND:VCALENDAR\n", "empty"),
        ("a.ics", b"BEGIN:VEVENT\n" * 100, "too_deep"),
        ("a.vcf", b"BEGIN:VCARD\nEND:VCARD\n", "empty"),
        ("a.vcf", b"words", "malformed"),
    ],
    ids=["words", "no events", "nested", "no contacts", "words as contacts"],
)
def test_what_is_no_calendar_or_address_book_says_so(name: str, data: bytes, reason: str) -> None:
    assert read(name, data).meta["unreadable"] == reason
