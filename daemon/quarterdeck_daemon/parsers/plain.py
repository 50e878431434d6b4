"""Plain text: paragraphs, list items, and the numbered headings that contracts have ("3. Fees", "§ 4 Haftung")."""

from __future__ import annotations

import re

from .blocks import Block
from .markdown import Line, lines_of

HEADING_CHARS_MAX = 90
_NUMBERED = re.compile(
    r"\s{0,8}(?:§+\s*\d{1,3}[a-z]?|(?:Article|Section|Clause|Artikel|Abschnitt|Artículo|Cláusula|Avsnitt)\s+\d{1,3}"
    r"|(\d{1,2}(?:\.\d{1,2}){0,3})\.?)[.:]?\s+(?=\S*[^\W\d_])\S.*$"
)
_ENDS_LIKE_A_SENTENCE = re.compile(r"[.;,:!?]\s*$")


def plain_blocks(text: str) -> list[Block]:
    """Paragraphs are separated by empty lines; a numbered line that stands alone is a heading."""
    groups = _paragraphs(lines_of(text))
    found: list[Block] = []
    for at, group in enumerate(groups):
        level = heading_level(group[0].words) if len(group) == 1 else 0
        following = groups[at + 1] if at + 1 < len(groups) else None
        # A list with empty lines between its items has the same numbers, but no text below them.
        if following is None or (level and len(following) == 1 and heading_level(following[0].words) == level):
            level = 0
        name = group[0].words.strip() if level else ""
        found.append(Block(group[0].begin, group[-1].end, level, name))
    return found


def heading_level(line: str) -> int:
    """1 to 4 for a line that is written like a numbered heading, else 0."""
    words = line.strip()
    match = _NUMBERED.match(line) if len(words) <= HEADING_CHARS_MAX else None
    if match is None or _ENDS_LIKE_A_SENTENCE.search(words):
        return 0
    return match[1].count(".") + 1 if match[1] else 1


def _paragraphs(lines: list[Line]) -> list[list[Line]]:
    groups: list[list[Line]] = [[]]
    for line in lines:
        if line.blank:
            groups.append([])
        else:
            groups[-1].append(line)
    return [group for group in groups if group]
