"""Text from outside on its way into something we send or show: reduced to one harmless line."""

from __future__ import annotations

import re
import unicodedata

LINE_CHARS_MAX = 200

_LINK = re.compile(
    r"(?:https?|ftp|mailto|javascript|data):\S+|www\.\S+|\S+@\S+|\b[\w-]+(?:\.[\w-]+)+/\S*", re.IGNORECASE
)
_HOST = re.compile(r"\b(?:[a-z0-9-]+\.)+(?:[a-z]{2,24})\b", re.IGNORECASE)
_KEPT = frozenset("\u200c\u200d")  # Joiners: Persian and Indic scripts need them.


def one_line(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """Without control, format and direction characters, blanks folded, at most `chars_max` characters."""
    shown = "".join(character if _harmless(character) else " " for character in text[: 20 * chars_max])
    line = " ".join(shown.split())
    return line if len(line) <= chars_max else line[: chars_max - 1].rstrip() + "…"


def without_addresses(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """As one_line, and without links, host names and mail addresses, so that none of theirs travels in our mail."""
    line = one_line(text, 4 * chars_max)
    return one_line(_HOST.sub("", _LINK.sub("", line)), chars_max).strip(" ,;:-–")


def _harmless(character: str) -> bool:
    return character in _KEPT or unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
