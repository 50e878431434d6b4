"""What somebody wants, in the words of their own mail: one clause, found by the cues of the language."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .words import CLAUSE_END, WISH, compiled, found

NEED_CHARS_MAX = 160
SENTENCES_MAX = 120
WISH_CHARS_MAX = 90  # How far behind its cue the verb may stand.

_SENTENCE = re.compile(r"[^.!?\n]+(?:[.](?=\S)[^.!?\n]*)*[.!?]*|\n\s*\n")
_OTHERS_DO = re.compile(r"\b(?:we|they|i|which|who) $", re.IGNORECASE)  # "what we build" is no wish.


@dataclass(frozen=True)
class Need:
    """text: the clause; sentence: the whole of it; span: of the clause, in the searched text; cues: what matched."""

    text: str
    sentence: str
    span: tuple[int, int]
    cues: tuple[str, ...]
    work: tuple[str, ...]


def need_in(text: str, language: str) -> Need | None:
    """The sentence that speaks most clearly of wanted work; None when none does. Ties go to the first."""
    best: tuple[int, re.Match[str]] | None = None
    for sentence in list(_SENTENCE.finditer(_unwrapped(text)))[:SENTENCES_MAX]:
        cues, work = found("need", language, sentence[0]), found("work", language, sentence[0])
        score = 2 * len(cues[:2]) + 2 * len(work[:2]) if cues else 0
        if score > (best[0] if best else 0):
            best = (score, sentence)
    return _clause(best[1], language) if best else None


def _unwrapped(text: str) -> str:
    """Line breaks inside a paragraph become blanks, one character for one, so that positions stay."""
    return re.sub(r"(?<=\S)\n(?=[^\s\n>*-])", " ", text)


def _clause(sentence: re.Match[str], language: str) -> Need:
    whole = sentence[0]
    cues = found("need", language, whole)
    begin = _beginning(whole, min(cues, key=lambda cue: cue.start()), language)
    end_match = compiled(CLAUSE_END).search(whole, begin + 8)
    end = min(end_match.start() if end_match else len(whole), begin + NEED_CHARS_MAX)
    text = whole[begin:end].rstrip(" .,;:!?")
    start = sentence.start() + begin + len(text) - len(text.lstrip(" .,;:!?"))
    text = text.lstrip(" .,;:!?")
    filler = re.match(r"(?:to|for|nach|att) ", text, re.IGNORECASE)
    if filler:
        text, start = text[filler.end() :], start + filler.end()
    return Need(
        text=text,
        sentence=whole.strip(),
        span=(start, start + len(text)),
        cues=tuple(cue[0].strip() for cue in cues),
        work=tuple(match[0] for match in found("work", language, whole)),
    )


def _beginning(whole: str, cue: re.Match[str], language: str) -> int:
    """Where the wish begins: its verb, when one follows in the same clause, else what comes after the cue."""
    end_match = compiled(CLAUSE_END).search(whole, cue.end() + 2)
    end = min(end_match.start() if end_match else len(whole), cue.end() + WISH_CHARS_MAX)
    wishes = [compiled(WISH[key]) for key in ([language] if language in WISH else WISH)]
    found_at = [
        match.start()
        for wish in wishes
        for match in wish.finditer(whole, cue.start(), end)
        if not _OTHERS_DO.search(whole[max(cue.start(), match.start() - 8) : match.start()])
    ]
    if found_at:
        return min(found_at)
    return cue.end() if whole[cue.end() :].strip(" .,;:!?") else cue.start()
