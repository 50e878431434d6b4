"""Tables as text: comma, semicolon, tab or bar between the values."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterator
from pathlib import PurePath

from quarterdeck_daemon.core.orders import Parsed, ParseDocument

from .blocks import TextBuilder
from .chunks import chunks_of
from .decoding import decoded
from .language import language_of
from .limits import DOCUMENT_BYTES_MAX, TABLE_ROWS_MAX, TITLE_CHARS_MAX
from .refusal import Refused
from .rows import HEAD_ROWS_MAX, Row, add_rows, header_at, rendered

DELIMITERS = ",;\t|"
SAMPLE_CHARS = 64 * 1024
SAMPLE_ROWS = 50

csv.field_size_limit(DOCUMENT_BYTES_MAX)  # The document's own limit holds; the library's is for its own safety.


def parse_separated(order: ParseDocument) -> Parsed:
    """Values stay text as they stand. The header is the first row that looks like names."""
    raw, charset, warning = decoded(order.data.replace(b"\0", b""), "")
    raw = raw.removeprefix("\ufeff")
    if not raw.strip():
        raise Refused("empty", "the table has no rows")
    delimiter = _delimiter(raw[:SAMPLE_CHARS])
    title = (PurePath(order.name).stem or "Table")[:TITLE_CHARS_MAX]
    built = TextBuilder()
    warnings = [warning] if warning else []
    try:
        columns, kept, all_of_it = _fill(built, csv.reader(io.StringIO(raw, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise Refused("malformed", f"the table cannot be read: {error}") from error
    if not all_of_it:
        warnings.append(f"only the first {kept:,} rows were kept")
    if not built.blocks:
        raise Refused("empty", "the table has no rows")
    language = language_of(built.text)
    return Parsed(
        title=title,
        text=built.text,
        meta={
            "language": language, "charset": charset, "warnings": warnings, "columns": columns, "rows": str(kept),
        },
        chunks=chunks_of(built.text, built.blocks, title=title, language=language),
    )  # fmt: skip


def _fill(built: TextBuilder, reader: Iterator[Row]) -> tuple[list[str], int, bool]:
    """Return (names of the columns, rows kept, whether these are all)."""
    numbered = enumerate(itertools.islice(reader, TABLE_ROWS_MAX + 1), 1)
    first = list(itertools.islice(numbered, max(SAMPLE_ROWS, HEAD_ROWS_MAX)))
    at = header_at([row for _, row in first])
    header = first[at][1] if at >= 0 else ()
    for _, row in first[: max(at, 0)]:
        built.add(rendered(row), tight=True)
    met = 0

    def body() -> Iterator[tuple[int, Row]]:
        nonlocal met
        for number, row in itertools.chain(first[at + 1 :], numbered):
            if number > TABLE_ROWS_MAX:
                met += 1
                return
            if rendered(row):
                met += 1
                yield number, row

    kept = add_rows(built, body(), header=header)
    return [name.strip() for name in header if name.strip()], kept, kept == met


def _delimiter(sample: str) -> str:
    """The one by which most lines fall into the same number of columns."""
    best, best_score = ",", 0.0
    for delimiter in DELIMITERS:
        try:
            reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
            widths = [len(row) for row in itertools.islice(reader, SAMPLE_ROWS) if row]
        except csv.Error:
            continue
        usual = max(set(widths), key=widths.count, default=1)
        score = widths.count(usual) / len(widths) * min(usual - 1, 20) if widths else 0.0
        if score > best_score:
            best, best_score = delimiter, score
    return best
