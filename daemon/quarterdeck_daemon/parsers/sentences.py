"""Where sentences end: after . ! ? and their kin, but not after `e.g.`, `Dr.`, an initial or a number."""

from __future__ import annotations

import re
from collections.abc import Iterator

_END = re.compile(r"[.!?…][\"'”’»)\]]*(?=\s)|[。！？؟۔।][”」』）]*")
_WORD_BEFORE = re.compile(r"[\w.]+$")
WORD_CHARS_MAX = 24


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ABBREVIATIONS = _words(
    "e.g i.e etc vs cf al approx dept est fig inc ltd co corp mr mrs ms dr prof st jr sr no vol pp art sec u.s"
    " z.b d.h u.a bzw ca evtl ggf inkl exkl nr str tel usw vgl abs gem max min"
    " p.ex av bd mme mlle env m cie t.ex bl.a osv dvs kl s.k ej sra srta ud uds pág núm"
)


def sentence_ends(text: str, begin: int, end: int) -> Iterator[int]:
    """Yield the positions in [begin, end) right after a sentence, ascending."""
    for match in _END.finditer(text, begin, end):
        if match[0][0] != "." or not _abbreviated(text, match.start()):
            yield match.end()


def _abbreviated(text: str, dot: int) -> bool:
    found = _WORD_BEFORE.search(text[max(0, dot - WORD_CHARS_MAX) : dot])
    if found is None:
        return False
    word = found[0].lower()
    return word in ABBREVIATIONS or (len(word) == 1 and word.isalpha()) or (word.isdigit() and len(word) <= 2)
