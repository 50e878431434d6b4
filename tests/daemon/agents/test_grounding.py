"""What stands in no source is found: numbers, days, names, addresses, accounts; however it is written."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.agents.grounding import Ground, days_in

GROUND = Ground(
    [
        "EUR 14,400; starts 2026-12-01; VAT 3.046,40 €; three weeks",
        "Ines Verhoeven, ines@northwind.test, DE66 9999 9999 0004 7110 01",
    ]
)


@pytest.mark.parametrize(
    "text",
    [
        "It costs 14.400 €, or EUR 14,400.00, or 14 400 €.",
        "We start on 1 December 2026, am 1. Dezember 2026, le 1 décembre 2026, on December 1, am 1.12.2026.",
        "With VAT it is EUR 3,046.40.",
        "Dear Ines Verhoeven, three weeks; that is 3 weeks. Ask ines@northwind.test.",
        "DE66999999990004711001",
    ],
)
def test_the_same_in_another_form_is_no_stranger(text: str) -> None:
    assert GROUND.strangers(text) == []


@pytest.mark.parametrize(
    ("text", "kind", "said"),
    [
        ("It costs EUR 14,500.", "number", "14,500"),
        ("It costs 15 400 €.", "number", "15 400"),
        ("It takes four weeks.", "number", "four"),
        ("We start on 2 December 2026.", "day", "2 December 2026"),
        ("We start on 1 December 2027.", "day", "1 December 2027"),
        ("We start on 3.12.", "day", "3.12."),
        ("Ask our Bob about it.", "name", "Bob"),
        ("Write to eve@bad.example.", "address", "eve@bad.example"),
        ("See https://bad.example/x for it.", "address", "https://bad.example/x"),
        ("Pay to DE02 1203 0000 0000 2020 51 now.", "account", "DE02 1203 0000 0000 2020 51"),
    ],
)
def test_what_nobody_gave_is_found_where_it_stands(text: str, kind: str, said: str) -> None:
    (stranger,) = GROUND.strangers(text)
    assert (stranger.kind, stranger.text) == (kind, said)
    assert text[slice(*stranger.span)] == said


def test_in_german_a_noun_is_no_name_and_two_in_a_row_are() -> None:
    assert GROUND.strangers("Wir beginnen mit der Arbeit an den Masken.", "de") == []
    assert [one.text for one in GROUND.strangers("Wir fragen dazu Bernd Müller.", "de")] == ["Müller"]


def test_what_is_no_day_is_none() -> None:
    assert [day.iso for day in days_in("30/1, version 1.2.3, 45. Januar 2027, am 11. Januar")] == ["--01-11"]
