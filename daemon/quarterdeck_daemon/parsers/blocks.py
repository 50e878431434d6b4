"""The structure of a text: headings, paragraphs, rows, turns, each with its place in the text.

A parser of a written text (Markdown, plain) points into it; one that has to make a text first (DOCX, tables,
calendars) does so with `TextBuilder`, which notes the blocks on the way.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .decoding import clean
from .limits import TEXT_BYTES_MAX, TEXT_CHARS_MAX

Place = tuple[str, str, str]  # ("p. ", "3", "4"): what to call it, first, last.
NOWHERE: Place = ("", "", "")


@dataclass(frozen=True, slots=True)
class Block:
    """Characters [begin, end) of the text.

    heading  1 to 6 for a heading, whose words are `name`     place  where it stood: page, rows, time
    apart    shares its chunk with no other block
    """

    begin: int
    end: int
    heading: int = 0
    name: str = ""
    place: Place = NOWHERE
    apart: bool = False


@dataclass
class TextBuilder:
    """Collects blocks into one text, an empty line between them. When it is full, `add` returns False."""

    blocks: list[Block] = field(default_factory=list)
    full: bool = False
    _parts: list[str] = field(default_factory=list)
    _chars: int = 0
    _bytes: int = 0

    def add(
        self, words: str, *, heading: int = 0, place: Place = NOWHERE, apart: bool = False, tight: bool = False
    ) -> bool:
        """tight: only a line break before it, as between the items of a list."""
        words = clean(words).strip()
        if not words:
            return not self.full
        gap = ("\n" if tight else "\n\n") if self._parts else ""
        chars, size = len(gap) + len(words), len(gap) + len(words.encode("utf-8", "replace"))
        if self.full or self._chars + chars > TEXT_CHARS_MAX or self._bytes + size > TEXT_BYTES_MAX:
            self.full = True
            return False
        begin = self._chars + len(gap)
        name = " ".join(words.split()) if heading else ""
        self.blocks.append(Block(begin, begin + len(words), heading, name, place, apart))
        self._parts += [gap, words]
        self._chars += chars
        self._bytes += size
        return True

    @property
    def text(self) -> str:
        return "".join(self._parts)


def capped(text: str) -> tuple[str, list[str]]:
    """The text within the limits, and what to say about it."""
    if len(text) <= TEXT_CHARS_MAX and len(text.encode("utf-8", "replace")) <= TEXT_BYTES_MAX:
        return text, []
    kept = text[:TEXT_CHARS_MAX].encode("utf-8", "replace")[:TEXT_BYTES_MAX].decode("utf-8", "ignore")
    return kept, [f"only the first {len(kept):,} of {len(text):,} characters were kept"]
