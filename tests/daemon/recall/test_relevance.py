"""What a hit has of a question, and when there is nothing to show. Whole values in, whole values out."""

from __future__ import annotations

import numpy as np
import pytest

from quarterdeck_daemon.recall.asking import Role
from quarterdeck_daemon.recall.keyword import Word
from quarterdeck_daemon.recall.relevance import SURE_ROWS, Shared, beside, relevance, shared, shown, wanted
from quarterdeck_daemon.recall.weights import Weights

WEIGHTS = Weights(unknown_names=2.0, names=0.5)


def word(text: str, role: Role = "what", weight: float = 1.0) -> Word:
    return Word(text, (text,), weight, role)


RUTH, SIZE, SHOES, FRIDAY = word("ruth", "rare"), word("size"), word("shoes"), word("friday", "frame")
NORA, TOKYO = word("nora", "who"), word("tokyo", "unknown")


def share(has: list[Word], *asked: Word) -> Shared:
    return shared(has, wanted(asked, WEIGHTS), WEIGHTS)


def test_a_name_alone_says_nothing_of_what_is_asked() -> None:
    assert share([RUTH], SIZE, RUTH, SHOES) == Shared(0.0, 1.0)
    assert share([NORA], SIZE, NORA) == Shared(0.0, 0.0)


def test_a_row_without_the_name_lacks_a_word() -> None:
    assert share([SIZE], SIZE, RUTH) == Shared(0.5, 0.0)
    assert share([SIZE, RUTH], SIZE, RUTH) == Shared(1.0, 1.0)
    assert share([SIZE], SIZE, NORA) == Shared(1.0, 0.0), "what many rows have need not be said again"


def test_a_missing_name_counts_more_than_a_word_and_a_date_less() -> None:
    assert share([SIZE], SIZE, TOKYO).telling == pytest.approx(1 / 3)
    assert share([SIZE], SIZE, FRIDAY).telling == pytest.approx(2 / 3)


def test_a_question_of_names_alone_asks_for_them() -> None:
    assert share([RUTH], RUTH) == Shared(1.0, 0.0)
    assert share([RUTH], RUTH, FRIDAY) == Shared(1.0, 0.0)
    assert share([FRIDAY], FRIDAY) == Shared(1.0, 0.0), "and one of dates alone for them"
    assert share([NORA], NORA) == Shared(1.0, 0.0)


def test_where_no_word_tells_more_than_another_any_will_do() -> None:
    common = word("invoice", weight=0.0)
    assert (share([common], common), share([], common)) == (Shared(1.0, 0.0), Shared(0.0, 0.0))


def test_beside_the_name_only_the_rest_of_a_text_is_compared() -> None:
    """Row and question are 0.8 name; one rest is the question's, one has nothing of it, one row is all name."""
    question, name = np.array([0.8, 0.6, 0.0]), np.array([1.0, 0.0, 0.0])
    rows = np.array([[0.8, 0.6, 0.0], [0.8, 0.0, 0.6], [1.0, 0.0, 0.0]])
    rest = beside(rows @ question, rows @ name, float(question @ name))
    assert rest.tolist() == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)
    assert (rows @ question).tolist() == pytest.approx([1.0, 0.64, 0.8]), "the twin: with the name all are near"


def test_relevance_is_the_words_that_are_there_and_likeness_as_far_as_it_can_be_read() -> None:
    weights = Weights(floor_cosine=0.2, floor_vector=0.5, known_names=0.3)
    assert relevance(Shared(0.6, 0.0), 0.2, 1.0, weights) == 0.6
    assert relevance(Shared(0.0, 0.0), 0.6, 1.0, weights) == pytest.approx(0.25)
    assert relevance(Shared(0.0, 0.0), 0.6, 0.0, weights) == 0.0
    assert relevance(Shared(0.0, 0.0), -0.4, 1.0, weights) == 0.0
    assert relevance(Shared(0.0, 1.0), 0.2, 1.0, weights) == pytest.approx(0.3)


def test_of_a_longer_question_a_row_needs_less_but_a_name_is_no_more_for_it() -> None:
    weights = Weights(longer=0.5, known_names=0.2)
    of_words = [relevance(Shared(0.4, 0.0), 0.0, 0.0, weights, words=words) for words in (0, 1, 3, 12)]
    assert of_words == pytest.approx([0.4 / 3**0.5, 0.4 / 3**0.5, 0.4, 0.8])
    assert relevance(Shared(0.0, 1.0), 0.0, 1.0, weights, words=12) == pytest.approx(0.2)


def test_a_name_alone_is_below_the_floor_in_every_language() -> None:
    """Of the defaults: also where likeness cannot be read and less is asked for."""
    weights = Weights()
    name = {fluency: relevance(Shared(0.0, 1.0), 0.0, fluency, weights, words=20) for fluency in (0.0, 0.5, 1.0)}
    assert [shown([1.0], [near], weights, fluency=fluency) for fluency, near in name.items()] == [[], [], []]
    assert shown([1.0], [name[1.0]], weights, fluency=0.0) == [0], "the twin: counted in full it would pass"


def test_where_likeness_cannot_be_read_less_is_asked_for() -> None:
    weights = Weights(floor=0.4, words_alone=0.5)
    assert [shown([1.0], [0.3], weights, fluency=fluency) for fluency in (0.0, 0.4, 1.0)] == [[0], [0], []]


FLOOR = Weights(floor=0.2, tail=0.3, tail_relevance=0.15)


def test_one_hit_that_is_sure_lets_the_others_through() -> None:
    """The answer may be the second, in words of its own."""
    assert shown([1.0, 0.8], [0.5, 0.1], FLOOR) == [0, 1]
    assert shown([1.0, 0.8], [0.1, 0.5], FLOOR) == [0, 1]
    assert shown([1.0, 0.8], [0.1, 0.1], FLOOR) == []


def test_what_falls_far_behind_the_best_goes() -> None:
    assert shown([1.0, 0.2, 0.9, 0.9], [1.0, 1.0, 0.1, 0.2], FLOOR) == [0, 3]


def test_nobody_is_sure_far_down_the_list() -> None:
    late = [0.1] * SURE_ROWS + [1.0]
    assert shown([1.0] * len(late), late, FLOOR) == []
    assert shown([], [], FLOOR) == []
