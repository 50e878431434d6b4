"""A text and its blocks to chunks of about 200 words: headings first, then blocks, then sentences, then blanks.

Promises  text[chunk.span[0]:chunk.span[1]] == chunk.text for every chunk; spans ascend, do not overlap and leave out
          nothing but blanks between blocks. A sentence is cut only when it is longer than a chunk may be.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quarterdeck_daemon.core.orders import ParsedChunk

from .blocks import NOWHERE, Block, Place
from .language import language_of
from .limits import CHUNK_CHARS, CHUNK_CHARS_MIN, CHUNKS_MAX, DENSE_CHUNK_CHARS, TITLE_CHARS_MAX
from .sentences import sentence_ends

DENSE = frozenset(("zh", "ja", "ko", "th"))
OWN_LANGUAGE_CHARS_MIN = 200
STEP = " > "  # Between the headings of a title.
PATH_STEPS_MAX = 6
STEP_CHARS_MAX = 90


@dataclass
class _Open:
    """A chunk that is still being filled."""

    begin: int
    end: int
    section: int
    first: Place
    last: Place
    apart: bool = False
    bare: bool = False  # Headings only, so far.

    @property
    def chars(self) -> int:
        return self.end - self.begin


def chunks_of(text: str, blocks: Sequence[Block], *, title: str = "", language: str = "") -> tuple[ParsedChunk, ...]:
    """Cut `text` into chunks. Their titles are paths: the document's title, then the headings above them.

    language: of the whole, for chunks that are too short to tell.
    """
    aim = DENSE_CHUNK_CHARS if language in DENSE else CHUNK_CHARS
    sections: list[tuple[str, ...]] = [()]
    found: list[ParsedChunk] = []
    for one in _small_joined(_filled(text, blocks, aim, sections), aim):
        words = text[one.begin : one.end]
        name = _title(title, sections[one.section], one)
        tongue = _language(words, language)
        found.append(ParsedChunk(text=words, span=(one.begin, one.end), title=name, language=tongue))
        if len(found) == CHUNKS_MAX:
            break
    return tuple(found)


def _filled(text: str, blocks: Sequence[Block], aim: int, sections: list[tuple[str, ...]]) -> Iterator[_Open]:
    """Join neighbouring blocks of a section until a chunk is full. `sections` collects the paths of headings."""
    path: list[tuple[int, str]] = []
    held: _Open | None = None
    for block in blocks:
        if block.heading:
            path = [step for step in path if step[0] < block.heading] + [(block.heading, block.name)]
            sections.append(tuple(name for _, name in path))
        for begin, end in _pieces(text, block.begin, block.end, aim):
            piece = _Open(
                begin, end, len(sections) - 1, block.place, block.place, block.apart, bare=bool(block.heading)
            )
            if held is not None and _belongs(held, piece, aim):
                held = _joined(held, piece)
                continue
            if held is not None:
                yield held
            held = piece
    if held is not None:
        yield held


def _belongs(held: _Open, piece: _Open, aim: int) -> bool:
    if held.apart or piece.apart or piece.end - held.begin > aim:
        return False
    return held.section == piece.section or held.bare  # A heading without words goes on into the next section.


def _joined(held: _Open, piece: _Open) -> _Open:
    first = held.first if held.first != NOWHERE else piece.first
    last = piece.last if piece.last != NOWHERE else held.last
    return _Open(held.begin, piece.end, piece.section, first, last, bare=held.bare and piece.bare)


def _small_joined(opens: Iterator[_Open], aim: int) -> Iterator[_Open]:
    """A small last piece of a section joins the chunk before it, when there is room."""
    held: _Open | None = None
    for one in opens:
        if held is not None:
            together = one.end - held.begin <= aim * 3 // 2 and not (held.apart or one.apart)
            if together and one.chars < CHUNK_CHARS_MIN and held.section == one.section:
                held = _joined(held, one)
                continue
            yield held
        held = one
    if held is not None:
        yield held


def _pieces(text: str, begin: int, end: int, aim: int) -> Iterator[tuple[int, int]]:
    """Trim blanks and cut a block that is longer than a chunk may be."""
    while True:
        begin, end = _trimmed(text, begin, end)
        if begin >= end:
            return
        cut = end if end - begin <= aim * 3 // 2 else _cut(text, begin, aim)
        yield _trimmed(text, begin, cut)
        begin = cut


def _cut(text: str, begin: int, aim: int) -> int:
    """After a sentence near the aim; failing that up to 1.5 times of it; then at a line, at a blank, anywhere."""
    ends = list(sentence_ends(text, begin + aim // 2, begin + aim * 3 // 2))
    near = [end for end in ends if end <= begin + aim]
    if near or ends:
        return near[-1] if near else ends[0]
    for mark in ("\n", " "):
        at = text.rfind(mark, begin + aim // 2, begin + aim)
        if at > 0:
            return at + 1
    return begin + aim


def _trimmed(text: str, begin: int, end: int) -> tuple[int, int]:
    while begin < end and text[begin].isspace():
        begin += 1
    while end > begin and text[end - 1].isspace():
        end -= 1
    return begin, end


def _language(words: str, whole: str) -> str:
    """A short chunk says too little: it is taken to be in the language of the whole."""
    if whole and len(words) < OWN_LANGUAGE_CHARS_MIN:
        return whole
    return language_of(words) or whole


def _title(title: str, path: tuple[str, ...], one: _Open) -> str:
    steps = [title, *path] if title and title not in path[:1] else list(path or (title,))
    if len(steps) > PATH_STEPS_MAX:
        steps = [steps[0], *steps[1 - PATH_STEPS_MAX :]]
    name = STEP.join(step[:STEP_CHARS_MAX] for step in steps if step)
    place = _place(one.first, one.last)
    return (f"{name}, {place}" if name and place else name or place)[:TITLE_CHARS_MAX]


def _place(first: Place, last: Place) -> str:
    what, begin, _ = first
    end = last[2]
    return f"{what}{begin}" + (f"–{end}" if end and end != begin else "")
