"""Text to the ids of a vocabulary of word pieces, as the teacher's own tokenizer does it.

A word is a run of letters and digits after folding: control characters gone, accents stripped, lower case; every
punctuation mark and every Chinese character stands alone. A word is cut greedily into the longest pieces that the
vocabulary has, those inside a word being written `##piece`; one that cannot be cut so is one `[UNK]`.

Differs from the teacher's in one point: `[CLS]` and its like, written in a text, are words like others. A text from
outside must not be able to write control tokens.
"""

from __future__ import annotations

import itertools
import re
import string
import unicodedata
from collections.abc import Sequence

UNKNOWN = "[UNK]"
WORD_CHARS_MAX = 100  # A longer word is unknown.
WORDS_KEPT_MAX = 65_536  # Of the words cut before; about 10 MB.

Ids = tuple[int, ...]

# Most texts are ASCII: folding is then one table of single characters, which `str.translate` does at once.
_CONTROLS = [code for code in (*range(0x20), 0x7F) if chr(code) not in "\t\n\r"]
_ASCII_FOLD: dict[int, int | None] = {
    **dict.fromkeys(_CONTROLS),
    **{ord(capital): ord(capital.lower()) for capital in string.ascii_uppercase},
}
_ASCII_WORDS = re.compile(r"[a-z0-9]+|[!-/:-@\[-`{-~]").findall

_CHINESE = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B920, 0x2CEAF),
    (0xF900, 0xFAFF),
    (0x2F800, 0x2FA1F),
)


class _Fold(dict[int, str]):
    """For `str.translate`: code point -> what stands for it, worked out when first seen."""

    def __missing__(self, code: int) -> str:
        self[code] = made = _folded(chr(code))
        return made


def _folded(character: str) -> str:
    if character in "\t\n\r":
        return " "
    if character == "\ufffd" or unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs"):
        return ""
    if character.isspace():
        return " "
    plain = [one for one in unicodedata.normalize("NFD", character) if unicodedata.category(one) != "Mn"]
    lower = "".join("σ" if one == "Σ" else one.lower() for one in plain)
    return "".join(f" {one} " if _stands_alone(one) else one for one in lower)


def _stands_alone(character: str) -> bool:
    if character.isascii():
        return character.isprintable() and not character.isalnum() and character != " "
    code = ord(character)
    return unicodedata.category(character).startswith("P") or any(low <= code <= high for low, high in _CHINESE)


_FOLD = _Fold()


def words_of(text: str) -> list[str]:
    """Return the folded words and marks of a text."""
    if text.isascii():
        return _ASCII_WORDS(text.translate(_ASCII_FOLD))
    return text.translate(_FOLD).split()


class WordPiece(dict[str, Ids]):
    """Word -> the ids of its pieces: `pieces[word]`. Remembers the words it has cut, a bounded number of them."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        """`vocabulary[id]` is the piece. It must have `[UNK]`."""
        super().__init__()
        self._ids = {piece: id for id, piece in enumerate(vocabulary)}
        self.unknown: Ids = (self._ids[UNKNOWN],)

    def __missing__(self, word: str) -> Ids:
        if len(word) > WORD_CHARS_MAX:
            return self.unknown
        if len(self) >= WORDS_KEPT_MAX:
            self.clear()
        self[word] = found = self._cut(word)
        return found

    def ids(self, text: str) -> list[int]:
        """Return the ids of all pieces of a text, in order."""
        return list(itertools.chain.from_iterable(map(self.__getitem__, words_of(text))))

    def _cut(self, word: str) -> Ids:
        whole = self._ids.get(word)
        if whole is not None:
            return (whole,)
        found: list[int] = []
        start = 0
        while start < len(word):
            mark = "##" if start else ""
            for end in range(len(word), start, -1):
                piece = self._ids.get(mark + word[start:end])
                if piece is not None:
                    break
            else:
                return self.unknown
            found.append(piece)
            start = end
        return tuple(found)
