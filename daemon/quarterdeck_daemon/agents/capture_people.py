"""Who wrote, or is written about, and how to reach them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from quarterdeck_daemon.core.forms import is_phone
from quarterdeck_daemon.core.orders import Finding

from .capture_accounts import ibans_in
from .people import FREE_MAIL
from .sightings import Sighting, slug

PEOPLE_MAX = 10  # Of one text.
# Words that stand in capitals before a name, at the beginning of a sentence, and are none.
OPENERS = frozenset(
    [
        *(
            "met",
            "meet",
            "call",
            "called",
            "ask",
            "asked",
            "spoke",
            "hi",
            "hello",
            "dear",
            "from",
            "contact",
            "new",
            "mail",
        ),
        *(
            "email",
            "e-mail",
            "write",
            "wrote",
            "see",
            "saw",
            "our",
            "my",
            "the",
            "with",
            "to",
            "for",
            "by",
            "cc",
            "via",
            "re",
        ),
        *(
            "liebe",
            "lieber",
            "hallo",
            "von",
            "mit",
            "an",
            "kontakt",
            "neue",
            "neuer",
            "neuen",
            "herr",
            "herrn",
            "frau",
            "bei",
        ),
        *(
            "bonjour",
            "cher",
            "chère",
            "avec",
            "de",
            "hej",
            "med",
            "från",
            "hola",
            "con",
            "para",
            "mr",
            "mrs",
            "ms",
            "mme",
        ),
    ]
)
LINES_BELOW = 3  # How far under somebody's address the number stands.
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}", re.ASCII)
_PHONE = re.compile(
    r"(?:(?<!\w)(?:tel\w*|phone|fon|mobil\w*|mob|cell|t|m|tfn)\b[.:]?\s*)?((?:\+|00)\d[\d ()/.\-\u00a0]{6,20}\d)"
    r"|(?<!\w)(?:tel\w*|phone|fon|mobil\w*|mob|cell|tfn)\b[.:]?\s*(\(?0[\d ()/.\-\u00a0]{5,18}\d)",
    re.IGNORECASE,
)
_NAME = re.compile(r"[A-ZÀ-Þ][\w'’-]+(?: (?:de|van|von|der|den|di|la|le|af|[A-ZÀ-Þ][\w'’.-]*)){0,3} [A-ZÀ-Þ][\w'’-]+")
_ROLE_ADDRESSES = re.compile(
    r"(?:no-?reply|info|office|hello|hallo|kontakt|contact|mail|service|support|billing|invoices?)@", re.I
)


def people(seen: Sighting) -> Iterator[Finding]:
    """The writer of a mail; in any other text everybody who is named beside an address."""
    if seen.mail is None:
        yield from _named(seen)
        return
    person = seen.person
    if person is None or " " not in person.name or not person.address or _ROLE_ADDRESSES.match(person.address):
        return
    spans: dict[str, tuple[int, int]] = {}
    value: dict[str, object] = {"name": person.name, "email": person.address}
    at = seen.text.find(person.name)
    spans["name"] = (at, at + len(person.name)) if at >= 0 else (0, 0)
    phone = _phone_in(seen.text, max(at, 0))
    if phone is not None:
        value["phone"], spans["phone"] = phone
    if seen.company:
        value["organisation"] = slug(seen.company)
        yield from _company(seen)
    spans = {field: span for field, span in spans.items() if span[1]} or {"email": (0, min(len(seen.text), 80))}
    beside = seen.sender[1:3]
    yield seen.finding("contact", person.name, value, spans, party=True, mentions=(person.address,), beside=beside)


def _company(seen: Sighting) -> Iterator[Finding]:
    assert seen.person is not None, "a company is that of somebody who wrote"
    domain = seen.person.address.partition("@")[2]
    at = seen.text.find(seen.company)
    span = (at, at + len(seen.company)) if at >= 0 else (0, min(len(seen.text), 80))
    own = domain.split(".")[-2] not in FREE_MAIL if "." in domain else False
    value: dict[str, object] = {"name": seen.company, "domain": domain if own else ""}
    mentions = tuple(filter(None, (domain if own else "", seen.company)))
    yield seen.finding("organisation", seen.company, value, {"name": span}, party=True, mentions=mentions)


def _named(seen: Sighting) -> Iterator[Finding]:
    """`Ines Verhoeven, ines@northwind.test, +31 20 1234567`, on one line or on lines below each other."""
    for count, match in enumerate(_ADDRESS.finditer(seen.text)):
        if count == PEOPLE_MAX:
            return
        before = seen.text[max(0, match.start() - 120) : match.start()]
        names = list(_NAME.finditer(before.rpartition("\n\n")[2]))
        if not names:
            continue
        name, address = _without_opener(names[-1][0]), match[0].rstrip(".-").lower()
        if " " not in name:
            continue
        at = seen.text.rfind(name, 0, match.start())
        value: dict[str, object] = {"name": name, "email": address}
        spans = {"name": (at, at + len(name)), "email": match.span()}
        below = "\n".join(seen.text[match.end() :].split("\n")[:LINES_BELOW])
        phone = _phone_in(below.split("@")[0], 0)
        if phone is not None:
            value["phone"], (start, end) = phone
            spans["phone"] = (start + match.end(), end + match.end())
        domain = (address.partition("@")[2],)
        yield seen.finding("contact", name, value, spans, party=True, mentions=(address,), beside=domain)


def _without_opener(name: str) -> str:
    first, _, rest = name.partition(" ")
    return _without_opener(rest) if rest and first.lower() in OPENERS else name


def _phone_in(text: str, start: int) -> tuple[str, tuple[int, int]] | None:
    for _, (begin, end) in ibans_in(text):
        text = text[:begin] + "#" * (end - begin) + text[end:]  # Its groups of digits are no number to call.
    for match in _PHONE.finditer(text, start):
        group = 1 if match[1] else 2
        number = " ".join(match[group].replace("\u00a0", " ").split())
        if is_phone(number):
            return number, match.span(group)
    return None
