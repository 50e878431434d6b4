"""What the capturing rules find in texts, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from quarterdeck_daemon.agents.capture import FINDINGS_MAX, find_facts
from quarterdeck_daemon.agents.capture_accounts import ibans_in
from quarterdeck_daemon.core.entities import Fact, Plain
from quarterdeck_daemon.core.orders import FindFacts, Finding, ParseDocument, SourceText
from quarterdeck_daemon.core.parties import Parties, mention_key
from quarterdeck_daemon.parsers.table import parse
from quarterdeck_protocol.labels import EXTERNAL, OPERATOR

NOW_US = 1_795_183_512_000_000  # 20 November 2026, a Friday.
OWN = ("Studio Lindqvist", "Mara Lindqvist", "mara@studio-lindqvist.test", "studio-lindqvist.test")
IBAN = "DE89 3704 0044 0532 0130 00"
STUDIO = Path(__file__).parents[3] / "examples" / "studio"


def note(text: str, **more: object) -> tuple[Finding, ...]:
    source = SourceText(source="memory:m1", text=text, at_us=NOW_US, by_operator=True, **more)  # type: ignore[arg-type]
    return find_facts(FindFacts(texts=(source,), own=OWN)).items[0].findings


def mail(raw: str) -> tuple[Finding, ...]:
    parsed = parse(ParseDocument(document="doc1", media_type="message/rfc822", data=raw.encode(), name="a.eml"))
    source = SourceText(
        source="document:doc1",
        text=parsed.text,
        at_us=NOW_US,
        title=parsed.title,
        media_type="message/rfc822",
        meta=parsed.meta,
    )
    return find_facts(FindFacts(texts=(source,), own=OWN)).items[0].findings


def of(findings: tuple[Finding, ...], kind: str) -> list[tuple[str, Plain]]:
    return [(one.key, one.value) for one in findings if one.fact_kind == kind]


FRAUD = f"""From: Nordpapier Buchhaltung <billing@nordpapier-service.example>
To: mara@studio-lindqvist.test
Subject: Neue Bankverbindung
Date: Fri, 20 Nov 2026 10:00:00 +0100
Message-ID: <s1@x>
Content-Type: text/plain; charset=utf-8

Sehr geehrte Frau Lindqvist,

bitte überweisen Sie Rechnung Nr. 4711 über 1.190,00 EUR auf unser neues Konto bis 30.11.2026.

Kontoinhaber: Nordpapier GmbH
IBAN: {IBAN}

