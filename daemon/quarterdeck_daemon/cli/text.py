"""Text from outside, made safe to print: nothing in it can move the cursor, recolour, hide or reorder.

Mail, model output and file names are shown on a terminal by people who then decide on them. An escape
sequence could redraw that line, a bidi override could swap two addresses. Both are printed as visible
escapes, on a terminal and in a pipe alike.
"""

from __future__ import annotations

import re
import unicodedata

# Control, format (bidi, zero width, tags), private, surrogate and unassigned characters; line and paragraph separators.
_HIDDEN = frozenset(("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))
# Line ends and the like; and rows of blanks long enough to push text out of sight. Two blanks are how we lay out.
_BLANKS = re.compile(r"\s*[^\S ]\s*| {3,}")
_PLAIN = re.compile(r"[ -~]*\Z")


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def block(text: str) -> str:
    """Return text of many lines: line ends and tabs stay, all else that is not visible becomes an escape."""
    text = text.replace("\r\n", "\n")
    return "".join(one if one in "\n\t" or unicodedata.category(one) not in _HIDDEN else _escape(one) for one in text)


def line(text: str) -> str:
    """Return text as one line: line ends, tabs and long gaps become one blank, hidden characters become escapes."""
    if not (_PLAIN.match(text) and "   " not in text):
        text = block(_BLANKS.sub(" ", text))
    return text.rstrip()


def plural(word: str) -> str:
    """Return the plural of a word of ours: `files`, `summaries`; the last word of several changes."""
    return f"{word[:-1]}ies" if word.endswith("y") and word[-2:-1] not in "aeiou" else f"{word}s"


def counted(count: int, word: str) -> str:
    """Return `1 record`, `0 records`, `1,200 memories`."""
    return f"{count:,} {word if count == 1 else plural(word)}"


def width(text: str) -> int:
    """Return the number of terminal columns of a safe line."""
    if text.isascii():
        return len(text)
    return sum(_columns(one) for one in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def cut(text: str, columns: int) -> str:
    """Return the line, shortened to `columns` with an ellipsis at the end when it is longer."""
    if width(text) <= columns:
        return text
    kept, used = [], 0
    for one in text:
        used += _columns(one)
        if used > columns - 1:
            break
        kept.append(one)
    return "".join(kept) + "…"


def pad(text: str, columns: int) -> str:
    """Return the line with blanks up to `columns`."""
    return text + " " * max(0, columns - width(text))
