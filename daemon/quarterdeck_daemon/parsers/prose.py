"""Markdown and plain text: the text itself, its title, and chunks along headings and paragraphs."""

from __future__ import annotations

from pathlib import PurePath

from quarterdeck_daemon.core.orders import Parsed, ParseDocument

from .chunks import chunks_of, first_heading
from .decoding import clean, decoded
from .language import language_of
from .limits import TEXT_CHARS_MAX, TITLE_CHARS_MAX


def parse_markdown(order: ParseDocument) -> Parsed:
    return _parsed(order, headings=True)


def parse_plain(order: ParseDocument) -> Parsed:
    return _parsed(order, headings=False)


def _parsed(order: ParseDocument, *, headings: bool) -> Parsed:
    raw, charset, warning = decoded(order.data, "")
    text = clean(raw)
    warnings = [warning] if warning else []
    if len(text) > TEXT_CHARS_MAX:
        text = text[:TEXT_CHARS_MAX]
        warnings.append(f"only the first {TEXT_CHARS_MAX} characters were kept")
    title = (first_heading(text) if headings else "") or PurePath(order.name).stem or _first_line(text)
    return Parsed(
        title=title,
        text=text,
        meta={"language": language_of(text), "charset": charset, "warnings": warnings},
        chunks=chunks_of(text, title=title, headings=headings),
        unreadable="" if text.strip() else "the file has no text",
    )


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0].strip()[:TITLE_CHARS_MAX]
