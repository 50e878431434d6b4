"""Mixing scores: whole arrays in, whole arrays out."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from quarterdeck_daemon.recall.fusion import DAY_US, SURE_ROWS, fused, relevance, shown
from quarterdeck_daemon.recall.weights import Weights

PLAIN = Weights(recency=0.0)
BM25 = np.array([8.0, 4.0, 0.0], np.float32)
COSINE = np.array([0.1, 0.2, 0.4], np.float32)
NEW = np.zeros(3, np.int64)


def scores(share: float, weights: Weights = PLAIN) -> list[float]:
    return [round(float(score), 4) for score in fused(BM25, COSINE, NEW, share, weights).score]


def test_each_side_counts_by_its_best_score() -> None:
    assert scores(0.5) == [0.625, 0.5, 0.5]


def test_the_best_of_weak_matches_by_words_does_not_count_full() -> None:
    """One of many words, and a common one, would else outvote what is meant."""
    mixed = fused(BM25, COSINE, NEW, 0.5, PLAIN, 16.0)
    assert mixed.keyword.tolist() == [0.5, 0.25, 0.0]
    assert fused(BM25, COSINE, NEW, 0.5, PLAIN, 4.0).keyword.tolist() == [1.0, 0.5, 0.0]


def test_a_share_of_nothing_leaves_the_words_alone_and_of_all_the_vectors() -> None:
    assert (scores(0.0), scores(1.0)) == ([1.0, 0.5, 0.0], [0.25, 0.5, 1.0])


def test_standing_out_keeps_the_order_of_each_side() -> None:
    standing = msgspec.structs.replace(PLAIN, rule="z")
    words, meaning = scores(0.0, standing), scores(1.0, standing)
    assert words == sorted(words, reverse=True)
    assert meaning == sorted(meaning)


def test_a_side_that_says_nothing_counts_nothing() -> None:
    nothing = np.zeros(3, np.float32)
    for rule in ("top1", "z"):
        weights = msgspec.convert({"rule": rule, "recency": 0.0}, Weights)
        assert fused(nothing, nothing, NEW, 0.5, weights).score.tolist() == [0.0, 0.0, 0.0]


def test_recency_halves_with_the_half_life_and_the_future_is_now() -> None:
    ages = np.array([-DAY_US, 0, 90 * DAY_US, 180 * DAY_US])
    mixed = fused(np.zeros(4, np.float32), np.zeros(4, np.float32), ages, 0.5, Weights(recency=0.1))
    assert mixed.recency.tolist() == [1.0, 1.0, 0.5, 0.25]
    assert mixed.score.tolist() == pytest.approx([0.1, 0.1, 0.05, 0.025])


def test_relevance_is_the_words_that_are_there_and_likeness_as_far_as_it_can_be_read() -> None:
    weights = Weights(floor_cosine=0.2, floor_vector=0.5, named_likeness=0.5)
    assert relevance(0.6, 0.2, 1.0, weights) == 0.6
    assert relevance(0.0, 0.6, 1.0, weights) == pytest.approx(0.25)
    assert relevance(0.0, 0.6, 0.0, weights) == 0.0
    assert relevance(0.0, -0.4, 1.0, weights) == 0.0
    assert relevance(0.0, 0.6, 1.0, weights, named=True) == pytest.approx(0.125)


def test_of_a_longer_question_a_row_needs_less() -> None:
    weights = Weights(longer=0.5)
    of_words = [relevance(0.4, 0.0, 0.0, weights, words=words) for words in (0, 1, 3, 12)]
    assert of_words == pytest.approx([0.4 / 3**0.5, 0.4 / 3**0.5, 0.4, 0.8])


def test_where_likeness_cannot_be_read_less_is_asked_for() -> None:
    weights = Weights(floor=0.4, words_alone=0.5)
    assert [shown([1.0], [0.3], weights, fluency=fluency) for fluency in (0.0, 0.4, 1.0)] == [[0], [0], []]


FLOOR = Weights(floor=0.2, floor_named=0.3, tail=0.3, tail_relevance=0.15)


def test_one_hit_that_is_sure_lets_the_others_through() -> None:
    """The answer may be the second, in words of its own."""
    assert shown([1.0, 0.8], [0.5, 0.1], FLOOR) == [0, 1]
    assert shown([1.0, 0.8], [0.1, 0.5], FLOOR) == [0, 1]
    assert shown([1.0, 0.8], [0.1, 0.1], FLOOR) == []


def test_a_question_about_somebody_known_needs_more() -> None:
    assert (shown([1.0], [0.25], FLOOR), shown([1.0], [0.25], FLOOR, named=True)) == ([0], [])


def test_what_falls_far_behind_the_best_goes() -> None:
    assert shown([1.0, 0.2, 0.9, 0.9], [1.0, 1.0, 0.1, 0.2], FLOOR) == [0, 3]


def test_nobody_is_sure_far_down_the_list() -> None:
    late = [0.1] * SURE_ROWS + [1.0]
    assert shown([1.0] * len(late), late, FLOOR) == []
    assert shown([], [], FLOOR) == []
