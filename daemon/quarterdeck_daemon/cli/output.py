"""What stands on stdout and stderr: safe lines, tables, JSON. The only file that writes.

Promises text of others passes `text.py` before it is printed; `--json` prints one object and nothing else,
in ASCII, so that hidden characters are escapes there as well.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TextIO

from .text import block, cut, line, pad, width
from .times import iso_of

COLUMNS_MIN = 60
STYLES = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2", "cyan": "36"}
TONES = {
    "high": "red", "medium": "yellow", "low": "green", "failed": "red", "succeeded": "green", "running": "cyan",
    "stopped": "red", "fail": "red", "warn": "yellow", "ok": "green", "unknown": "yellow", "held": "yellow",
}  # fmt: skip


def wants_colour(choice: str, stream: TextIO) -> bool:
    """Return whether to colour: the flag wins, then NO_COLOR, FORCE_COLOR, a dumb terminal, a pipe."""
    if choice != "auto":
        return choice == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR") or os.environ.get("CLICOLOR_FORCE", "0") != "0":
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return str(value)


def with_times(value: object) -> object:
    """Return the value with every `…_us` moment given a readable twin: `at_us` -> also `at`, ISO in UTC."""
    if isinstance(value, Mapping):
        shown = {str(name): with_times(inner) for name, inner in value.items()}
        for name, inner in value.items():
            twin = str(name).removesuffix("_us")
            is_moment = twin in _MOMENTS and isinstance(inner, int) and str(name).endswith("_us")
            if is_moment and twin not in shown:
                shown[twin] = iso_of(inner)
        return shown
    if isinstance(value, list | tuple):
        return [with_times(inner) for inner in value]
    return value


_MOMENTS = frozenset(("at", "ended", "started", "release", "expires", "snoozed_until", "until", "began", "updated"))


def to_json(value: object, *, indent: int | None = 2) -> str:
    return json.dumps(with_times(value), indent=indent, default=_plain, allow_nan=False)


class Printer:
    """Writes answers to stdout and talk to stderr."""

    def __init__(self) -> None:
        self.json = False
        self.quiet = False
        self.color = "auto"

    def paint(self, text: str, style: str) -> str:
        """Return a safe text in a style, when stdout is coloured."""
        if not style or not wants_colour(self.color, sys.stdout):
            return text
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m"

    def say(self, text: str = "") -> None:
        """Print data: text that is already safe (made with `line`, `block`, `paint`)."""
        sys.stdout.write(text + "\n")

    def talk(self, text: str) -> None:
        """Print talk to stderr, unless quiet or in JSON."""
        if not (self.quiet or self.json):
            sys.stderr.write(block(text) + "\n")

    def show(self, value: object, lines: Iterable[str]) -> None:
        """Print an answer: as JSON when asked for, else the lines."""
        if self.json:
            self.say(to_json(value))
            return
        for one in lines:
            self.say(one)

    def stream(self, value: object, text: str) -> None:
        """Print one entry of a stream: a JSON line or a line of text, at once."""
        self.say(to_json(value, indent=None) if self.json else text)
        sys.stdout.flush()

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
        """Yield aligned lines. On a terminal the last column is cut to fit; in a pipe nothing is."""
        cells = [[line(str(cell)) for cell in row] for row in rows]
        widths = [max(width(row[at]) for row in (headers, *cells)) for at in range(len(headers))]
        room = self.columns() - sum(widths[:-1]) - 2 * (len(widths) - 1)
        heading = "  ".join(pad(name, widths[at]) for at, name in enumerate(headers)).rstrip()
        yield self.paint(heading, "dim")
        for row in cells:
            yield self._row(row, widths, room)

    def _row(self, row: list[str], widths: list[int], room: int) -> str:
        *first, last = row
        shown = [self.paint(pad(cell, widths[at]), TONES.get(cell, "")) for at, cell in enumerate(first)]
        last = cut(last, max(room, 20)) if room > 0 else last
        return "  ".join((*shown, self.paint(last, TONES.get(last, "")))).rstrip()

    def columns(self) -> int:
        """Return the width to lay out for; 0 (no cutting) when stdout is not a terminal."""
        if not sys.stdout.isatty():
            return 0
        return max(COLUMNS_MIN, shutil.get_terminal_size().columns)
