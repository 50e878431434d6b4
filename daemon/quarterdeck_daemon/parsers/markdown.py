"""Markdown: blocks along its headings, paragraphs, list items, tables and fences. The text stays as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .blocks import Block
from .limits import TITLE_CHARS_MAX

_ATX = re.compile(r" {0,3}(#{1,6})[ \t]+(\S.*)$")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ITEM = re.compile(r"\s{0,12}(?:[-*+]|\d{1,9}[.)])[ \t]+\S")
_RULE = re.compile(r" {0,3}(?:[-*_][ \t]*){3,}$")


@dataclass(frozen=True, slots=True)
class Line:
    """One line; [begin, end) without its break."""

    begin: int
    end: int
    words: str

    @property
    def blank(self) -> bool:
        return not self.words.strip()


def lines_of(text: str) -> list[Line]:
    found, at = [], 0
    for words in text.split("\n"):
        found.append(Line(at, at + len(words), words))
        at += len(words) + 1
    return found


def markdown_blocks(text: str) -> list[Block]:
    lines = lines_of(text)
    return list(_blocks(lines, _front_matter(lines)))


def front_matter_title(text: str) -> str:
    """The `title:` of a YAML header, "" without one."""
    lines = lines_of(text)
    for line in lines[1 : _front_matter(lines)]:
        name, colon, value = line.words.partition(":")
        if colon and name.strip().lower() == "title":
            return value.strip().strip("'\"")[:TITLE_CHARS_MAX]
    return ""


def first_heading(blocks: list[Block]) -> str:
    return next((block.name for block in blocks if block.heading), "")[:TITLE_CHARS_MAX]


def _front_matter(lines: list[Line]) -> int:
    """The number of lines of a YAML header at the start."""
    if not lines or lines[0].words.strip() != "---":
        return 0
    return next((at + 1 for at, line in enumerate(lines[1:200], 1) if line.words.strip() in ("---", "...")), 0)


def _blocks(lines: list[Line], at: int) -> Iterator[Block]:
    endless: set[str] = set()  # Fences that were found to have no end; no later one of them has any.
    if at:
        yield Block(lines[0].begin, lines[at - 1].end)
    while at < len(lines):
        if lines[at].blank:
            at += 1
            continue
        heading = _ATX.match(lines[at].words)
        if heading:
            yield Block(lines[at].begin, lines[at].end, len(heading[1]), heading[2].rstrip(" \t#"))
            at += 1
            continue
        until = _end(lines, at, endless)
        if until - at >= 2 and _is_underlined(lines[at:until]):
            level = 1 if lines[until - 1].words.strip().startswith("=") else 2
            name = " ".join(line.words.strip() for line in lines[at : until - 1])
            yield Block(lines[at].begin, lines[until - 1].end, level, name)
        else:
            yield Block(lines[at].begin, lines[until - 1].end)
        at = until


def _is_underlined(lines: list[Line]) -> bool:
    return bool(_UNDERLINE.match(lines[-1].words)) and len(lines) <= 3 and "|" not in lines[0].words


def _end(lines: list[Line], at: int, endless: set[str]) -> int:
    """The line after the block that begins at `at`."""
    fence = _FENCE.match(lines[at].words)
    if fence:
        return _end_of_fence(lines, at, fence[1], endless)
    until = at + 1
    while until < len(lines) and not lines[until].blank:
        words = lines[until].words
        if _ATX.match(words) or _FENCE.match(words) or _ITEM.match(words):
            break
        until += 1
        if _UNDERLINE.match(words) and not _RULE.match(lines[at].words):
            break
    return until


def _end_of_fence(lines: list[Line], at: int, mark: str, endless: set[str]) -> int:
    """A fence that never ends counts as a paragraph."""
    for until in range(at + 1, len(lines)) if mark not in endless else ():
        if lines[until].words.strip().startswith(mark) and not lines[until].words.strip().strip(mark[0]):
            return until + 1
    endless.add(mark)
    return at + 1
