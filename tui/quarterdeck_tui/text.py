"""Text from outside, made safe to draw; and text measured in terminal cells.

Owns     which characters may reach the terminal as they are.
Promises what `visible` returns has no control, no direction change and nothing invisible: each such
         character stands there as its escape (`\\x1b`, `\\u202e`), so the eye sees what a program would.
Leaves   markup to nobody: strings are drawn as plain text, never parsed.
"""

from __future__ import annotations

import unicodedata

from rich.cells import cell_len, chop_cells, set_cell_size

CUT = "~"
TAB = "    "
MARKS_IN_A_ROW_MAX = 3  # Accents stacked on one letter; more of them paint over other lines.

# Letters by category that draw as nothing at all and can hide words from the reader.
BLANK_LETTERS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
HIDDEN_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def is_hidden(char: str) -> bool:
    """Whether a terminal would draw nothing for `char`, or do something instead of drawing."""
    if " " <= char <= "~":
        return False
    code = ord(char)
    selector = 0xFE00 <= code <= 0xFE0F or 0xE0100 <= code <= 0xE01EF
    return selector or char in BLANK_LETTERS or unicodedata.category(char) in HIDDEN_CATEGORIES


def escape(char: str) -> str:
    """Return the visible name of one character: `\\x1b`, `\\u202e`, `\\U000e0041`."""
    code = ord(char)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def visible(text: str) -> str:
    """Return `text` as one line in which every hidden character is written out."""
    return "".join(_shown(text, {"\n": "\\n", "\r": "\\r", "\t": "\\t"}))


def visible_lines(text: str) -> list[str]:
    """Return the lines of `text`, each safe to draw. Line ends of any kind split, tabs become blanks."""
    plain = text.replace("\r\n", "\n").replace("\t", TAB)
    return ["".join(_shown(line, {})) for line in plain.split("\n")]


def without_hidden(text: str) -> tuple[str, int]:
    """Return `text` with its hidden characters taken out, and how many they were. Line ends and tabs stay."""
    plain = text.replace("\r\n", "\n")
    kept = [char for char in plain if char in "\n\t" or not is_hidden(char)]
    return "".join(kept), len(plain) - len(kept)


def _shown(text: str, names: dict[str, str]) -> list[str]:
    shown: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if char == "\xa0":
            shown.append(" ")
        elif is_hidden(char) or marks > MARKS_IN_A_ROW_MAX:
            shown.append(names.get(char) or escape(char))
        else:
            shown.append(char)
    return shown


def cut(text: str, width: int) -> str:
    """Return `text` in at most `width` cells; `~` at the end says that something is missing."""
    if width <= 0:
        return ""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1).rstrip() + CUT


def fit(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells, cut or filled with blanks."""
    return set_cell_size(cut(text, width), max(width, 0))


def fit_right(text: str, width: int) -> str:
    """Return `text` in exactly `width` cells, pushed to the right."""
    short = cut(text, width)
    return " " * (width - cell_len(short)) + short


def wrap(text: str, width: int) -> list[str]:
    """Break one line at blanks into lines of at most `width` cells; a longer word is broken anywhere."""
    width = max(width, 1)
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        candidate = f"{line} {word}" if line else word
        if cell_len(candidate) <= width:
            line = candidate
            continue
        if line:
            lines.append(line)
        *whole, line = chop_cells(word, width) or [""]
        lines.extend(whole)
    return [*lines, line]
