"""Text to chunks along its structure: headings first, then paragraphs, then sentences, then spaces.

Promises  text[chunk.span[0]:chunk.span[1]] == chunk.text for every chunk, spans ascend and do not overlap.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from quarterdeck_daemon.core.orders import ParsedChunk

from .limits import CHUNK_CHARS, CHUNKS_MAX, TITLE_CHARS_MAX

HARD_CHARS_MAX = CHUNK_CHARS * 3 // 2

_HEADING = re.compile(r"^#{1,6}[ \t]+(\S.*)$", re.MULTILINE)
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n+")
_SENTENCE_END = re.compile(r"[.!?…]['\"”»)]?\s|\n")


def chunks_of(text: str, *, title: str = "", headings: bool = False) -> tuple[ParsedChunk, ...]:
    """Cut `text` into chunks of about CHUNK_CHARS characters. Blank text gives none.

    headings: whether `# …` lines start a section whose heading becomes the chunks' title.
    """
    found: list[ParsedChunk] = []
    for begin, end, name in _sections(text) if headings else iter([(0, len(text), "")]):
        for span in _filled(text, begin, end):
            found.append(ParsedChunk(text=text[slice(*span)], span=span, title=name or title))
            if len(found) == CHUNKS_MAX:
                return tuple(found)
    return tuple(found)


def first_heading(text: str) -> str:
    found = _HEADING.search(text)
    return _name(found) if found else ""


def _name(heading: re.Match[str]) -> str:
    return heading[1].rstrip(" \t#")[:TITLE_CHARS_MAX]


def _sections(text: str) -> Iterator[tuple[int, int, str]]:
    marks = [(match.start(), _name(match)) for match in _HEADING.finditer(text)]
    if not marks or marks[0][0] > 0:
        marks.insert(0, (0, ""))
    ends = [begin for begin, _ in marks[1:]] + [len(text)]
    for (begin, name), end in zip(marks, ends, strict=True):
        yield begin, end, name


def _filled(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Join neighbouring paragraphs until a chunk is full."""
    start = stop = -1
    for left, right in _pieces(text, begin, end):
        if start < 0:
            start, stop = left, right
        elif right - start <= CHUNK_CHARS:
            stop = right
        else:
            yield start, stop
            start, stop = left, right
    if start >= 0:
        yield start, stop


def _pieces(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    position = begin
    while position < end:
        match = _PARAGRAPH_END.search(text, position, end)
        yield from _shortened(text, position, match.start() if match else end)
        position = match.end() if match else end


def _shortened(text: str, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Trim blanks and cut a paragraph that is longer than a chunk may be."""
    while True:
        begin, end = _trimmed(text, begin, end)
        if begin >= end:
            return
        cut = end if end - begin <= HARD_CHARS_MAX else _cut(text, begin)
        yield _trimmed(text, begin, cut)
        begin = cut


def _cut(text: str, begin: int) -> int:
    limit = begin + CHUNK_CHARS
    sentences = [match.end() for match in _SENTENCE_END.finditer(text, begin + CHUNK_CHARS // 2, limit)]
    if sentences:
        return sentences[-1]
    space = text.rfind(" ", begin + CHUNK_CHARS // 2, limit)
    return space + 1 if space > 0 else limit


def _trimmed(text: str, begin: int, end: int) -> tuple[int, int]:
    while begin < end and text[begin].isspace():
        begin += 1
    while end > begin and text[end - 1].isspace():
        end -= 1
    return begin, end
