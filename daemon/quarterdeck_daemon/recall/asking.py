"""What the words of a question are there for: some say who and when, the others say what is asked for.

A hit that has only who and when says nothing of what was asked; so these count for less, see `Weights.names`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection
from typing import Literal

Role = Literal["what", "who", "rare", "frame", "unknown"]

NAMES_SHARE_MAX = 0.7  # Where more of the words than this are capitalised, a capital says nothing.
NOUNS_ARE_CAPITAL = frozenset(("de",))
_WORD = re.compile(r"\w+")
_OWNER = re.compile(r"^['’]s\b")
_NUMBER = re.compile(r"(19|20)\d\d|[0-3]?\d(st|nd|rd|th)?")
_DATES = (
    "january february march april may june july august september october november december monday tuesday wednesday"
    " thursday friday saturday sunday last next ago yesterday today tomorrow week weeks month months year years"
    " januar februar märz maerz mai juni juli oktober dezember montag dienstag mittwoch donnerstag freitag samstag"
    " sonntag gestern heute morgen"
)
_KINDS = "name names called favourite favorite long often"
_TITLES = "frau herr herrn mr mrs ms miss dr prof señor señora senor senora sr sra madame monsieur mme signor signora"
_WHATEVER = "news latest update updates information details notes status anything everything something"
_BEFORE_NAMES = frozenset(_TITLES.split())
_FRAME = frozenset((*_DATES.split(), *_KINDS.split(), *_WHATEVER.split(), *_BEFORE_NAMES))


def names_in(question: str, language: str) -> frozenset[str]:
    """The words written as names, as they are written. The first word of a question is one only with 's behind it.

    Where a capital says nothing, a name is what has a title before it.
    """
    found = list(_WORD.finditer(question))
    capital = [word for word in found if word.group()[0].isupper()]
    if not capital or language in NOUNS_ARE_CAPITAL or len(capital) > NAMES_SHARE_MAX * len(found):
        return frozenset(
            word.group()
            for title, word in itertools.pairwise(found)
            if title.group().lower() in _BEFORE_NAMES and word.group()[0].isupper()
        )
    first = found[0]
    return frozenset(word.group() for word in capital if word is not first or _OWNER.match(question[word.end() :]))


def without(question: str, names: Collection[str]) -> str:
    """The question without these words and their possessive."""
    each = "|".join(re.escape(name) for name in names)
    return re.sub(rf"\b(?:{each})\b(?:['’]s\b)?", " ", question)


def is_frame(word: str) -> bool:
    """Whether a plain word is of a date or could be (5, 2025, may, friday), or asks for a kind of thing (name)."""
    return word in _FRAME or _NUMBER.fullmatch(word) is not None
