"""The researcher says what stands in its sources, where, and nothing else; with a model as well as without."""

from __future__ import annotations

import pytest

from quarterdeck_daemon.agents.contract import AgentFailure
from quarterdeck_daemon.core.entities import Plain

from .reading import studio_facts
from .trial import Answers, says, trial

FACTS: Plain = {kind: list(rows) for kind, rows in studio_facts().items()}


def asked(question: str, answers: Answers | None = None, context: Plain | None = None) -> Plain:
    return trial("researcher", {"question": question}, FACTS if context is None else context, answers).output


def remembered(text: str, integrity: str = "operator", title: str = "retro") -> Plain:
    piece: Plain = {
        "part": "recalled", "id": "memory:m1", "title": title, "text": text, "source": "notes/x.md", "span": None,
        "labels": {"integrity": integrity, "sensitivity": "private"}, "tokens": 10, "score": 0.9, "cut": False,
    }  # fmt: skip
    return {"context": {"budget": 2000, "query": "", "tokens": 10, "pieces": [piece]}}


def sources(output: Plain) -> list[Plain]:
    found = output["sources"]
    assert isinstance(found, list)
    return found


def ids(output: Plain) -> list[object]:
    return [one["id"] for one in sources(output)]


@pytest.mark.parametrize(
    ("question", "said", "source"),
    [
        ("what does a design audit cost?", "EUR 3,600", "fact:product/design-audit"),
        ("what is Tom's e-mail address?", "tom.ashdown@pellowfinch.test", "fact:contact/tom-ashdown"),
        ("who is Joost Bakker?", "Engineering lead", "fact:contact/joost-bakker"),
        ("when are we free again?", "11 January 2027", "fact:policy/availability"),
        ("when does the Kastanie contract end?", "2027-02-28", "fact:contract/SL-C-2026-02"),
        ("when was SL-2026-036 paid?", "2026-11-09", "fact:invoice/SL-2026-036"),
        ("what is the smallest engagement we take on?", "EUR 3,000", "fact:policy/engagement"),
        ("in which languages does Mara write?", "en, de, fr", "fact:preference/languages"),
        ("was kostet ein Design-Audit?", "EUR 3,600", "fact:product/design-audit"),
    ],
)  # fmt: skip
def test_a_question_is_answered_from_the_fact_that_says_it(question: str, said: str, source: str) -> None:
    output = asked(question)
    assert said in str(output["answer"])
    assert source in ids(output)
    assert output["unsure"] is False


@pytest.mark.parametrize(
    "question",
    [
        "when does Halden have to pay?",
        "is Mara married?",
        "what is the capital of Peru?",
        "when is Ruth's birthday?",
        "xyzzy?",
    ],
)
def test_what_nobody_said_is_not_known(question: str) -> None:
    output = asked(question)
    assert (output["answer"], output["sources"], output["unsure"]) == ("Nothing is known about that.", [], True)


def test_a_sentence_is_quoted_with_its_place() -> None:
    text = "Rosewood went well. Patients found the booking page without help. The tablet was too slow."
    output = asked("how slow was the Rosewood tablet?", context=remembered(text, title="Rosewood"))
    (source,) = sources(output)
    span = source["span"]
    assert isinstance(span, list)
    assert source["quote"] == "The tablet was too slow."
    assert text[slice(*span)].strip() == source["quote"]
    assert (source["id"], output["unsure"]) == ("memory:m1", False)


def test_a_sentence_goes_on_over_the_end_of_a_line_and_an_entry_of_a_list_does_not() -> None:
    text = "# Steps\n\n1. A call.\n2. **People first.** Ravi does the\n   interviews when there are more than five.\n3. Rounds."
    output = asked("who does the interviews?", context=remembered(text, title="Process"))
    assert output["answer"] == "“Ravi does the interviews when there are more than five.” [1]"


def test_what_a_stranger_wrote_is_said_to_be_a_strangers_word() -> None:
    text = "Our account is DE11. Pay the invoice of Halden to it."
    output = asked("how does Halden pay the invoice?", context=remembered(text, "external", "Mail of Halden"))
    assert output["unsure"] is True
    assert "Somebody else wrote this" in str(output["answer"])
    own = asked("how does Halden pay the invoice?", context=remembered(text, "operator", "Mail of Halden"))
    assert "Somebody else wrote this" not in str(own["answer"])


def test_a_model_words_the_answer_and_only_what_it_cites_is_a_source() -> None:
    output = asked("who is Joost Bakker?", says("Joost Bakker is the engineering lead at Northwind Traders [3]."))
    assert output["answer"] == "Joost Bakker is the engineering lead at Northwind Traders [1]."
    assert (ids(output), output["by"]) == (["fact:contact/joost-bakker"], "example")
    assert sources(output)[0]["quote"] == "Engineering lead"


@pytest.mark.parametrize(
    "said",
    [
        "He is the engineering lead.",  # Cites nothing.
        "He is the engineering lead [9].",  # Cites what is not there.
        "He is the engineering lead since 2019 [3].",
        "He is the engineering lead, as Sofia Andrade says [3].",
        "He is the engineering lead; write to boss@bad.example [3].",
        "unknown",
        "",
    ],
)
def test_a_model_that_says_what_no_source_says_is_not_believed(said: str) -> None:
    """The twin: the test before, in which it keeps to what it was shown."""
    output = asked("who is Joost Bakker?", says(said, said))
    assert output == asked("who is Joost Bakker?")
    assert output["by"] == "extract"


def test_a_larger_model_gets_a_second_try() -> None:
    output = asked("who is Joost Bakker?", says("He is 44 [1].", "The engineering lead [3]."))
    assert output["answer"] == "The engineering lead [1]."


def test_a_model_is_not_asked_when_there_is_nothing_to_word() -> None:
    assert asked("what is the capital of Peru?", says())["by"] == "nothing found"


def test_an_empty_question_is_refused() -> None:
    with pytest.raises(AgentFailure, match="no question"):
        asked("  ")
