"""Has a hit to do with what was asked, or does it only share a name with it? Pure arithmetic.

Of a question some words say who and when (names, dates), the others say what is asked for. What a row has of the
latter, in words or in meaning, is what makes it relevant. The name is in many rows about somebody, and in none of
them may be what is asked of them; so a row that has nothing but the name stays below the floor. A row without the
name lacks a word.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from .keyword import Word
from .weights import Weights

Scores = npt.NDArray[np.float32]
WORDS_USUAL = 3  # In a question; a longer one is met by less of it.
SURE_ROWS = 10  # Of the first hits, so many are asked whether there is anything to show.
SAME_MIN = 1e-3  # Of a text that is nothing but the name, nothing is left to be compared.


class Wanted(msgspec.Struct, frozen=True):
    """What a question asks for: the words that say it, its names that few rows have, and what each weigh together."""

    telling: tuple[Word, ...]
    names: tuple[Word, ...]
    told: float
    named: float
    words: int


class Shared(msgspec.Struct, frozen=True):
    """What a row has of it, each 0..1: of the words that say what is asked for, and of the names."""

    telling: float
    names: float


def wanted(words: Sequence[Word], weights: Weights) -> Wanted:
    """Of a question. Where it is of names and dates alone, the names are what it asks for."""
    names = tuple([word for word in words if word.role in ("who", "rare")])
    telling = tuple([word for word in words if word not in names])
    if names and all(word.role == "frame" for word in telling):
        telling, names = names, ()
    names = tuple([word for word in names if word.role == "rare"])
    count = sum(word.role != "frame" for word in telling)
    return Wanted(telling, names, told(telling, weights), told(names, weights), count)


def shared(has: Sequence[Word], asked: Wanted, weights: Weights) -> Shared:
    """A name that the row lacks is a word that it lacks; where no word tells more than another, any will do."""
    names = told([word for word in has if word in asked.names], weights)
    telling = told([word for word in has if word in asked.telling], weights)
    whole = asked.told + asked.named - names
    return Shared(telling / whole if whole > 0.0 else float(bool(has)), names / asked.named if asked.named else 0.0)


def told(words: Sequence[Word], weights: Weights) -> float:
    """What words tell together, each by its rarity and by what it is there for."""
    worth = {"who": weights.names, "frame": weights.names, "unknown": weights.unknown_names}
    return sum(word.weight * worth.get(word.role, 1.0) for word in words)


def beside(likeness: Scores, to_names: Scores, between: float) -> Scores:
    """The cosine of what is left of rows and question when the direction of its names is taken out of both.

    likeness: of rows to the question; to_names: of rows to its names; between: of the question to its names.
    """
    left = (1.0 - to_names * to_names) * (1.0 - between * between)
    rest: Scores = ((likeness - to_names * between) / np.sqrt(np.maximum(left, SAME_MIN))).astype(np.float32)
    return rest


def relevance(share: Shared, cosine: float, fluency: float, weights: Weights, *, words: int = WORDS_USUAL) -> float:
    """How much a row has to do with a question, from 0 on; 1 is much.

    cosine: beside the names. It counts from `floor_cosine` on, and as far as the embedder reads the language.
    words: those that say what is asked for.
    """
    likeness = max(0.0, cosine - weights.floor_cosine) / max(1e-6, 1.0 - weights.floor_cosine)
    length: float = (max(words, 1) / WORDS_USUAL) ** weights.longer
    names = weights.known_names * share.names * _asked_for(fluency, weights)
    return (share.telling + weights.floor_vector * likeness * fluency) * length + names


def shown(
    scores: Sequence[float], relevances: Sequence[float], weights: Weights, *, fluency: float = 1.0
) -> list[int]:
    """Places of the hits that pass the floor, of hits that are in order, best first.

    One hit that is relevant enough lets the others through: an answer may share few words with its question. What
    falls far behind the best goes. Where likeness adds nothing, less is asked for.
    """
    sure = max(relevances[:SURE_ROWS], default=0.0)
    if sure < weights.floor * _asked_for(fluency, weights):
        return []
    score, near = weights.tail * scores[0], weights.tail_relevance * sure
    return [place for place in range(len(scores)) if scores[place] >= score and relevances[place] >= near]


def _asked_for(fluency: float, weights: Weights) -> float:
    """Where likeness cannot be read it adds nothing, so less is asked for; a name alone must not reach that either."""
    return weights.words_alone + (1.0 - weights.words_alone) * fluency
