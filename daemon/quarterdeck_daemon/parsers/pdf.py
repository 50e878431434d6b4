"""PDF: the text layer page by page. Encrypted and scanned ones say so; pictures are not read.

A page's text comes line by line as it was set. Lines are joined to paragraphs again, numbered lines become headings,
and what stands at the edge of most pages (running titles, page numbers) is left out.
"""

from __future__ import annotations

import io
import logging
import re
import struct
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePath
from time import monotonic
from typing import TYPE_CHECKING

from quarterdeck_daemon.core.orders import Parsed, ParseDocument

from .blocks import TextBuilder
from .chunks import chunks_of
from .decoding import clean
from .language import language_of
from .limits import PAGE_BYTES_MAX, PAGE_CHARS_MAX, PARSE_S_MAX, PDF_PAGES_MAX, TITLE_CHARS_MAX
from .plain import heading_level
from .refusal import Refused

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

MAGIC = b"%PDF-"
HEADER_BYTES = 1_024  # Within these the magic must stand.
EDGE_LINES = 2  # At the top and at the foot of a page.
EDGE_SHARE_MIN = 0.6
EDGE_PAGES_MIN = 4
PAGES_NAMED_MAX = 20
TAIL_CHARS = 4  # As much of a line's end as a hyphen needs.
# What the library is known to raise on damaged files, besides its own errors.
BROKEN = (
    ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OverflowError, AssertionError,
    ZeroDivisionError, NotImplementedError, struct.error, zlib.error, OSError, EOFError, RuntimeError,
)  # fmt: skip

_DIGITS = re.compile(r"\d+")
_HYPHEN_END = re.compile(r"[^\W\d_]{2}[-\u00ad]$")
_BULLET = re.compile(r"\s*(?:[•‣▪●◦–*-]|\(?[a-z0-9]{1,3}\)|\d{1,2}\.)\s+\S")
_ENDED = re.compile(r"[.!?:;…。！？][\"'”’»)\]]*$")


@dataclass
class _Pages:
    """What was read: text by page number, and what could not be."""

    texts: dict[int, str] = field(default_factory=dict)
    damaged: list[int] = field(default_factory=list)
    empty: list[int] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def parse_pdf(order: ParseDocument) -> Parsed:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # It reports every oddity of a file.
    if MAGIC not in order.data[:HEADER_BYTES]:
        raise Refused("malformed", "this is no PDF: it does not begin like one")
    try:
        reader = PdfReader(io.BytesIO(order.data), strict=False)
        _unlock(reader)
        count = len(reader.pages)
        title = _title(reader)
    except (PyPdfError, *BROKEN) as error:
        raise Refused("malformed", f"the PDF is damaged: {_words(error)}") from error
    pages = _read(reader, count, PyPdfError)
    return _parsed(order, pages, count, title)


def _unlock(reader: PdfReader) -> None:
    """Many PDFs are encrypted with an empty password, which only forbids printing."""
    if reader.is_encrypted and not reader.decrypt(""):
        raise Refused("encrypted", "the PDF is encrypted; save it without a password and remember it again")


def _title(reader: PdfReader) -> str:
    title = reader.metadata.title if reader.metadata else None
    return " ".join(clean(title).split())[:TITLE_CHARS_MAX] if isinstance(title, str) else ""


def _read(reader: PdfReader, count: int, broken: type[Exception]) -> _Pages:
    pages = _Pages()
    until = monotonic() + PARSE_S_MAX

    def check_time(*_: object) -> None:
        if monotonic() > until:
            raise _TooSlow

    for number in range(1, min(count, PDF_PAGES_MAX) + 1):
        try:
            check_time()
            text = _text_of(reader.pages[number - 1], check_time)
        except _TooSlow:
            pages.warnings.append(
                f"only the first {number - 1} of {count} pages were read: {PARSE_S_MAX:g} s were over"
            )
            return pages
        except (broken, *BROKEN):
            pages.damaged.append(number)
            continue
        if text.strip():
            pages.texts[number] = text
        else:
            pages.empty.append(number)
    if count > PDF_PAGES_MAX:
        pages.warnings.append(f"only the first {PDF_PAGES_MAX:,} of {count:,} pages were read")
    return pages


class _TooSlow(Exception):
    """The time of this document is over."""


