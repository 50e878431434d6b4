"""Mixing evidence: what words say, what vectors say, and how old a thing is. Pure arithmetic on arrays.

Scores are mixed, not ranks: a side that is sure of one row says so. Each side is brought to 0..1 for the question
first, by its best score (`top1`) or by how far a score stands out (`z`). The vectors' weight falls with the
embedder's fluency in the question's language, to nothing outside of it.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
import numpy.typing as npt

from .weights import Weights

Scores = npt.NDArray[np.float32]
DAY_US = 86_400_000_000


class Fused(msgspec.Struct, frozen=True):
    """One entry for each candidate, in the order they came in; the parts are 0..1 before weighting."""

    score: Scores
    keyword: Scores
    vector: Scores
    recency: Scores


def fused(
    keyword: Scores, cosine: Scores, age_us: npt.NDArray[np.int64], share: float, weights: Weights, full: float = 0.0
) -> Fused:
    """Mix. keyword: BM25, 0 where no word matches; cosine: -1..1; share: of the vectors, fluency counted in.

    full: the least BM25 that counts as a full match; a question of which no row has much is not decided by one word.
    """
    if weights.rule == "top1":
        words, likeness = _by_best(keyword, full), _by_best(cosine)
    else:
        words, likeness = _by_standing(keyword), _by_standing(np.maximum(cosine, 0.0))
    recency = np.exp2(-np.maximum(age_us, 0) / (weights.half_life_days * DAY_US)).astype(np.float32)
    score = (1.0 - share) * words + share * likeness + weights.recency * recency
    return Fused(score.astype(np.float32), words, likeness, recency)


def _by_best(scores: Scores, least: float = 0.0) -> Scores:
    best = max(float(scores.max(initial=0.0)), least)
    return (np.maximum(scores, 0.0) / best).astype(np.float32) if best > 0.0 else np.zeros_like(scores)


def _by_standing(scores: Scores) -> Scores:
    """How many deviations above the mean, squeezed into 0..1; the order within the side stays."""
    deviation = float(scores.std()) if len(scores) else 0.0
    if deviation <= 0.0 or not math.isfinite(deviation):
        return np.zeros_like(scores)
    standing = (scores - scores.mean()) / deviation
    squeezed: Scores = (1.0 / (1.0 + np.exp(-standing))).astype(np.float32)
    return squeezed
