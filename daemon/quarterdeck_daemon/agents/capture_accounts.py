"""Account numbers in a text, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from quarterdeck_daemon.core.forms import IBAN_LENGTHS, is_iban
from quarterdeck_daemon.core.orders import Finding

from .people import FREE_MAIL
from .sightings import Sighting

IBANS_MAX = 10
CUE_CHARS = 50
HOLDER_CHARS = 200
GAPS = " \u00a0\u202f-"
_START = re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?=[ \u00a0\u202f-]?[A-Z0-9])")

_YOURS = re.compile(
    r"\b(?:your|ihr(?:em|es|en)?|dein(?:em)?|votre|ditt|er[at]?|su|tu)\s+[\w-]*(?:account|konto|compte|cuenta)\w*",
    re.I,
)
_HOLDER = re.compile(
    r"(?:account holder|account name|beneficiary|payee|kontoinhaber(?:in)?|empfänger|titulaire|bénéficiaire|kontohavare|mottagare"
    r"|titular|beneficiario)\s*[:=]?\s*(?P<name>[^\n,;|]{3,80})",
    re.IGNORECASE,
)


def ibans_in(text: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield (account number without gaps, its place) for each that is one, check digits and all."""
    for found, match in enumerate(_START.finditer(text)):
        if found == IBANS_MAX * 10:
            return
        whole = _gathered(text, match.start(), IBAN_LENGTHS.get(match[0][:2], 0))
        if whole is not None:
            yield whole


def _gathered(text: str, start: int, length: int) -> tuple[str, tuple[int, int]] | None:
    """Collect `length` signs from `start`, over single gaps. What follows directly must be no further sign."""
    signs, at = "", start
    while at < len(text) and len(signs) < length:
        char = text[at]
        if char.isascii() and (char.isdigit() or char.isupper()):
            signs += char
        elif char not in GAPS or text[at - 1] in GAPS:
            return None
        at += 1
    ends = at >= len(text) or not text[at].isalnum()
    return (signs, (start, at)) if len(signs) == length > 0 and ends and is_iban(signs) else None


def accounts(seen: Sighting) -> Iterator[Finding]:
    """One finding for each account: of its holder if the text names one, else of the sender, else of who is near."""
    for count, (iban, span) in enumerate(ibans_in(seen.text)):
        if count == IBANS_MAX:
            return
        before = seen.text[max(0, span[0] - CUE_CHARS) : span[0]]
        if seen.mail is not None and _YOURS.search(before):
            continue  # The reader's own account, as banks write it.
        holder = _HOLDER.search(seen.text, max(0, span[0] - HOLDER_CHARS), span[1] + HOLDER_CHARS)
        named = (holder["name"].strip(" .,;"),) if holder else ()
        title = (seen.source.title,) if seen.source.title else ()
        mentions = (*named, *seen.sender, *seen.names_near(*span), *title)
        name = (*named, seen.company, seen.person.name if seen.person is not None else "")
        called = next(filter(None, name), "")
        value: dict[str, object] = {"name": called, "iban": iban}
        key = called or _domain(seen) or iban
        yield seen.finding("organisation", key, value, {"iban": span}, party=True, mentions=mentions)


def _domain(seen: Sighting) -> str:
    address = seen.person.address if seen.person is not None else ""
    label = address.partition("@")[2].split(".")[0]
    return "" if label in FREE_MAIL else label
