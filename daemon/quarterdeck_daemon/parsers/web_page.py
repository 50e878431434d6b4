"""HTML files: what a reader would see, with headings, lists and tables. Hidden text is reported, never kept."""

from __future__ import annotations

import re
from pathlib import PurePath

from quarterdeck_daemon.core.orders import Parsed, ParseDocument

from .blocks import TextBuilder
from .chunks import chunks_of
from .decoding import decoded
from .html_text import HEADING_MARK, text_of
from .language import language_of
from .limits import TITLE_CHARS_MAX
from .refusal import Refused

HEAD_BYTES = 4_096
_CHARSET = re.compile(rb"charset\s*=\s*[\"']?([A-Za-z0-9_-]{2,40})")
_TITLE = re.compile(r"<title[^>]{0,200}>([^<]{1,2000})</title", re.IGNORECASE)


def parse_page(order: ParseDocument) -> Parsed:
    charset = _CHARSET.search(order.data[:HEAD_BYTES])
    raw, used, warning = decoded(order.data, charset[1].decode() if charset else "")
    shown, hidden = text_of(raw, headings=True)
    built = TextBuilder()
    for paragraph in shown.split("\n\n"):
        _add(built, paragraph)
    if not built.blocks:
        raise Refused("no_text", "the page has no readable text")
    found = _TITLE.search(raw[: 64 * 1024])
    heading = next((block.name for block in built.blocks if block.heading), "")
    title = (" ".join(text_of(found[1])[0].split()) if found else "") or heading or PurePath(order.name).stem
    warnings = [warning] if warning else []
    if hidden.strip():
        warnings.append("hidden text was left out")
    if built.full:
        warnings.append("the end was left out: too long")
    language = language_of(built.text)
    return Parsed(
        title=title[:TITLE_CHARS_MAX],
        text=built.text,
        meta={"language": language, "charset": used, "warnings": warnings},
        chunks=chunks_of(built.text, built.blocks, title=title[:TITLE_CHARS_MAX], language=language),
    )


def _add(built: TextBuilder, paragraph: str) -> None:
    """One paragraph; a heading in it is a line that begins with the mark and the level."""
    lines: list[str] = []
    for line in paragraph.split("\n"):
        if line.startswith(HEADING_MARK) and line[1:2].isdigit():
            built.add("\n".join(lines))
            lines = []
            built.add(line[2:], heading=int(line[1]))
        else:
            lines.append(line)
    built.add("\n".join(lines))
