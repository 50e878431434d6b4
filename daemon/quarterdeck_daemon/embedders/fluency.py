"""How much of a text an English vocabulary of word pieces can read: the guard before foreign languages."""

from __future__ import annotations

from collections.abc import Sequence

from .wordpiece import WordPiece, words_of


def fluency(pieces: WordPiece, vocabulary: Sequence[str], text: str) -> float:
    """Return the share of the text's letters that lie in pieces of two or more letters, 0..1; 0 without letters."""
    letters = read = 0
    for word in words_of(text):
        if word.isalpha():
            letters += len(word)
            sizes = (len(vocabulary[id].removeprefix("##")) for id in pieces[word])
            read += sum(size for size in sizes if size > 1) if pieces[word] != pieces.unknown else 0
    return read / letters if letters else 0.0
