"""Rows of a table to text: a few rows to a block, the header repeated above them, so that each stands for itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .blocks import TextBuilder
from .limits import CELL_CHARS_MAX, CHUNK_CHARS, TABLE_COLUMNS_MAX

Row = Sequence[str]
HEAD_ROWS_MAX = 15  # How far down a header is looked for: exports begin with a few lines about themselves.
SEPARATOR = " | "
NUMBER_CHARS = 64  # As much of a cell as tells whether it is a number.

_NUMBER = re.compile(r"[-+(]?[\d.,' ]*\d[\d.,' %€$£)]*|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*")
_BLANKS = re.compile(r"\s+")


def header_at(rows: Sequence[Row]) -> int:
    """The index of the header among the first rows, -1 when the table has none."""
    widths = [sum(bool(cell.strip()) for cell in row) for row in rows]
    usual = max(set(widths), key=lambda width: (widths.count(width), width), default=0)
    for at, row in enumerate(rows[:HEAD_ROWS_MAX]):
        filled = [cell.strip() for cell in row if cell.strip()]
        if len(filled) < max(usual - 1, 1) or not filled:
            continue
        names = len(filled) == len(set(filled)) and not any(_NUMBER.fullmatch(cell[:NUMBER_CHARS]) for cell in filled)
        return at if names and len(rows) > at + 1 else -1
    return -1


def add_rows(built: TextBuilder, rows: Iterable[tuple[int, Row]], *, header: Row = ()) -> int:
    """Add numbered rows in blocks of about a chunk; return how many fitted. Empty rows are left out."""
    head = rendered(header)
    kept = 0
    lines: list[str] = []
    first = last = size = 0
    for number, row in rows:
        line = rendered(row)
        if not line:
            continue
        if lines and size + len(line) > CHUNK_CHARS:
            if not _add(built, head, lines, first, last):
                return kept
            kept, lines, size = kept + len(lines), [], 0
        if not lines:
            first, size = number, len(head)
        lines.append(line)
        last = number
        size += len(line) + 1
    return kept + len(lines) if not lines or _add(built, head, lines, first, last) else kept


def _add(built: TextBuilder, head: str, lines: list[str], first: int, last: int) -> bool:
    words = "\n".join([head, *lines] if head else lines)
    what = "row " if first == last else "rows "
    return built.add(words, place=(what, str(first), str(last)), apart=True)


def rendered(row: Row) -> str:
    """The cells of a row in one line; "" for an empty one."""
    cells = [_BLANKS.sub(" ", cell[:CELL_CHARS_MAX]).strip() for cell in row[:TABLE_COLUMNS_MAX]]
    while cells and not cells[-1]:
        cells.pop()
    return SEPARATOR.join(cells) if any(cells) else ""
