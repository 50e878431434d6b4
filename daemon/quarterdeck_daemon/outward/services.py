"""What every client of a service needs: its key fit to send, its words fit to show, its wish for a pause in seconds."""

from __future__ import annotations

from quarterdeck_protocol.codes import QuarterdeckError

MESSAGE_CHARS_MAX = 200


def usable_key(key: str) -> str:
    """Return the key. Checked here because HTTP libraries would quote a bad one in their error."""
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        raise QuarterdeckError("bad_value", "the API key holds characters that no key has", hint="Store it again.")
    return key


def said(words: str, key: str) -> str:
    """The service's own words, cut, in one line, and without the key."""
    if key:
        words = words.replace(key, "(key)")
    return " ".join("".join(one if one.isprintable() else " " for one in words).split())[:MESSAGE_CHARS_MAX]


def seconds_after(retry_after: str | None) -> float:
    """`Retry-After` in seconds; 0 when it is left out, or a date."""
    return float(retry_after) if retry_after and retry_after.isdecimal() and len(retry_after) < 10 else 0.0
