"""What every embedder promises: the table, the full encoder and an endpoint alike."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from quarterdeck_daemon.embedders.api import Embedder, Vectors
from quarterdeck_daemon.embedders.endpoint import Endpoint
from quarterdeck_daemon.embedders.minilm import MiniLM
from quarterdeck_daemon.embedders.static import StaticEmbedder

from ..daemon.embedders.embedding_server import EmbeddingServer
from ..daemon.embedders.minilm_model import minilm_folder

ROUNDING = 2e-6  # Of float32 sums in another order.
NOTES = [
    "The invoice for Northwind is due on the first of March.",
    "Ines prefers phone calls in the morning.",
    "Oak panels went up by eight percent; ask Halvorsen for a better price.",
    "ok",
    "Réunion à 14h — café ☕ avec Zoë (naïve question?)",
]
HOSTILE = {
    "empty": "",
    "blank": " \t\r\n\u3000",
    "control characters": "\x00\x01\x02\x1b[31m\x7f\u200b\u202e",
    "a megabyte of one word": "x" * 1_000_000,
    "a megabyte of words": "invoice " * 125_000,
    "lone surrogates": "\ud800 invoice \udfff",
    "emoji": "👩‍👩‍👧‍👦 🇩🇪 ☕️",
    "control tokens": "[CLS] [SEP] [PAD] [UNK] [MASK]",
    "combining marks": "e" + "\u0301" * 5_000,
    "unassigned": "\U000e0fff\ufffe\uffff",
}


@pytest.fixture(params=["static", "minilm", "endpoint"])
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    if request.param == "minilm":
        yield MiniLM(minilm_folder(request.config))
    elif request.param == "endpoint":
        with EmbeddingServer() as server:
            yield Endpoint(url=server.url, model="toy", dimension=server.dimension)
    else:
        yield StaticEmbedder()


def lengths(vectors: Vectors) -> list[float]:
    return [round(float(length), 5) for length in np.linalg.norm(vectors, axis=1)]


def test_rows_have_unit_length_and_the_named_shape(embedder: Embedder) -> None:
    for made in (embedder.documents(NOTES), embedder.queries(NOTES)):
        assert (made.shape, made.dtype) == ((len(NOTES), embedder.dimension), np.dtype(np.float32))
        assert lengths(made) == [1.0] * len(NOTES)


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert embedder.documents([]).shape == embedder.queries([]).shape == (0, embedder.dimension)


def test_a_text_with_nothing_in_it_is_a_row_of_zeros_among_others(embedder: Embedder) -> None:
    made = embedder.documents(["", NOTES[0], " \n\t"])
    assert lengths(made) == [0.0, 1.0, 0.0]
    assert embedder.fluency("") == embedder.fluency(" \n") == 0.0


def test_the_same_text_gives_the_same_row(embedder: Embedder) -> None:
    assert np.array_equal(embedder.documents(NOTES), embedder.documents(NOTES))


def test_a_batch_gives_what_single_texts_give(embedder: Embedder) -> None:
    many = [*NOTES, "", *(note * 20 for note in NOTES)] * 3
    single = np.concatenate([embedder.documents([text]) for text in many])
    assert np.abs(embedder.documents(many) - single).max() <= ROUNDING


def test_what_means_the_same_is_nearer_than_what_does_not(embedder: Embedder) -> None:
    asked, near, far = embedder.documents(
        ["the bill of the customer is overdue", "this client has not paid his invoice", "the garden has red roses"]
    )
    assert asked @ near > asked @ far


def test_the_id_is_fit_for_a_file_name_and_names_the_dimension(embedder: Embedder) -> None:
    assert embedder.id == embedder.id
    assert Path(embedder.id).name == embedder.id
    assert embedder.id.isascii()
    assert str(embedder.dimension) in embedder.id.split("-")


def test_what_was_learned_can_be_taken_up_again(embedder: Embedder) -> None:
    """The rows before and after are compared as they would be in a restart: in a second life of the same embedder."""
    embedder.learn(NOTES * 20)
    asked, learned = embedder.queries(NOTES), embedder.learned()
    embedder.learn(["invoice"] * 500)
    embedder.recollect(learned)
    assert np.array_equal(embedder.queries(NOTES), asked)
    assert embedder.learned() == learned


def test_forgetting_undoes_learning(embedder: Embedder) -> None:
    embedder.learn(NOTES * 20)
    learned = embedder.learned()
    embedder.learn(["invoice of a friend"] * 70)
    embedder.learn(["invoice of a friend"] * 70, forget=True)
    assert embedder.learned() == learned


def test_learning_leaves_documents_as_they_are(embedder: Embedder) -> None:
    """Their vectors lie in an index; only questions may change."""
    before = embedder.documents(NOTES)
    embedder.learn(NOTES * 20)
    assert np.array_equal(embedder.documents(NOTES), before)


def test_counts_that_are_none_are_refused(embedder: Embedder) -> None:
    embedder.learn(NOTES * 20)
    learned = embedder.learned()
    for wrong in (b"x", b"\0" * 64, b"QDCOUNT1" + bytes(40), learned[:-1] or b"\xff", learned + b"\0" * 8):
        with pytest.raises(ValueError):
            embedder.recollect(wrong)
    assert embedder.learned() == learned


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_text_gives_a_row_that_can_be_searched(embedder: Embedder, case: str) -> None:
    text = HOSTILE[case]
    made = embedder.documents([text, NOTES[0]])
    assert np.isfinite(made).all()
    assert lengths(made)[0] in (0.0, 1.0)
    assert np.abs(made[1] - embedder.documents([NOTES[0]])[0]).max() <= ROUNDING
    assert lengths(embedder.queries([text]))[0] in (0.0, 1.0)
    assert 0.0 <= embedder.fluency(text) <= 1.0
    embedder.learn([text])
    embedder.learn([text], forget=True)