Mit freundlichen Grüßen
Petra Kling
"""


def test_an_invoice_with_a_new_account_names_account_holder_number_sum_and_day() -> None:
    found = mail(FRAUD)
    [account] = [one for one in found if "iban" in one.value]
    assert (account.value, account.mentions[0], account.party) == (
        {"name": "Nordpapier GmbH", "iban": IBAN.replace(" ", "")}, "Nordpapier GmbH", True,
    )  # fmt: skip
    assert of(found, "invoice") == [
        ("4711", {"number": "4711", "amount": {"minor": 119000, "currency": "EUR"}, "due": "2026-11-30"})
    ]


def test_every_finding_points_at_the_place_it_stands_at() -> None:
    parsed = parse(ParseDocument(document="doc1", media_type="message/rfc822", data=FRAUD.encode(), name="a.eml"))
    quotes = [
        (parsed.text[one.span[0] : one.span[1]], one.quote)
        for finding in mail(FRAUD)
        for one in finding.evidence
        if one.span
    ]
    assert len(quotes) >= 4
    assert [" ".join(stands.split()) for stands, _ in quotes] == [quote for _, quote in quotes]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"IBAN: {IBAN}", ["DE89370400440532013000"]),
        ("to GB33BUKB20201555555555, please", ["GB33BUKB20201555555555"]),
        ("NL91 ABNA 0417 1643 00 (Northwind)", ["NL91ABNA0417164300"]),
        (f"{IBAN}\nBIC COBADEFFXXX and NO93 8601 1117 947.", ["DE89370400440532013000", "NO9386011117947"]),
        ("DE89 3704 0044 0532 0130 01", []),
        ("DE89 3704 0044 0532 0130 007", []),
        ("order DE12 of today, part XX99 1234", []),
        ("DE89  3704 0044 0532 0130 00", []),
    ],
)  # fmt: skip
def test_only_what_has_the_check_digits_of_an_account_is_one(text: str, found: list[str]) -> None:
    assert [iban for iban, _ in ibans_in(text)] == found


def test_a_bank_that_writes_of_ones_own_account_says_nothing_new() -> None:
    bank = FRAUD.replace("Kontoinhaber: Nordpapier GmbH\nIBAN: ", "Gutschrift auf Ihrem Geschäftskonto ")
    assert [one for one in mail(bank) if "iban" in one.value] == []


@pytest.mark.parametrize(
    ("text", "who", "value"),
    [
        (
            "Met Ines Verhoeven, ines@northwind.test, +31 20 123 4567.",
            "ines-verhoeven",
            {"name": "Ines Verhoeven", "email": "ines@northwind.test", "phone": "+31 20 123 4567"},
        ),
        (
            "Neue Ansprechpartnerin:\nDörte Groß\nd.gross@kontor.example\nTel. 040 1234567",
            "doerte-gross",
            {"name": "Dörte Groß", "email": "d.gross@kontor.example", "phone": "040 1234567"},
        ),
    ],
)
def test_people_in_a_note_with_how_to_reach_them(text: str, who: str, value: Plain) -> None:
    assert of(note(text), "contact") == [(who, value)]


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("I'll send the draft to Ines by 4 December 2026.", "2026-12-04"),
        ("Thanks. We will deliver the icons on Friday.", "2026-11-27"),
        ("Ich schicke dir das Angebot bis 27.11.2026.", "2026-11-27"),
        ("Nous vous enverrons le devis avant le 4 décembre 2026.", "2026-12-04"),
        ("Jag skickar offerten senast 4 december 2026.", "2026-12-04"),
        ("Te enviaré el presupuesto antes del 4 de diciembre de 2026.", "2026-12-04"),
    ],
)
def test_a_promise_with_a_day_is_a_commitment(text: str, due: str) -> None:
    found = of(note(text), "commitment")
    assert [value["due"] for _, value in found] == [due]
    assert found[0][1]["who"] == "operator"


@pytest.mark.parametrize(
    "text",
    [
        "Please send it by 4 December 2026.",
        "Will you send it by 4 December 2026?",
        "I will think about it.",
        "I will not come on 4 December 2026.",
        "They will send it by 4 December 2026.",
    ],
)
def test_a_request_a_question_or_a_promise_without_a_day_is_none(text: str) -> None:
    assert of(note(text), "commitment") == []


def test_an_appointment_on_one_certain_day_is_an_event() -> None:
    assert of(note("Workshop with Northwind on 3 February 2027 in Utrecht."), "event") == [
        (
            "2027-02-03-workshop",
            {"title": "Workshop with Northwind on 3 February 2027 in Utrecht", "starts": "2027-02-03"},
        )
    ]
    assert of(note("The call on 3 February 2027 moves to 5 February 2027."), "event") == []


def test_an_example_in_a_style_guide_promises_nothing() -> None:
    assert note("Write: I will send it by 4 December 2026.", media_type="text/markdown") == ()


def test_the_house_itself_is_nobody_to_propose() -> None:
    found = note("Mara Lindqvist, mara@studio-lindqvist.test\nStudio Lindqvist\n" + IBAN)
    assert [one.mentions for one in found if "Lindqvist" in " ".join(one.mentions)] == []


HURTING = ("", "\x00\x01", "@@@@", "DE" * 20_000, "a@b.c " * 5_000, "12.12. " * 3_000, "I'll " * 5_000)


@pytest.mark.parametrize("text", HURTING, ids=range(len(HURTING)))
def test_texts_that_were_made_to_hurt_end(text: str) -> None:
    assert len(note(text)) <= FINDINGS_MAX


def test_newsletters_and_pitches_are_only_read_for_accounts() -> None:
    for path in sorted((STUDIO / "mail" / "inbox").glob("*.eml")):
        if any(word in path.name for word in ("pitch", "weekly", "release-notes", "recruiter", "outsourced")):
            assert mail(path.read_bytes().decode("utf-8", "replace")) == (), path.name


# --- who is known ---------------------------------------------------------------------------------


def fact(id: str, value: Plain, **more: object) -> Fact:
    kind, _, key = id.partition("/")
    base = Fact(id=id, fact_kind=kind, key=key, value=value, version=1, at_us=1, labels=OPERATOR)
    return msgspec.structs.replace(base, **more)


def test_parties_are_known_by_name_address_domain_and_account() -> None:
    parties = Parties()
    parties.put(fact("supplier/nordpapier", {"name": "Nordpapier GmbH & Co. KG", "iban": IBAN}))
    parties.put(
        fact(
            "client/northwind",
            {"name": "Northwind Traders BV", "domain": "northwind.test", "contacts": ["ines@northwind.test"]},
        )
    )
    parties.put(fact("product/audit", {"name": "design audit"}))
    parties.put(fact("contact/stranger", {"name": "Stranger", "email": "s@x.test"}, labels=EXTERNAL))
    parties.put(
        fact("contact/x~p1", {"name": "Proposed One", "email": "p@x.test"}, proposes="contact/x", proposal="open")
    )
    asked = (
        "nordpapier", "NORDPAPIER GmbH", "DE89370400440532013000", "northwind.test", "Ines@northwind.test",
        "Northwind Traders", "design audit", "s@x.test", "p@x.test", "BV", "",
    )  # fmt: skip
    found = [parties.find([mention]) for mention in asked]
    supplier, client = ("supplier/nordpapier",), ("client/northwind",)
    assert found == [supplier, supplier, (), client, client, client, (), (), (), (), ()]
    assert parties.find(["northwind.test", "Nordpapier"], account=True) == (*supplier, *client)


def test_a_party_that_is_renamed_or_taken_back_is_known_by_what_it_is_now() -> None:
    parties = Parties()
    parties.put(fact("client/a", {"name": "Alpha Works"}))
    parties.put(fact("client/a", {"name": "Beta Works"}))
    assert (parties.find(["Alpha Works"]), parties.find(["Beta Works"])) == ((), ("client/a",))
    parties.put(fact("client/a", {"name": "Beta Works"}, withdrawn=True))
    assert parties.find(["Beta Works"]) == ()


@pytest.mark.parametrize(
    ("text", "key"), [("Müller & Söhne KG", "muellersoehne"), ("S.A.R.L. Petit", "petit"), ("AG", ""), ("A B", "")]
)
def test_names_are_compared_without_form_and_accents(text: str, key: str) -> None:
    assert mention_key(text) == key
