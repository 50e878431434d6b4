"""How many tokens a text is, near enough for budgets, without any model's vocabulary.

Every token budget of the kernel counts with `tokens_of`, so that a cap means the same with every model, in a replay and
in a test. The text is cut into pieces about as vocabularies cut it: a word of up to seven letters is one, longer ones
and words with accents have one for every four letters more, other alphabets one for two letters, writing without
spaces one for each sign, numbers one for three digits. docs/memory.md compares it with real tokenizers.
"""

from __future__ import annotations

import re
from typing import Final

PIECE: Final = re.compile(
    r"(?<![^\W\d_])[A-Za-z]{1,7}"
    r"|[A-Za-z\u00c0-\u024f]{1,4}"
    r"|\d{1,3}"
    r"|[^\W\d_A-Za-z\u00c0-\u024f\u0e00-\U0010ffff]{1,2}"
    r"|[^\W_]"
    r"|\n+"
    r"|([^\w\s])\1{0,3}"
    r"|_{1,4}"
)


def tokens_of(text: str) -> int:
    """Return the estimated number of tokens of the text; 0 for an empty one."""
    return len(PIECE.findall(text))
