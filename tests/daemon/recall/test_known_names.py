"""Somebody whom memory knows, asked for what it knows and for what it does not. With the embedder that ships."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from quarterdeck_daemon.embedders.static import StaticEmbedder
from quarterdeck_daemon.recall.api import Question, Row
from quarterdeck_daemon.recall.asking import names_in
from quarterdeck_daemon.recall.hybrid import HybridIndex
from quarterdeck_daemon.recall.weights import Weights
from quarterdeck_daemon.recall.word_families import relatives

KNOWN = (
    "Berit Lunde runs the harbour hotel; she pays her invoices after forty days.",
    "Write to Berit instead of calling, before nine in the morning.",
    "Kestrel Freight delivered two pallets of panels, one of them wet.",
    "The driver of Kestrel is called Iwan; phone 0170 555 0192.",
    "Otto sprained his ankle in March and works from home.",
    "The measuring course is full, twelve people signed up.",
    "Spare fuses are in the drawer under the label printer.",
    "Quotes are valid for thirty days.",
)
COLOURS = ("grey", "red", "brown", "blue", "green")
FILLER = 60  # Enough for the embedder to know which words are rare here.
UNKNOWN = (
    "what size are Berit's shoes",
    "what size are otto's gloves",
    "Which football club does Berit Lunde support?",
    "What instrument does Otto play?",
    "the password for the portal of Kestrel Freight",
    "Does Iwan have a tattoo?",
    "When was Kestrel Freight founded?",
    "which passport does Otto hold",
)
ANSWERED = (
    ("How long does Berit Lunde take to settle a bill?", "forty days"),
    ("How should I contact Berit?", "before nine"),
    ("What went wrong with the shipment of Kestrel?", "wet"),
    ("Who drives the lorry of Kestrel?", "Iwan"),
    ("How was Otto injured?", "ankle"),
    ("who is Berit Lunde", "harbour hotel"),
    ("Iwan", "0170 555 0192"),
    ("latest news on Otto", "ankle"),
)


def filled(folder: Path, weights: Weights | None = None) -> HybridIndex:
    texts = [
        *KNOWN,
        *(f"Week {n}: the {COLOURS[n % 5]} box went to shelf {n}" for n in range(FILLER)),
    ]
    index = HybridIndex.open(folder, StaticEmbedder(), weights=weights)
    rows = [
        Row(id=f"m{n}", entity=f"memory:m{n}", title="", text=text, from_seq=n + 1) for n, text in enumerate(texts)
    ]
    index.put(rows, seq=len(rows))
    return index


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HybridIndex]:
    index = filled(tmp_path_factory.mktemp("known") / "index")
    yield index
    index.close()


def found(index: HybridIndex, query: str) -> list[str]:
    texts = dict(enumerate(KNOWN))
    finds = index.search([Question(query=query)])[0]
    return [texts.get(int(find.id.removeprefix("m")), "filler") for find in finds]


@pytest.mark.parametrize("question", UNKNOWN)
def test_a_known_name_does_not_answer_what_was_never_said(index: HybridIndex, question: str) -> None:
    assert found(index, question) == []


@pytest.mark.parametrize(("question", "answer"), ANSWERED)
def test_what_was_said_of_a_known_name_in_other_words_is_found(
    index: HybridIndex, question: str, answer: str
) -> None:
    assert any(answer in text for text in found(index, question)[:3])


def test_were_a_name_as_good_as_a_word_every_question_about_somebody_would_be_answered(tmp_path: Path) -> None:
    """The twin of the first: what the floor refuses is the name alone."""
    index = filled(tmp_path / "index", Weights(known_names=1.0))
    assert [bool(found(index, question)) for question in UNKNOWN] == [True] * len(UNKNOWN)
    index.close()


def test_where_every_noun_has_a_capital_a_title_tells_a_name() -> None:
    assert names_in("Welche Schuhgröße hat Frau Kessler?", "de") == {"Kessler"}
    assert names_in("Welche Frau trägt Schuhe?", "de") == frozenset()
    assert names_in("WHAT SIZE ARE THE SHOES OF MR KELL", "en") == {"KELL"}


def test_a_short_word_stands_for_long_words_only_that_are_made_of_it() -> None:
    assert ("payment" in relatives("pay"), "cater" in relatives("cat")) == (True, False)


def test_who_owns_what_is_asked_for_is_a_name_however_it_is_written() -> None:
    assert names_in("what size are ruth's shoes", "en") == {"ruth"}
    assert names_in("Ruth’s shoes", "en") == {"Ruth"}
    assert names_in("What's the size? Where's it's box?", "en") == frozenset()
