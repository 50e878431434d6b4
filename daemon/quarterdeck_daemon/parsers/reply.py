"""The newest part of a mail, apart from the signature below it and the history it quotes.

The library knows how mail programs of thirteen languages mark these. It changes the text while it works, so
only the first lines of what it found are used, and looked up again in the unchanged text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailparser_reply import EmailMessage

from .limits import REPLY_CHARS_MAX, REPLY_LINE_CHARS_MAX

LANGUAGES = ["en", "de", "fr", "sv", "es", "nl", "it", "da", "pl", "cs"]
SIGNATURE_LINES_MAX = 14
SIGNATURE_CHARS_MAX = 900
CLOSING_CHARS_MAX = 48  # The first line of a signature is short; a longer one is a sentence.

_QUOTED = re.compile(r"^\s*>")
_DELIMITER = re.compile(r"^-- ?$")
# Closings the library does not know. Those of thanks stand alone in their line, since sentences begin so too.
REGARDS = (
    r"(?:kind|best|warm|warmest|many|with (?:kind|best|warm)) (?:regards|wishes)|regards|all the best|talk soon",
    r"sincerely|yours (?:sincerely|faithfully|truly)|cheers|best",
    r"(?:mit |viele |liebe |beste |herzliche |freundliche ){0,2}(?:freundlichen |besten |vielen )?"
    r"gr(?:ü|ue|u)(?:ß|ss)(?:en?)?|mfg|lg|vg",
    r"(?:bien )?cordialement|(?:bien |très )?amicalement|bien à (?:vous|toi)|(?:meilleures )?salutations",
    r"(?:med )?(?:vänliga?|bästa|varma) hälsn\w+|hälsningar|mvh|vänligen",
    r"(?:un )?(?:cordial |atento )?saludos?(?: cordial(?:es)?)?|atentamente",
    r"met vriendelijke groet(?:en)?|cordiali saluti|atenciosamente",
)
THANKS = (
    r"(?:many |kind |best )?thanks|thank you|danke(?: und gru(?:ß|ss))?|(?:vielen|besten) dank|merci(?: d'avance)?"
    r"|tack(?: på förhand)?|(?:muchas )?gracias(?: de antemano)?"
)
_CLOSING = re.compile(rf"(?:(?:{'|'.join(REGARDS)})(?: [\w'’]+){{0,4}}|{THANKS})\s*[,.!–-]*", re.IGNORECASE)


@dataclass(frozen=True)
class Split:
    """newest: without signature and quotes. history_at: character where the quoted history begins, or -1."""

    newest: str
    signature: str
    history_at: int


def split_reply(text: str) -> Split:
    lines = text.split("\n")
    header, signature = _found_by_library(text)
    quote_at = _first(lines, header, 0, len(lines)) if header else -1
    if quote_at < 0:
        quote_at = next((i for i, line in enumerate(lines) if _QUOTED.match(line)), len(lines))
    newest, history_at = lines[:quote_at], sum(len(line) + 1 for line in lines[:quote_at])
    if not "".join(newest).strip():  # The answer stands below what it quotes, or between.
        below = [line for line in lines[quote_at:] if line.strip() != header and not _QUOTED.match(line)]
        newest, history_at = (below, -1) if "".join(below).strip() else (lines, -1)
    if history_at >= len(text):
        history_at = -1
    body, below_it = _without_signature(newest, signature)
    return Split(newest=body, signature=below_it, history_at=history_at)


def _found_by_library(text: str) -> tuple[str, str]:
    """First line of the quoted history and of the signature, "" for none; blank-stripped."""
    if len(text) > REPLY_CHARS_MAX:
        return "", ""
    # Its expressions are cubic in the length of a line; the lines that matter to it are short.
    short = "\n".join(line[:REPLY_LINE_CHARS_MAX] for line in text.split("\n"))
    message = EmailMessage(text=short, languages=list(LANGUAGES), keep_hyphen_lists=True).read()
    quoted = [reply.headers for reply in message.replies if reply.headers]
    signature = message.replies[0].signatures or ""
    return _first_line(quoted[0]) if quoted else "", _first_line(signature)


def _first_line(text: str) -> str:
    return text.strip().split("\n", 1)[0].strip()


def _first(lines: list[str], wanted: str, begin: int, end: int) -> int:
    return next((i for i in range(begin, end) if lines[i].strip() == wanted), -1)


def _without_signature(lines: list[str], first_line: str) -> tuple[str, str]:
    cut = _signature_at(lines, first_line)
    return "\n".join(lines[:cut]).strip(), "\n".join(lines[cut:]).strip()


def _signature_at(lines: list[str], first_line: str) -> int:
    """Line where the signature begins: the last closing, or the delimiter, or what the library says."""
    delimiter = next((i for i, line in enumerate(lines) if _DELIMITER.match(line)), len(lines))
    closings = [i for i in range(delimiter) if _CLOSING.fullmatch(lines[i].strip()[: CLOSING_CHARS_MAX + 1])]
    candidates = [*closings[::-1], delimiter] if delimiter < len(lines) else closings[::-1]
    if first_line and len(first_line) <= CLOSING_CHARS_MAX:
        candidates += [i for i, line in enumerate(lines) if line.strip() == first_line]
    return next((i for i in candidates if _plausible(lines, i)), len(lines))


def _plausible(lines: list[str], at: int) -> bool:
    below = [line for line in lines[at:] if line.strip()]
    above = any(line.strip() for line in lines[:at])
    return above and len(below) <= SIGNATURE_LINES_MAX and sum(map(len, below)) <= SIGNATURE_CHARS_MAX
