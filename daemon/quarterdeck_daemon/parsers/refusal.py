"""Why a document cannot be read: a stable code for programs, a sentence with the next step for people."""

from __future__ import annotations

from typing import Literal

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import Parsed, ParseDocument

Reason = Literal[
    "empty", "unsupported", "too_large", "encrypted", "no_text", "malformed", "zip_bomb", "xml_entities", "too_deep",
    "too_slow",
]  # fmt: skip


class Refused(Exception):
    """Raised inside a parser; `table.parse` turns it into an answer without text."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def refusal(order: ParseDocument, error: Refused, meta: Plain | None = None) -> Parsed:
    """The answer for a document without text. `meta["unreadable"]` is the code."""
    return Parsed(title=order.name, text="", meta={**(meta or {}), "unreadable": error.reason}, unreadable=str(error))
