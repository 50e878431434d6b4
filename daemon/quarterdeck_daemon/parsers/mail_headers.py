"""Single headers of a mail as plain strings, whatever is in them.

The standard library's structured parser understands encoded words inside addresses, but it is slow on
long input and raises odd errors on broken input. So it gets one capped header at a time, and when it
fails the raw text is used and the damage is reported.
"""

from __future__ import annotations

import email.policy
import re
from email.header import decode_header
from email.utils import getaddresses, parsedate_to_datetime

from .decoding import decoded
from .limits import ADDRESSES_MAX, HEADER_VALUE_CHARS_MAX, REFERENCES_MAX
from .mail_raw import Part

STRUCTURED_CHARS_MAX = 4_000
ENCODED_WORDS_MAX = 60  # In one header; more is a bomb, not a name.

# What the library is known to raise on malformed headers, besides its own MessageError.
BROKEN = (ValueError, IndexError, KeyError, AttributeError, TypeError, LookupError, AssertionError, RecursionError)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]+")
_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_ADDRESS = re.compile(r"[^@\s<>\"(),;:]{1,64}@[^@\s<>\"(),;:]{1,253}")


class Headers:
    """Reads the headers of one message; `damage` collects what could not be read."""

    def __init__(self, message: Part) -> None:
        self._raw: dict[str, list[str]] = {}
        for name, value in message.raw_items():
            self._raw.setdefault(name.lower(), []).append(_readable(str(value)))
        self.damage: list[str] = []

    def __contains__(self, name: str) -> bool:
        return name in self._raw

    def count(self, name: str) -> int:
        return len(self._raw.get(name, ()))

    def raw(self, name: str) -> str:
        """The first header of this (lower-case) name, unfolded, not decoded; "" without one."""
        return one_line(self._raw.get(name, [""])[0])

    def text(self, name: str) -> str:
        """Decoded text of an unstructured header, at most HEADER_VALUE_CHARS_MAX characters."""
        raw = self.raw(name)
        if "=?" not in raw:
            return raw[:HEADER_VALUE_CHARS_MAX]
        return one_line(self._decoded(name, raw))[:HEADER_VALUE_CHARS_MAX]

    def addresses(self, name: str) -> list[tuple[str, str]]:
        """(name, address) pairs in order; the address lower-case. Broken ones are left out."""
        raw = self.raw(name)[:STRUCTURED_CHARS_MAX]
        if not raw:
            return []
        try:
            pairs = _structured(raw) if raw.count("=?") <= ENCODED_WORDS_MAX else []
        except BROKEN:
            self.damage.append(f"header {name} is damaged")
            pairs = []
        pairs = [pair for pair in pairs if _ADDRESS.fullmatch(pair[1])] or self._plain_addresses(name, raw)
        return [(one_line(who)[:200], address.lower()) for who, address in pairs[:ADDRESSES_MAX]]

    def _plain_addresses(self, name: str, raw: str) -> list[tuple[str, str]]:
        pairs = [(who, where) for who, where in getaddresses([raw]) if _ADDRESS.fullmatch(where)]
        if not pairs:
            pairs = [(raw[: match.start()].strip(' "<'), match[0]) for match in _ADDRESS.finditer(raw)][:1]
        return [(self._decoded(name, who) if "=?" in who else who, where) for who, where in pairs]

    def date(self) -> str:
        """ISO time with its offset, or "" when there is none that makes sense."""
        raw = self.raw("date")[:100]
        if not raw:
            return ""
        try:
            return parsedate_to_datetime(raw).isoformat()
        except (*BROKEN, OverflowError):
            self.damage.append("header date is damaged")
            return ""

    def message_ids(self, name: str) -> list[str]:
        return _MESSAGE_ID.findall(self.raw(name)[: 300 * REFERENCES_MAX])[-REFERENCES_MAX:]

    def _decoded(self, name: str, raw: str) -> str:
        if raw.count("=?") > ENCODED_WORDS_MAX:
            self.damage.append(f"header {name} has too many encoded words")
            return raw
        try:
            words = decode_header(raw[:STRUCTURED_CHARS_MAX])
        except BROKEN:
            self.damage.append(f"header {name} is damaged")
            return raw
        return "".join(
            word if isinstance(word, str) else decoded(word, charset or "ascii")[0] for word, charset in words
        )


def _structured(raw: str) -> list[tuple[str, str]]:
    # Always read like To: the library has no structured reading for Delivered-To and its like.
    header = email.policy.default.header_fetch_parse("to", raw)
    return [(one.display_name, one.addr_spec) for one in header.addresses]


def one_line(text: str) -> str:
    """Without control, zero-width and direction-changing characters; blanks folded."""
    return " ".join(_CONTROL.sub(" ", text).split())


def _readable(value: str) -> str:
    """Raw 8-bit headers come as surrogates; read their bytes as UTF-8 or Latin."""
    value = value[: 4 * STRUCTURED_CHARS_MAX]
    if not any("\ud800" <= character <= "\udfff" for character in value):
        return value
    return decoded(value.encode("utf-8", "surrogateescape"), "")[0]
