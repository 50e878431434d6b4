"""Mixing evidence: what words say, what vectors say, and how old a thing is. Pure arithmetic on arrays.

Scores are mixed, not ranks: a side that is sure of one row says so. Each side is brought to 0..1 for the question
first, by its best score (`top1`) or by how far a score stands out (`z`). The vectors' weight falls with the
embedder's fluency in the question's language, to nothing outside of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from .weights import Weights

Scores = npt.NDArray[np.float32]
DAY_US = 86_400_000_000
WORDS_USUAL = 3  # In a question; a longer one is met by less of it.
SURE_ROWS = 10  # Of the first hits, so many are asked whether there is anything to show.


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


def relevance(
    covered: float, cosine: float, fluency: float, weights: Weights, *, words: int = WORDS_USUAL, named: bool = False
) -> float:
    """How much a row has to do with a question, 0..1 and a little more.

    covered: the share of the question's words that the row has, each counted by its rarity, words that no row has
    counted as the rarest. Likeness counts from `floor_cosine` on, and as far as the embedder reads the language.
    words: those that say what is asked for.  named: the question is about somebody whom the store knows.
    """
    likeness = max(0.0, cosine - weights.floor_cosine) / max(1e-6, 1.0 - weights.floor_cosine)
    trust = fluency * (weights.named_likeness if named else 1.0)
    length: float = (max(words, 1) / WORDS_USUAL) ** weights.longer
    return (covered + weights.floor_vector * likeness * trust) * length


def shown(
    scores: Sequence[float],
    relevances: Sequence[float],
    weights: Weights,
    *,
    fluency: float = 1.0,
    named: bool = False,
) -> list[int]:
    """Places of the hits that pass the floor, of hits that are in order, best first.

    One hit that is relevant enough lets the others through: an answer may share few words with its question. What
    falls far behind the best goes. Where likeness adds nothing, less is asked for.
    """
    sure = max(relevances[:SURE_ROWS], default=0.0)
    least = weights.floor_named if named else weights.floor
    if sure < least * (weights.words_alone + (1.0 - weights.words_alone) * fluency):
        return []
    score, near = weights.tail * scores[0], weights.tail_relevance * sure
    return [place for place in range(len(scores)) if scores[place] >= score and relevances[place] >= near]


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
