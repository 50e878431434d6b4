"""How much of a text an English vocabulary of word pieces can read: the guard before other languages.

Two shares of the text's letters are looked at. Those in pieces of two or more letters: about 1 in any Latin writing,
about 0 in Arabic, Russian or Japanese, of which such a vocabulary has single letters alone. And those in words that
are one whole piece: .9 for an English question in the middle, .1 to .3 for a German, Spanish, French, Italian, Dutch
or Swedish one. There vectors still rank (they compare fragments, which serves as a stemmer does), but texts that have
nothing to do with each other come out twice as near as English ones; at half the fluency both fit one threshold.
"""

from __future__ import annotations

from collections.abc import Sequence

from .wordpiece import WordPiece, words_of

WHOLE_LOW, WHOLE_HIGH = (
    0.25,
    0.6,
)  # Share of whole words: below the first a foreign language, from the second English.
FOREIGN = 0.5  # What a foreign language in Latin letters is worth.


def fluency(pieces: WordPiece, vocabulary: Sequence[str], text: str) -> float:
    """Return 0..1; 0 for a text without letters."""
    letters = read = whole = 0
    for word in words_of(text):
        if not word.isalpha():
            continue
        letters += len(word)
        ids = pieces[word]
        if ids == pieces.unknown:
            continue
        if len(ids) == 1:
            whole += len(word) if len(word) > 1 else 0
        read += sum(size for id in ids if (size := len(vocabulary[id].removeprefix("##"))) > 1)
    if not letters:
        return 0.0
    english = (whole / letters - WHOLE_LOW) / (WHOLE_HIGH - WHOLE_LOW)
    return read / letters * (FOREIGN + (1 - FOREIGN) * min(max(english, 0.0), 1.0))
