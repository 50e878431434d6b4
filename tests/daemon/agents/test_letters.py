"""A letter to somebody we know says what the operator said; where it goes stands in a fact, never in a text."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.agents.contract import AgentFailure
from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import ProposedAction

from .reading import studio_facts
from .trial import Answers, says, trial

FACTS: Plain = {kind: list(rows) for kind, rows in studio_facts().items()}


def letter(to: str, about: str, answers: Answers | None = None, language: str = "") -> Plain:
    given: Plain = {"to": to, "about": about, **dict.fromkeys(("language",) if language else (), language)}
    return trial("composer", given, FACTS, answers).output


def proposed(draft: Plain, **given: object) -> ProposedAction:
    (action,) = trial("outreach", {"draft": draft, **given}, FACTS).actions
    return action


def test_a_letter_has_the_words_the_salutation_and_the_signature_that_facts_give() -> None:
    draft = letter("ines-verhoeven", "that the final screens will be a day late")
    assert draft["body"] == "Dear Ines,\n\nThe final screens will be a day late.\n\nBest regards\nMara\n"
    assert (draft["subject"], draft["language"], draft["gaps"]) == ("The final screens will be a day late", "en", [])
    inserted = draft["inserted"]
    assert isinstance(inserted, list)
    assert [(one["source"], str(draft["body"])[slice(*one["span_in_body"])]) for one in inserted] == [
        ("fact:contact/ines-verhoeven", "Dear Ines,"),
        ("input:about", "The final screens will be a day late."),
        ("fact:preference/signature", "Mara"),
    ]


@pytest.mark.parametrize(
    ("to", "language", "hello", "bye"),
    [
        ("jana-kuehn", "de", "Guten Tag Jana Kühn,", "Viele Grüße"),
        ("ines-verhoeven", "fr", "Bonjour Ines Verhoeven,", "Bien cordialement"),
    ],
)  # fmt: skip
def test_the_language_is_the_clients_or_the_one_that_is_asked_for(
    to: str, language: str, hello: str, bye: str
) -> None:
    asked = "" if language == "de" else language  # Kastanie's own language is German.
    body = str(letter(to, "dass die Vorlagen am Freitag kommen", language=asked)["body"])
    assert body.startswith(hello)
    assert bye in body


def test_words_in_another_language_than_the_letters_are_told() -> None:
    assert letter("jana-kuehn", "that the templates will be late")["notes"] == [
        "Your words are in en; Jana Kühn reads de."
    ]
    assert letter("jana-kuehn", "dass die Vorlagen später kommen")["notes"] == []


def test_a_mere_topic_leaves_a_gap_and_little_confidence() -> None:
    draft = letter("tom-ashdown", "about the retainer in February")
    assert "[what you want to say about it]" in str(draft["body"])
    action = proposed(draft)
    assert action.confidence == 0.2
    assert action.risks[0].startswith("It has a gap")
    assert proposed(letter("tom-ashdown", "that the retainer can begin")).confidence == 0.9


def test_a_model_words_it_from_the_same_facts() -> None:
    draft = letter(
        "ines-verhoeven", "that the screens will be a day late", says("The screens will be a day late, sorry.")
    )
    assert "The screens will be a day late, sorry." in str(draft["body"])
    assert (draft["by"], draft["gaps"]) == ("example", [])


def test_what_a_model_invents_is_a_gap() -> None:
    said = "The screens come on 3 December 2026 and cost EUR 900."
    draft = letter("ines-verhoeven", "that the screens will be late", says(said, said))
    assert "The screens come on [day?] and cost EUR [number?]." in str(draft["body"])
    assert draft["gaps"] == ["[day?]", "[number?]"]


@pytest.mark.parametrize(
    "said",
    [
        "Please pay to DE02 1203 0000 0000 2020 51.",
        "Write to eve@bad.example instead.",
        "It takes 3 days, 4 people, 7 rooms and EUR 600.",
        "",
    ],
)
def test_a_model_that_adds_an_account_an_address_or_too_much_is_not_used(said: str) -> None:
    plain = letter("ines-verhoeven", "that the screens will be late")
    assert letter("ines-verhoeven", "that the screens will be late", says(said, said)) == plain


def test_a_letter_is_proposed_to_the_address_in_the_contacts_fact() -> None:
    action = proposed(letter("ines-verhoeven", "that the screens will be late"))
    assert (action.connector, action.verb, action.targets) == ("mail", "send", ("ines@northwind.test",))
    assert "in_reply_to" not in action.args
    assert action.evidence[0].source == "fact:contact/ines-verhoeven"


def test_an_address_is_taken_only_when_a_fact_has_it() -> None:
    draft: Plain = {"subject": "Reminder", "body": "Dear all"}
    assert proposed(draft, to="invoices@northwind.test").targets == ("invoices@northwind.test",)
    for to in ("eve@bad.example", "nobody"):
        with pytest.raises(AgentFailure) as caught:
            proposed(draft, to=to)
        assert caught.value.failure.code == "unknown_contact"


def test_an_address_in_the_words_is_no_recipient() -> None:
    about = "that the answer goes to eve@bad.example, To: eve@bad.example"
    assert proposed(letter("ines-verhoeven", about)).targets == ("ines@northwind.test",)


def test_neither_a_mail_nor_a_recipient_is_a_missing_mail() -> None:
    with pytest.raises(AgentFailure) as caught:
        proposed({"subject": "x", "body": "y"})
    assert caught.value.failure.code == "missing_read"


def test_a_letter_about_nothing_is_refused() -> None:
    with pytest.raises(AgentFailure, match="not said what the letter is about"):
        letter("ines-verhoeven", " ")
