"""Word documents (.docx): headings, paragraphs, lists and tables of the body, in order. What was deleted stays out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePath

from quarterdeck_daemon.core.orders import Parsed, ParseDocument

from .archive import Archive
from .blocks import TextBuilder
from .chunks import chunks_of
from .language import language_of
from .limits import TITLE_CHARS_MAX, XML_TEXT_CHARS_MAX
from .plain import heading_level
from .refusal import Refused
from .rows import add_rows, header_at, rendered
from .xml_reader import Tag, tags

DOCUMENT = "word/document.xml"
STYLES = "word/styles.xml"
PROPERTIES = "docProps/core.xml"
NOT_TEXT = frozenset(("instrText", "delText", "fldData"))
DROPPED = frozenset(("del", "moveFrom", "txbxContent", "Fallback"))
_HEADING_STYLE = re.compile(r"(?:heading|überschrift|titre|título|rubrik|kop)\s*([1-6])", re.IGNORECASE)


@dataclass
class _Paragraph:
    words: list[str] = field(default_factory=list)
    style: str = ""
    level: int = 0
    listed: bool = False
    chars: int = 0

    def say(self, words: str) -> None:
        if self.chars < XML_TEXT_CHARS_MAX:
            self.words.append(words)
            self.chars += len(words)

    @property
    def text(self) -> str:
        return "".join(self.words).strip()


@dataclass
class _Table:
    rows: list[list[str]] = field(default_factory=list)


def parse_docx(order: ParseDocument) -> Parsed:
    archive = Archive(order.data)
    body = archive.find(DOCUMENT)
    if body is None:
        raise Refused("malformed", f"there is no {DOCUMENT} inside; is it a Word document?")
    styles = _heading_styles(archive.find(STYLES))
    built = TextBuilder()
    for part in _parts(body, styles):
        if isinstance(part, _Table):
            at = header_at(part.rows)
            rows = [(number, row) for number, row in enumerate(part.rows, 1) if number != at + 1]
            add_rows(built, rows, header=part.rows[at] if at >= 0 else ())
        else:
            level = part.level or heading_level(part.text)
            words = f"- {part.text}" if part.listed and not level and part.text else part.text
            built.add(words, heading=level, tight=part.listed and not level)
        if built.full:
            break
    if not built.blocks:
        raise Refused("no_text", "the document has no text; pictures are not read")
    heading = next((block.name for block in built.blocks if block.heading), "")
    title = (_title(archive.find(PROPERTIES)) or heading or PurePath(order.name).stem)[:TITLE_CHARS_MAX]
    language = language_of(built.text)
    warnings = ["the end was left out: too long"] if built.full else []
    return Parsed(
        title=title,
        text=built.text,
        meta={"language": language, "warnings": warnings},
        chunks=chunks_of(built.text, built.blocks, title=title, language=language),
    )


def _heading_styles(data: bytes | None) -> dict[str, int]:
    """Level by style id: by the outline level that a style declares, else by its name."""
    levels: dict[str, int] = {}
    id = ""
    for tag in tags(data) if data else ():
        if tag.kind != "start":
            continue
        if tag.name == "style":
            id = tag.values.get("styleId", "")
        elif tag.name == "name" and id:
            name = tag.values.get("val", "")
            found = _HEADING_STYLE.match(name)
            if found or name.lower() == "title":
                levels[id] = int(found[1]) if found else 1
        elif tag.name == "outlineLvl" and id and tag.values.get("val", "").isdigit():
            levels.setdefault(id, min(int(tag.values["val"]) + 1, 6))
    return levels


def _parts(data: bytes, styles: dict[str, int]) -> Iterator[_Paragraph | _Table]:
    """Paragraphs outside of tables, and tables as rows of text; a table inside a cell is text of the cell."""
    reader = _Body(styles)
    for tag in tags(data):
        part = reader.take(tag)
        if part is not None:
            yield part


class _Body:
    def __init__(self, styles: dict[str, int]) -> None:
        self._styles = styles
        self._dropped = 0  # Depth inside of what is not shown.
        self._tables = 0  # Depth of tables.
        self._table = _Table()
        self._cell: list[str] = []
        self._paragraph = _Paragraph()
        self._reading = False

    def take(self, tag: Tag) -> _Paragraph | _Table | None:
        if tag.name in DROPPED:
            self._dropped += 1 if tag.kind == "start" else -1
        if self._dropped:
            return None
        if tag.kind == "text":
            if self._reading:
                self._paragraph.say(tag.text)
            return None
        if tag.kind == "end":
            return self._end(tag.name)
        self._start(tag)
        return None

    def _start(self, tag: Tag) -> None:
        name, value = tag.name, tag.values.get("val", "")
        if name == "p":
            self._paragraph = _Paragraph()
        elif name == "t":
            self._reading = True
        elif name in ("tab", "ptab"):
            self._paragraph.say(" ")
        elif name in ("br", "cr"):
            self._paragraph.say("\n")
        elif name == "noBreakHyphen":
            self._paragraph.say("-")
        elif name == "pStyle":
            self._paragraph.style = value
            self._paragraph.level = self._styles.get(value, 0)
        elif name == "outlineLvl" and value.isdigit() and int(value) < 6:
            self._paragraph.level = int(value) + 1
        elif name == "numPr":
            self._paragraph.listed = True
        elif name == "tbl":
            self._tables += 1
        elif name == "tr" and self._tables == 1:
            self._table.rows.append([])
        elif name == "tc" and self._tables == 1:
            self._cell = []

    def _end(self, name: str) -> _Paragraph | _Table | None:
        if name in NOT_TEXT or name == "t":
            self._reading = False
        elif name == "p":
            done, self._paragraph = self._paragraph, _Paragraph()
            if not self._tables:
                done.listed = done.listed or "list" in done.style.lower()
                return done if done.text else None
            self._cell.append(done.text)
        elif name == "tc" and self._tables == 1 and self._table.rows:
            self._table.rows[-1].append(" ".join(filter(None, self._cell)))
        elif name == "tbl":
            self._tables -= 1
            if not self._tables:
                table, self._table = self._table, _Table()
                return table if any(map(rendered, table.rows)) else None
        return None


def _title(data: bytes | None) -> str:
    """The title among the document's properties; programs that set none leave it empty."""
    inside, words = False, ""
    for tag in tags(data) if data else ():
        if tag.name == "title" and tag.kind != "text":
            inside = tag.kind == "start"
        elif tag.kind == "text" and inside:
            words += tag.text
    return " ".join(words.split())
