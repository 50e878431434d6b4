"""Extractive summaries: the sentences that say most of what a set of texts says, word for word, without a model.

A word weighs by how many of the texts use it (what they share is their topic) and more when it has digits (dates,
amounts, numbers are what people look for). Sentences are taken greedily: the one with the most weight that is not
covered yet, for its length, until the budget is spent. So it is central, covers much and repeats little; and it is the
same every time.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter
from collections.abc import Sequence

import msgspec

SENTENCES_MAX = 2_000  # Looked at; of longer material the rest is left out.
SENTENCE_CHARS_MAX = 600
SENTENCE_CHARS_MIN = 12
WORD_LETTERS_MIN = 3
DIGIT_WEIGHT = 2.0
LENGTH_POWER = 0.6  # Below 1, so that long sentences are not put at a disadvantage for being whole.
_END = re.compile(r"(?<=[.!?…。！？؟])[\"')\]»”]*\s+|\n+\s*(?:[-*•]\s+)?")
_WORD = re.compile(r"\w+")
_ABBREVIATED = re.compile(
    r"(?:\b(?:[A-Za-z]|Mr|Mrs|Ms|Dr|St|No|Nr|ca|bzw|etc|inc|ltd|vs)\.|\b\d{1,3}\.)$", re.IGNORECASE
)


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence with where it stands: which text, and its characters [from, to) there."""

    text: str
    source: int
    span: tuple[int, int]


def sentences_of(text: str, source: int = 0) -> list[Sentence]:
    """The sentences and lines of a text, in order; what is over-long is cut at its limit."""
    found: list[Sentence] = []
    start = 0
    for end, after in _ends(text):
        stripped = text[start:end].strip()
        if len(stripped) >= SENTENCE_CHARS_MIN:
            at = start + text[start:end].index(stripped)
            kept = stripped[:SENTENCE_CHARS_MAX]
            found.append(Sentence(text=kept, source=source, span=(at, at + len(kept))))
        start = after
    return found


def _ends(text: str) -> list[tuple[int, int]]:
    ends = [
        (match.start(), match.end())
        for match in _END.finditer(text)
        if "\n" in match.group() or not _ABBREVIATED.search(text, max(0, match.start() - 8), match.start())
    ]
    return [*ends, (len(text), len(text))]


def extract(texts: Sequence[str], *, chars_max: int) -> list[Sentence]:
    """Choose sentences of at most `chars_max` characters together, in the order of the texts."""
    sentences = [one for number, text in enumerate(texts) for one in sentences_of(text, number)][:SENTENCES_MAX]
    words = [_words(one.text) for one in sentences]
    weights = _weights(sentences, words)
    covered: set[str] = set()

    def gain(index: int) -> float:
        new = math.fsum(weights[word] for word in words[index] - covered)
        return round(new / math.pow(len(sentences[index].text), LENGTH_POWER), 9)

    # What a sentence adds only shrinks as others are taken, so an old figure is an upper bound: few are worked out anew.
    heap = [(-gain(index), index) for index in range(len(sentences))]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and heap[0][0] < 0:
        _, index = heapq.heappop(heap)
        now = -gain(index)
        if heap and (now, index) > heap[0]:
            heapq.heappush(heap, (now, index))
        elif now < 0 and len(sentences[index].text) < chars_max:
            chosen.append(index)
            covered |= words[index]
            chars_max -= len(sentences[index].text) + 1
    return [sentences[index] for index in sorted(chosen)]


def _words(text: str) -> frozenset[str]:
    words = (word.casefold() for word in _WORD.findall(text))
    return frozenset(word for word in words if len(word) >= WORD_LETTERS_MIN or word.isdigit())


def _weights(sentences: Sequence[Sentence], words: Sequence[frozenset[str]]) -> dict[str, float]:
    """What is in more of the texts weighs more; what is in nearly every sentence says nothing and weighs less."""
    pairs = {(word, one.source) for one, own in zip(sentences, words, strict=True) for word in own}
    in_texts = Counter(word for word, _ in pairs)
    in_sentences = Counter(word for own in words for word in own)
    total = len(sentences)
    return {
        word: math.log1p(count)
        * math.log1p(total / in_sentences[word])
        * (DIGIT_WEIGHT if any(map(str.isdigit, word)) else 1.0)
        for word, count in in_texts.items()
    }
