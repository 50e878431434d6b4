"""Bytes to text when the declared character set may be missing, unknown or a lie."""

from __future__ import annotations

import codecs
import re
import unicodedata

# Known to Python as text encodings, but slow, or not what a sender can mean.
REFUSED = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf_7"})
LATIN = frozenset({"iso8859-1", "latin_1", "cp1252", "ascii"})

BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def decoded(data: bytes, declared: str) -> tuple[str, str, str]:
    """Return (text, charset used, warning or ""). UTF-8 wins over a Latin label when the bytes fit it."""
    if data.startswith(BYTE_ORDER_MARKS):
        declared = "utf-16"
    name = _codec(declared)
    order = ["utf-8", "cp1252"] if name in LATIN or not name else [name, "utf-8", "cp1252"]
    for candidate in order:
        text = _try(data, candidate)
        if text is not None:
            return text, candidate, _remark(declared, name, candidate)
    return data.decode("latin-1"), "latin-1", f"text is not in {declared or 'any known character set'}"


def clean(text: str) -> str:
    """Normalise line ends, drop control characters and blanks at line ends; at most two empty lines in a row."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    text = "\n".join(line.rstrip() for line in _CONTROL.sub("", text).split("\n"))
    return unicodedata.normalize("NFC", re.sub(r"\n{4,}", "\n\n\n", text)).strip("\n")


def _codec(declared: str) -> str:
    try:
        name = codecs.lookup(declared.strip().strip("'\"")[:40]).name
    except (LookupError, UnicodeError, ValueError):
        return ""
    return "" if name.replace("-", "_") in REFUSED else name


def _try(data: bytes, codec: str) -> str | None:
    try:
        return data.decode(codec)
    except (UnicodeError, LookupError, ValueError):
        return None


def _remark(declared: str, name: str, used: str) -> str:
    if declared and not name:
        return f"unknown character set {declared[:40]!r}, read as {used}"
    if name and name not in LATIN and used != name:
        return f"text is not {declared[:40]}, read as {used}"
    return ""
