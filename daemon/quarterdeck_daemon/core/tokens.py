"""How many tokens a text is, near enough for budgets, without any model's vocabulary.

Every token budget of the kernel counts with `tokens_of`, so that a cap means the same in every version of every
model, in a replay and in a test. It is an estimate on the safe side; docs/memory.md compares it with real tokenizers.
"""

from __future__ import annotations

import re
from typing import Final

PIECE: Final = re.compile(r"[A-Za-z]+|[0-9]+|[^\W\d_]+|\n+|([^\w\s])\1*|_+|[^\s]")
WORD_LETTERS: Final = 7  # An English word up to this long is one token in common vocabularies.
MORE_LETTERS: Final = 4  # Of a longer one, each so many letters are one more.
DIGITS: Final = 3
ALPHABET_LETTERS: Final = 2  # Of alphabets other than the Latin one, which vocabularies know less well.
LATIN_LETTERS: Final = 3  # Of Latin words with accents.
SAME_SIGNS: Final = 4  # A ruled line is few tokens.
LATIN_END: Final = "\u024f"
WIDE_START: Final = "\u0e00"  # From Thai on, writing mostly has no spaces and about a token for each sign.


def tokens_of(text: str) -> int:
    """Return the estimated number of tokens of the text; 0 for an empty one."""
    return sum(map(_tokens, PIECE.finditer(text)))


def _tokens(match: re.Match[str]) -> int:
    piece = match.group()
    first, size = piece[0], len(piece)
    if first.isascii() and first.isalpha():
        return 1 + max(0, -(-(size - WORD_LETTERS) // MORE_LETTERS))
    if first.isdigit():
        return -(-size // DIGITS)
    if first.isalpha():
        return _letters(piece)
    return 1 if first == "\n" else -(-size // SAME_SIGNS)


def _letters(piece: str) -> int:
    latin = sum(letter <= LATIN_END for letter in piece)
    wide = sum(letter >= WIDE_START for letter in piece)
    return -(-latin // LATIN_LETTERS) + wide - (-(len(piece) - latin - wide) // ALPHABET_LETTERS)