def _text_of(page: PageObject, check_time: Callable[..., None]) -> str:
    """The text of a page. `check_time` is asked at every operation: a few kilobytes can hold a million of them."""
    contents = page.get_contents()
    if contents is not None and len(contents.get_data()) > PAGE_BYTES_MAX:
        raise ValueError(f"the page's drawing has more than {PAGE_BYTES_MAX:,} bytes")
    return clean(page.extract_text(visitor_operand_before=check_time))[:PAGE_CHARS_MAX]


def _parsed(order: ParseDocument, pages: _Pages, count: int, title: str) -> Parsed:
    if not pages.texts:
        if pages.warnings:
            raise Refused("too_slow", f"no page of {count} could be read within {PARSE_S_MAX:g} s")
        if pages.damaged and not pages.empty:
            raise Refused("malformed", f"none of the {count} pages can be read: the PDF is damaged")
        raise Refused(
            "no_text",
            f"{count} page(s) without a text layer: a scan, or only pictures. Run it through OCR"
            " (such as ocrmypdf) and remember the result",
        )
    built = TextBuilder()
    edges = _edges(pages.texts)
    for number, text in pages.texts.items():
        if not _add_page(built, number, _without_edges(text.split("\n"), edges)):
            pages.warnings.append(f"from page {number} on the text was left out: too long")
            break
    if pages.empty:
        pages.warnings.append(f"no text on page(s) {_named(pages.empty)}: scans or pictures")
    if pages.damaged:
        pages.warnings.append(f"damaged page(s) {_named(pages.damaged)} could not be read")
    title = title or PurePath(order.name).stem
    language = language_of(built.text)
    return Parsed(
        title=title,
        text=built.text,
        meta={"language": language, "warnings": pages.warnings, "pages": str(count)},
        chunks=chunks_of(built.text, built.blocks, title=title, language=language),
    )


def _add_page(built: TextBuilder, number: int, lines: list[str]) -> bool:
    place = ("p. ", str(number), str(number))
    for paragraph in _paragraphs(lines):
        level = heading_level(paragraph[0]) if len(paragraph) == 1 else 0
        if not built.add(_joined(paragraph), heading=level, place=place):
            return False
    return True


def _paragraphs(lines: list[str]) -> list[list[str]]:
    """Lines that belong together. A short line that ends a sentence ends its paragraph too."""
    width = max((len(line) for line in lines), default=0)
    found: list[list[str]] = [[]]
    for line in lines:
        if not line.strip():
            found.append([])
            continue
        if heading_level(line):
            found += [[line.strip()], []]
            continue
        if _BULLET.match(line) and found[-1]:
            found.append([])
        found[-1].append(line.strip())
        if len(line) < width * 3 // 4 and _ENDED.search(line.strip()):
            found.append([])
    return [paragraph for paragraph in found if paragraph]


def _joined(lines: list[str]) -> str:
    """One paragraph; a word that was divided at the end of a line is whole again."""
    parts = [lines[0]]
    for line in lines[1:]:
        if _HYPHEN_END.search(parts[-1][-TAIL_CHARS:]) and line[:1].islower():
            parts[-1] = parts[-1][:-1]
        else:
            parts.append(" ")
        parts.append(line)
    return "".join(parts)


def _edges(texts: dict[int, str]) -> frozenset[str]:
    """Lines at the top or foot of most pages, digits aside."""
    if len(texts) < EDGE_PAGES_MIN:
        return frozenset()
    met: Counter[str] = Counter()
    for text in texts.values():
        lines = [line for line in text.split("\n") if line.strip()]
        met.update({_shape(line) for line in (*lines[:EDGE_LINES], *lines[-EDGE_LINES:])})
    return frozenset(shape for shape, times in met.items() if times >= EDGE_SHARE_MIN * len(texts))


def _without_edges(lines: list[str], edges: frozenset[str]) -> list[str]:
    filled = [at for at, line in enumerate(lines) if line.strip()]
    suspects = {*filled[:EDGE_LINES], *filled[-EDGE_LINES:]}
    kept = [line for at, line in enumerate(lines) if at not in suspects or _shape(line) not in edges]
    return kept if any(map(str.strip, kept)) else lines  # A page of nothing else is no running title.


def _shape(line: str) -> str:
    return _DIGITS.sub("0", line.strip())


def _named(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:PAGES_NAMED_MAX]))
    return shown + (f" and {len(numbers) - PAGES_NAMED_MAX} more" if len(numbers) > PAGES_NAMED_MAX else "")


def _words(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
