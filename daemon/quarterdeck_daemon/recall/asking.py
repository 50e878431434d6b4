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
_OWNER = re.compile(r"['’]s\b")
_ASKING = "what who it that there how where when why let he she here"  # What's: that is no possessive, nor a name.
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
_NO_NAMES = frozenset(_ASKING.split())
_FRAME = frozenset((*_DATES.split(), *_KINDS.split(), *_WHATEVER.split(), *_BEFORE_NAMES))


def names_in(question: str, language: str) -> frozenset[str]:
    """The words that are names, as they are written: with a capital that is not the question's own, or with 's behind.

    Where a capital says nothing, a name is what has a title before it.
    """
    found = list(_WORD.finditer(question))
    owners = {word.group() for word in found if _OWNER.match(question, word.end())}
    capital = {word.group() for word in found[1:] if word.group()[0].isupper()}
    written_so = sum(word.group()[0].isupper() for word in found)
    if language in NOUNS_ARE_CAPITAL or written_so > NAMES_SHARE_MAX * len(found):
        pairs = itertools.pairwise(word.group() for word in found)
        capital = {word for title, word in pairs if title.lower() in _BEFORE_NAMES and word in capital}
    return frozenset(word for word in owners | capital if word.lower() not in _NO_NAMES)


def without(question: str, names: Collection[str]) -> str:
    """The question without these words and their possessive."""
    each = "|".join(re.escape(name) for name in names)
    return re.sub(rf"\b(?:{each})\b(?:['’]s\b)?", " ", question)


def is_frame(word: str) -> bool:
    """Whether a plain word is of a date or could be (5, 2025, may, friday), or asks for a kind of thing (name)."""
    return word in _FRAME or _NUMBER.fullmatch(word) is not None
