"""Mixing scores: whole arrays in, whole arrays out."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from quarterdeck_daemon.recall.fusion import DAY_US, fused
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
