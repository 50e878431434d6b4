"""A text as the capturing agents see it: what to read, in which language, whose it is; and how findings are made."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from quarterdeck_daemon.core.entities import Evidence, Plain
from quarterdeck_daemon.core.language import language_of
from quarterdeck_daemon.core.orders import Finding, SourceText
from quarterdeck_daemon.core.parties import mention_key

from .dates import start_of_day
from .outside_text import one_line
from .people import Person, company_of, sender_of
from .seen import Mail, Meta

TEXT_CHARS_MAX = 40_000
QUOTE_CHARS = 160
KEY_CHARS_MAX = 80
NEAR_CHARS = 400  # How far from a thing those stand whom it concerns.
SHORT_CHARS = 1_000
MENTIONS_MAX = 40
MAIL = "message/rfc822"
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "æ": "ae", "å": "a", "ł": "l"})
_CAPITALS = re.compile(r"\b[^\W\d_a-zà-þ][\w&'’.-]*(?:[ \t]+(?:&|[^\W\d_a-zà-þ][\w&'’.-]*)){0,4}")


@dataclass(frozen=True)
class Sighting:
    """text: what its writer says, without quoted history; `whole` and `offset` place it in the source's text."""

    source: SourceText
    text: str
    offset: int
    language: str
    now: datetime
    mail: Mail | None
    person: Person | None
    company: str
    own: frozenset[str]

    @property
    def sender(self) -> tuple[str, ...]:
        """By what the writer may be known: address, domain, company."""
        if self.person is None or not self.person.address:
            return ()
        address = self.person.address
        return tuple(filter(None, (address, address.partition("@")[2], self.company, self.person.name)))

    def finding(
        self, kind: str, key: str, value: Plain, spans: dict[str, tuple[int, int]], *, party: bool = False,
        mentions: tuple[str, ...] = (), beside: tuple[str, ...] = (),
    ) -> Finding:  # fmt: skip
        """Return the finding; `spans` are places in `text` by the field they are evidence for."""
        evidence = tuple(
            Evidence(
                claim=field,
                source=self.source.source,
                quote=one_line(self.text[start:end], QUOTE_CHARS),
                span=(start + self.offset, end + self.offset),
            )
            for field, (start, end) in spans.items()
        )
        kept = {name: item for name, item in value.items() if item not in ("", None)}
        return Finding(
            fact_kind=kind,
            key=slug(key),
            value=kept,
            evidence=evidence,
            party=party,
            mentions=self.others(mentions),
            beside=self.others(beside),
        )

    def others(self, mentions: tuple[str, ...]) -> tuple[str, ...]:
        """Without the house itself."""
        kept = (mention for mention in mentions if mention and mention_key(mention) not in self.own)
        return tuple(dict.fromkeys(kept))[:MENTIONS_MAX]

    def names_near(self, start: int, end: int) -> tuple[str, ...]:
        """Capitalised names around a place, nearest first; of each its longer and shorter readings.

        In a long text only those of the same paragraph: further away it speaks of somebody else.
        """
        low, high = max(0, start - NEAR_CHARS), min(len(self.text), end + NEAR_CHARS)
        if len(self.text) > SHORT_CHARS:
            low = max(low, self.text.rfind("\n\n", low, start) + 1)
            below = self.text.find("\n\n", end, high)
            high = below if below >= 0 else high
        found: list[tuple[int, str]] = []
        for match in _CAPITALS.finditer(self.text, low, high):
            distance = max(start - match.end(), match.start() - end, 0)
            words = match[0].split()
            for size in range(len(words), 0, -1):
                found += [(distance, " ".join(words[at : at + size])) for at in range(len(words) - size + 1)]
        found.sort(key=lambda one: one[0])
        return tuple(dict.fromkeys(name for _, name in found))


def sighting_of(source: SourceText, own: frozenset[str]) -> Sighting:
    """Read the source: of a mail what was newly written, of anything else its text."""
    if source.media_type != MAIL:
        text = source.text[:TEXT_CHARS_MAX]
        now = datetime(1970, 1, 1) + timedelta(microseconds=source.at_us)
        return Sighting(source, text, 0, language_of(text), now, None, None, "", own)
    mail = Mail(id=source.source, title=source.title, text=source.text, meta=_meta(source.meta))
    person = sender_of(mail)
    newest = mail.newest
    at = max(0, source.text.find(newest))
    end = at + len(newest)
    signature = mail.meta.signature
    if signature and 0 <= (begins := source.text.find(signature, end)) < end + NEAR_CHARS:
        end = begins + len(signature)
    text = source.text[at : min(end, at + TEXT_CHARS_MAX)] or newest[:TEXT_CHARS_MAX]
    now = start_of_day(mail.meta.date, source.at_us)
    return Sighting(source, text, at, mail.meta.language, now, mail, person, company_of(mail, person), own)


def _meta(meta: Plain) -> Meta:
    """The known metadata of a mail; what has another shape is left out."""
    kept = {name: meta[name] for name in Meta.__struct_fields__ if name in meta}
    try:
        return msgspec.convert(kept, Meta)
    except msgspec.ValidationError:
        return Meta()


def own_keys(own: tuple[str, ...]) -> frozenset[str]:
    """The house's names, whole and word by word."""
    return frozenset(filter(None, map(mention_key, [*own, *(word for name in own for word in name.split())])))


def slug(text: str) -> str:
    """A key: small letters, digits and hyphens; a hash's worth of nothing is "x"."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_SPELLED))
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return re.sub(r"[^\w]+", "-", letters).strip("-_")[:KEY_CHARS_MAX].strip("-_") or "x"
