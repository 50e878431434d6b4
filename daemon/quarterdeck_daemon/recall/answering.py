"""From a question to its finds: filters, both sides' candidates, mixing, the floor, and why.

Leaves   locking to hybrid.py: nothing of what is read here may change meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from ..core.language import language_of
from ..embedders.api import Embedder, Vectors
from .api import Find, Question
from .asking import names_in, without
from .catalogue import CURRENT, Catalogue, Mask, Numbers
from .filters import Filters
from .fusion import Fused, fused
from .keyword import KeywordPart, Scores, Word
from .matrix import Keys
from .relevance import SURE_ROWS, Shared, beside, relevance, shared, shown, told, wanted
from .vectors import VectorPart
from .weights import Weights

DENSE = 0.3  # From this share of rows on, words are searched without the filter and the hits are filtered.
NARROW_ROWS_MAX = 1_000  # Up to so many rows, words are searched among these alone.
HITS_MAX = 50_000  # Looked at when a filter lets few through.
COMMON_ROWS_MIN = 10  # In a small store even a name that few rows have is in a large share of them.
NAME_ROWS_MAX = 100  # Looked at to see whether a name is in scope; one that more have is taken to be.
SPARE = 3  # Times the limit: how many candidates are looked at where a text may stand in many versions.


class Side(msgspec.Struct):
    """An embedder with its vectors. rests_until_s: not asked before, on the monotonic clock; lacks: a part of what is
    being fed got no vectors."""

    embedder: Embedder
    part: VectorPart
    rests_until_s: float = 0.0
    lacks: bool = False


class Asked(msgspec.Struct, frozen=True):
    """A question, and the language that it is taken to be in."""

    question: Question
    language: str


class _Candidates(msgspec.Struct, frozen=True):
    """Rows that a side names, one entry for each: BM25, cosine to the question, and that beside its names."""

    keys: Keys
    words: Scores
    cosines: Scores
    beside: Scores


class _Hit(msgspec.Struct, frozen=True):
    """A candidate: its place among them, its score, the asked words that it has, and what they are of the question."""

    place: int
    score: float
    terms: Sequence[Word]
    share: Shared


class Answering:
    """Answers one question after the other."""

    def __init__(self, catalogue: Catalogue, keyword: KeywordPart, weights: Weights, language: str) -> None:
        self._catalogue, self._keyword = catalogue, keyword
        self._weights, self._language = weights, language
        self._filters = Filters(catalogue)

    def _many(self) -> float:
        """Rows that must have a name for it to tell none of them apart."""
        return max(COMMON_ROWS_MIN, self._weights.common_names * self._keyword.rows)

    def asked(self, question: Question) -> Asked:
        """The question with its language."""
        return Asked(question, language_of(question.query) or self._keyword.spoken(question.query, self._language))

    def likened(self, asked: Asked) -> tuple[str, ...]:
        """What the embedder reads: the question but for names that so many rows have that they tell none apart; and
        those names, or any others that are in it, to see what a row is like beside them."""
        query, language = asked.question.query, asked.language
        names = names_in(query, language)
        if not names:
            return (query,)
        many = self._many()
        common = [name for name in names if self._keyword.rows_with(name, language) >= many]
        left = without(query, common) if common else query
        return (left if any(map(str.isalnum, left)) else query, " ".join(sorted(common or names)))

    def answer(self, asked: Asked, side: Side | None, vector: Vectors | None, now_us: int) -> list[Find]:
        """Best first; an empty list when nothing is relevant."""
        question = asked.question
        passing = self._filters.mask(question)
        if not passing.count or not question.query.strip():
            return []
        fluency = 0.0
        if side is not None and vector is not None and vector.any():
            fluency = 1.0 if question.mode == "vector" else side.embedder.fluency(question.query)
        words: list[Word] = []
        if question.mode != "vector":
            words = self._keyword.words(question.query, asked.language, self._many())
        limit = max(self._weights.candidates, question.limit * SPARE)
        if passing.count < len(passing.mask):
            words = self._in_scope(words, passing.mask)
        telling = [word for word in words if word.role != "who"] or words
        by_words = self._by_words(telling, passing.mask, passing.count, limit)
        nothing = np.zeros(len(by_words[0]), np.float32)
        candidates = _Candidates(*by_words, nothing, nothing)
        if fluency > 0.0:
            assert side is not None, "only an embedder is fluent"
            assert vector is not None, "and it has read the question"
            candidates = _united(by_words, side.part, vector, passing.mask, passing.count, limit)
        return self._ranked(question, words, candidates, fluency, now_us) if len(candidates.keys) else []

    def _by_words(self, words: Sequence[Word], mask: Mask, passing: int, limit: int) -> tuple[Keys, Scores]:
        """The best rows of the mask that have a word. What a filter removes never ranks."""
        if not words:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if passing <= NARROW_ROWS_MAX and passing < DENSE * len(mask):
            return self._keyword.search_among(words, np.flatnonzero(mask).tolist())
        asked = min(HITS_MAX, int(limit * 1.2 * len(mask) / passing) + 1)
        while True:
            keys, scores = self._keyword.search(words, asked)
            known = keys < len(mask)
            kept = np.zeros(len(keys), bool)
            kept[known] = mask[keys[known]]
            if int(np.count_nonzero(kept)) >= limit or len(keys) < asked or asked == HITS_MAX:
                return keys[kept][:limit], scores[kept][:limit]
            asked = min(HITS_MAX, asked * 4)

    def _ranked(
        self, question: Question, words: Sequence[Word], among: _Candidates, fluency: float, now_us: int
    ) -> list[Find]:
        share = {"keyword": 0.0, "vector": 1.0}.get(question.mode, self._weights.vector * fluency)
        keys, named = among.keys, any(word.role == "who" for word in words)
        ages: Numbers = now_us - self._catalogue.columns["at_us"][keys]
        full = self._weights.words_full * told(words, self._weights)
        mixed = fused(among.words, among.beside if named else among.cosines, ages, share, self._weights, full)
        looked_at = question.limit * SPARE if question.past else max(question.limit, SURE_ROWS)
        order = np.argsort(-mixed.score, kind="stable")[:looked_at]
        rows = keys[order].tolist()
        found = self._keyword.covered(words, rows) if words else {}
        asked = wanted(words, self._weights)
        hits = [
            _Hit(place, score, has := found.get(row, []), shared(has, asked, self._weights))
            for place, row, score in zip(order.tolist(), rows, mixed.score[order].tolist(), strict=True)
        ]
        if named:
            hits = self._with_covered(hits, words)
        near = [
            relevance(hit.share, float(among.beside[hit.place]), fluency, self._weights, words=asked.words)
            for hit in hits
        ]
        kept = list(range(len(hits)))
        if question.floor:
            kept = shown([hit.score for hit in hits], near, self._weights, fluency=fluency)
        finds = self._finds(question, keys, mixed, [hits[at] for at in kept], [near[at] for at in kept])
        return (_newest_of_each(finds, self._catalogue) if question.past else finds)[: question.limit]

    def _in_scope(self, words: list[Word], mask: Mask) -> list[Word]:
        """The words, with those names as unknown that other rows have and none of the mask has."""
        return [
            msgspec.structs.replace(word, role="unknown") if self._elsewhere(word, mask) else word for word in words
        ]

    def _elsewhere(self, word: Word, mask: Mask) -> bool:
        if word.role not in ("who", "rare"):
            return False
        keys, _ = self._keyword.search([word], NAME_ROWS_MAX)
        known = keys[keys < len(mask)]
        return len(keys) < NAME_ROWS_MAX and not mask[known].any()

    def _with_covered(self, hits: Sequence[_Hit], words: Sequence[Word]) -> list[_Hit]:
        """What has the words of the question, the name that many have among them, comes first."""
        whole = told(words, self._weights)
        more = [
            msgspec.structs.replace(
                hit,
                score=hit.score + self._weights.covered * (told(hit.terms, self._weights) / whole if whole else 1.0),
            )
            for hit in hits
        ]
        return sorted(more, key=lambda hit: -hit.score)

    def _finds(
        self, question: Question, keys: Keys, mixed: Fused, hits: Sequence[_Hit], near: Sequence[float]
    ) -> list[Find]:
        """What is told of these hits; each column is looked into once for all of them."""
        places = [hit.place for hit in hits]
        rows = keys[places]
        begun = self._catalogue.columns["from_seq"][rows].tolist()
        ended = self._catalogue.columns["to_seq"][rows].tolist()
        parts = (part[places].tolist() for part in (mixed.keyword, mixed.vector, mixed.recency))
        position = CURRENT - 1 if question.as_of is None else question.as_of
        finds: list[Find] = []
        for row, hit, relevant, from_seq, to_seq, keyword, vector, recency in zip(
            rows.tolist(), hits, near, begun, ended, *parts, strict=True
        ):
            id, entity = self._catalogue.id_of(row)
            finds.append(
                Find(
                    id=id,
                    entity=entity,
                    score=round(hit.score, 4),
                    keyword=round(keyword, 4),
                    vector=round(vector, 4),
                    recency=round(recency, 4),
                    terms=tuple([word.text for word in hit.terms]),
                    superseded=to_seq <= position,
                    relevance=round(relevant, 4),
                    from_seq=from_seq,
                )
            )
        return finds


def _united(
    by_words: tuple[Keys, Scores], part: VectorPart, vector: Vectors, mask: Mask, passing: int, limit: int
) -> _Candidates:
    """Both sides' candidates. Beyond those of the words BM25 counts as 0. vector: of the question, and of its names."""
    near, likeness = part.search(vector[0], mask, passing, limit)
    found, scores = by_words
    have = set(found.tolist())
    more = [place for place, key in enumerate(near.tolist()) if key not in have]
    keys, cosines = (
        np.concatenate([found, near[more]]),
        np.concatenate([part.cosines(found, vector[0]), likeness[more]]),
    )
    scores = np.concatenate([scores, np.zeros(len(more), np.float32)])
    if len(vector) == 1:
        return _Candidates(keys, scores, cosines, cosines)
    rest = beside(cosines, part.cosines(keys, vector[1]), float(vector[0] @ vector[1]))
    return _Candidates(keys, scores, cosines, rest)


def _newest_of_each(finds: Sequence[Find], catalogue: Catalogue) -> list[Find]:
    """One text of one entity is shown once, in its newest version."""
    newest: dict[tuple[str, int], Find] = {}
    for find in finds:
        key = catalogue.key_of(find.id)
        assert key is not None, "it was found a moment ago"
        same = (find.entity, int(catalogue.columns["digest"][key]))
        have = newest.get(same)
        if have is None or find.from_seq > have.from_seq:
            newest[same] = find
    kept = {find.id for find in newest.values()}
    return [find for find in finds if find.id in kept]
