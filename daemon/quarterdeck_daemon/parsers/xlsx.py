"""Excel workbooks (.xlsx): each sheet as rows of text. Formulas give the value that was last computed; dates are ISO."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, islice
from pathlib import PurePath

from quarterdeck_daemon.core.orders import Parsed, ParseDocument

from .archive import Archive
from .blocks import TextBuilder
from .chunks import chunks_of
from .language import language_of
from .limits import CELL_CHARS_MAX, SHEETS_MAX, TABLE_COLUMNS_MAX, TABLE_ROWS_MAX, TITLE_CHARS_MAX
from .refusal import Refused
from .rows import HEAD_ROWS_MAX, add_rows, header_at, rendered
from .xml_reader import tags

WORKBOOK = "xl/workbook.xml"
STRINGS = "xl/sharedStrings.xml"
STYLES = "xl/styles.xml"
DATE_FORMATS = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))  # Built-in ones.
STRINGS_MAX = 1_000_000
NUMBER_DIGITS = 15  # What the program itself shows of a binary fraction.
_IN_QUOTES = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.|_.')
_DATE_LETTERS = re.compile(r"[dmyhs]", re.IGNORECASE)
_COLUMN = re.compile(r"[A-Z]{1,3}")


@dataclass
class _Workbook:
    """What the cells refer to."""

    sheets: list[tuple[str, str]]  # (name, member)
    epoch: datetime
    strings: list[str] = field(default_factory=list)
    dates: list[bool] = field(default_factory=list)  # By style: whether a number is a date.


def parse_xlsx(order: ParseDocument) -> Parsed:
    archive = Archive(order.data)
    book = _workbook(archive)
    title = (PurePath(order.name).stem or "Workbook")[:TITLE_CHARS_MAX]
    built = TextBuilder()
    warnings: list[str] = []
    rows = 0
    for name, member in book.sheets[:SHEETS_MAX]:
        data = archive.find(member)
        if data is None or built.full:
            warnings.append(f"sheet {name[:60]!r} was left out")
            continue
        kept, met = _add_sheet(built, name, _rows(data, book))
        rows += kept
        if kept < met:
            warnings.append(f"of sheet {name[:60]!r} only the first {kept:,} rows were kept")
    if len(book.sheets) > SHEETS_MAX:
        warnings.append(f"only the first {SHEETS_MAX} sheets were read")
    if not rows:
        raise Refused("empty", "the workbook has no filled cells")
    language = language_of(built.text)
    return Parsed(
        title=title,
        text=built.text,
        meta={
            "language": language, "warnings": warnings, "rows": str(rows),
            "sheets": [name for name, _ in book.sheets[:SHEETS_MAX]],
        },
        chunks=chunks_of(built.text, built.blocks, title=title, language=language),
    )  # fmt: skip


def _add_sheet(built: TextBuilder, name: str, rows: Iterator[tuple[int, list[str]]]) -> tuple[int, int]:
    """Return (rows kept, rows met)."""
    filled = ((number, row) for number, row in rows if rendered(row))
    first = list(islice(filled, HEAD_ROWS_MAX))
    if not first:
        return 0, 0
    built.add(name, heading=1)
    at = header_at([row for _, row in first])
    header = first[at][1] if at >= 0 else []
    for _, row in first[: max(at, 0)]:
        built.add(rendered(row), tight=True)
    met = 0

    def body() -> Iterator[tuple[int, list[str]]]:
        nonlocal met
        for numbered in chain(first[at + 1 :], filled):
            met += 1
            if met > TABLE_ROWS_MAX:
                return
            yield numbered

    return add_rows(built, body(), header=header), met


# --- what the cells refer to ----------------------------------------------------------------------


def _workbook(archive: Archive) -> _Workbook:
    data = archive.find(WORKBOOK)
    if data is None:
        raise Refused("malformed", f"there is no {WORKBOOK} inside; is it an Excel workbook?")
    members = _relations(archive.find("xl/_rels/workbook.xml.rels"))
    book = _Workbook([], datetime(1899, 12, 30))
    for tag in tags(data):
        if tag.kind == "start" and tag.name == "sheet":
            member = members.get(tag.values.get("id", ""), "")
            book.sheets.append((tag.values.get("name", ""), member))
        elif tag.kind == "start" and tag.name == "workbookPr" and tag.values.get("date1904", "0") in ("1", "true"):
            book.epoch = datetime(1904, 1, 1)
    book.strings = _strings(archive.find(STRINGS))
    book.dates = _date_styles(archive.find(STYLES))
    return book


def _relations(data: bytes | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag in tags(data) if data else ():
        if tag.kind == "start" and tag.name == "Relationship":
            target = tag.values.get("Target", "")
            inside = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
            found[tag.values.get("Id", "")] = inside
    return found


def _strings(data: bytes | None) -> list[str]:
    """The texts that cells share; readings above the characters (`rPh`) are left out."""
    found: list[str] = []
    words: list[str] = []
    reading = phonetic = False
    for tag in tags(data) if data else ():
        if tag.name == "rPh" and tag.kind != "text":
            phonetic = tag.kind == "start"
        elif tag.name == "t" and tag.kind != "text":
            reading = tag.kind == "start" and not phonetic
        elif tag.kind == "text" and reading:
            words.append(tag.text)
        elif tag.kind == "end" and tag.name == "si":
            found.append("".join(words)[:CELL_CHARS_MAX])
            words = []
            if len(found) > STRINGS_MAX:
                raise Refused("too_large", f"more than {STRINGS_MAX:,} different texts inside")
    return found


def _date_styles(data: bytes | None) -> list[bool]:
    custom: dict[str, bool] = {}
    styles: list[bool] = []
    inside = False
    for tag in tags(data) if data else ():
        if tag.kind == "start" and tag.name == "numFmt":
            code = _IN_QUOTES.sub("", tag.values.get("formatCode", ""))
            custom[tag.values.get("numFmtId", "")] = (
                bool(_DATE_LETTERS.search(code)) and "general" not in code.lower()
            )
        elif tag.name == "cellXfs" and tag.kind != "text":
            inside = tag.kind == "start"
        elif tag.kind == "start" and tag.name == "xf" and inside:
            id = tag.values.get("numFmtId", "0")
            styles.append(custom.get(id, id.isdigit() and int(id) in DATE_FORMATS))
    return styles


# --- cells ----------------------------------------------------------------------------------------


@dataclass
class _Cell:
    column: int
    kind: str
    style: int
    words: list[str] = field(default_factory=list)


def _rows(data: bytes, book: _Workbook) -> Iterator[tuple[int, list[str]]]:
    """Yield (row number, cells as text)."""
    number, row, reading = 0, [""] * 0, False
    cell = _Cell(0, "n", 0)
    for tag in tags(data):
        if tag.kind == "text":
            if reading:
                cell.words.append(tag.text)
        elif tag.name == "row":
            if tag.kind == "end":
                yield number, row
            else:
                number, row = _int(tag.values.get("r", ""), number + 1), []
        elif tag.name == "c" and tag.kind == "start":
            column = _column(tag.values.get("r", ""), len(row))
            cell = _Cell(column, tag.values.get("t", "n"), _int(tag.values.get("s", ""), 0))
        elif tag.name == "c" and cell.column < TABLE_COLUMNS_MAX:
            row += [""] * (cell.column - len(row))
            row[cell.column :] = [_value(cell, book)]
        elif tag.name in ("v", "t"):
            reading = tag.kind == "start"


def _int(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else default


def _column(reference: str, default: int) -> int:
    """0 for `A7`, 27 for `AB1`."""
    letters = _COLUMN.match(reference)
    if letters is None:
        return default
    column = 0
    for letter in letters[0]:
        column = column * 26 + ord(letter) - 64
    return column - 1


def _value(cell: _Cell, book: _Workbook) -> str:
    words = "".join(cell.words)
    show = _SHOWN.get(cell.kind)
    return show(words, book) if show else _number(words, cell.style, book)


def _shared(words: str, book: _Workbook) -> str:
    at = _int(words, -1)
    return book.strings[at] if 0 <= at < len(book.strings) else ""


def _as_it_is(words: str, _: _Workbook) -> str:
    return words


def _truth(words: str, _: _Workbook) -> str:
    return "yes" if words == "1" else "no"


_SHOWN: dict[str, Callable[[str, _Workbook], str]] = {
    "s": _shared,
    "str": _as_it_is,
    "inlineStr": _as_it_is,
    "d": _as_it_is,
    "e": _as_it_is,
    "b": _truth,
}


def _number(words: str, style: int, book: _Workbook) -> str:
    try:
        number = float(words)
    except ValueError:
        return words
    if 0 <= style < len(book.dates) and book.dates[style]:
        return _date(number, book.epoch)
    return format(number, f".{NUMBER_DIGITS}g") if "e" not in words.lower() and "." in words else words


def _date(days: float, epoch: datetime) -> str:
    """ISO; a whole number is a day, less than one a time of day."""
    try:
        when = epoch + timedelta(seconds=round(days * 86_400))
    except (OverflowError, ValueError):  # Beyond the calendar, or no number.
        return f"{days:g}"
    if 0 <= days < 1:
        return when.time().isoformat()
    return when.date().isoformat() if days == int(days) else when.isoformat(sep=" ")
