"""The reviewer holds a text against facts and policy; each problem is quoted where it stands, with a fix and a source."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.agents.contract import AgentFailure
from quarterdeck_daemon.core.entities import Plain

from .reading import studio_facts
from .trial import Answers, says, trial

FACTS: Plain = {kind: list(rows) for kind, rows in studio_facts().items()}


def reviewed(text: str, to: str = "", answers: Answers | None = None, context: Plain | None = None) -> Plain:
    given: Plain = {"text": text, **dict.fromkeys(("to",) if to else (), to)}
    return trial("reviewer", given, FACTS if context is None else context, answers).output


def problems(output: Plain) -> list[Plain]:
    found = output["problems"]
    assert isinstance(found, list)
    return found


FINE = (
    "Dear Ines,\n\nthe design audit is EUR 3,600 and takes five days. I can start on 11 January 2027. "
    "Your launch is on Tuesday, 1 December 2026. VAT is 19 %.\n\nBest regards\nMara\n"
)


def test_a_letter_that_says_what_the_facts_say_is_fine() -> None:
    output = reviewed(FINE, "ines-verhoeven")
    assert (output["problems"], output["ok"]) == ([], True)


@pytest.mark.parametrize(
    ("said", "instead", "code", "fix", "source"),
    [
        ("EUR 3,600", "EUR 3,900", "amount", "It is EUR 3,600.", "fact:product/design-audit"),
        ("11 January 2027", "11 January 2026", "past", "Is 2027-01-11 meant?", "fact:policy/availability"),
        ("11 January 2027", "14 December 2026", "availability", "Free from 2027-01-11.", "fact:policy/availability"),
        ("Tuesday, 1", "Wednesday, 1", "weekday", "It is a Tuesday.", ""),
        ("Dear Ines", "Dear Tom", "recipient", "It goes to Ines Verhoeven.", "fact:contact/ines-verhoeven"),
        ("Best regards", "See [date?]. Best regards", "placeholder", "Fill it in, or take it out.", ""),
        ("Best regards", "{{ operator.name }} TODO", "placeholder", "Fill it in, or take it out.", ""),
        ("Best", "Pay to DE67 9999 9999 0004 7110 01. Best", "iban", "Copy it again.", ""),
        ("Best", "Pay to DE02 1203 0000 0000 2020 51. Best", "iban", "Take it out.", "fact:policy/answers"),
        ("Best", "Ask Joost Baker. Best", "name", "Is Joost Bakker meant?", "fact:contact/joost-bakker"),
        ("Best", "Ask sofia.andrade@tidewater.test. Best", "private", "Ask first, or take it out.", "fact:contact/sofia-andrade"),
        ("Best", "password: hunter2 Best", "secret", "Take it out.", ""),
    ],
)  # fmt: skip
def test_what_facts_or_policy_deny_is_found_with_its_fix(
    said: str, instead: str, code: str, fix: str, source: str
) -> None:
    text = FINE.replace(said, instead)
    output = reviewed(text, "ines-verhoeven")
    found = [one for one in problems(output) if one["code"] == code]
    assert found, output
    assert (found[0]["fix"], found[0]["source"], output["ok"]) == (fix, source, False)
    assert text[slice(*found[0]["span"])] == found[0]["quote"]  # type: ignore[misc]


@pytest.mark.parametrize(
    ("text", "code"),
    [("It costs EUR 777.", "amount"), ("VAT is 21 %.", "rate"), ("We did it for Kastanie Energie, too.", "private")],
)
def test_what_no_fact_settles_is_only_to_be_looked_at(text: str, code: str) -> None:
    output = reviewed(text, "ines-verhoeven")
    assert [(one["code"], one["serious"]) for one in problems(output)] == [(code, False)]
    assert output["ok"] is True


def test_their_own_address_is_no_secret_to_them() -> None:
    assert problems(reviewed("Send it to invoices@northwind.test or joost@northwind.test.", "ines-verhoeven")) == []


def test_a_day_that_a_fact_knows_may_have_passed() -> None:
    assert problems(reviewed("Your invoice of 2026-10-16 was paid on 9 November 2026.")) == []


def test_a_document_is_reviewed_like_a_text() -> None:
    output = trial("reviewer", {}, {"document": {"id": "doc1", "title": "Offer", "text": "See {{ x }}."}}).output
    assert str(output["answer"]).startswith("Offer: 1 to mend")


def test_a_models_opinion_is_told_as_one_and_only_when_it_quotes_the_text() -> None:
    said = {
        "problems": [{"quote": "takes five days", "says": "is tight"}, {"quote": "never said", "says": "made up"}]
    }
    output = reviewed(FINE, "ines-verhoeven", says(said))
    assert [(one["code"], one["quote"], one["serious"]) for one in problems(output)] == [
        ("opinion", "takes five days", False)
    ]
    assert output["ok"] is True


def test_nothing_to_review_is_refused() -> None:
    with pytest.raises(AgentFailure, match="no text to review"):
        reviewed("   ")
