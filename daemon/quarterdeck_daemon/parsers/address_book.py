"""Address books (.vcf): each contact as text and, for the operator's own files, as a proposed `contact` fact."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePath

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import Parsed, ParsedFact, ParseDocument

from .blocks import TextBuilder
from .chunks import chunks_of
from .content_lines import Component, ContentLine, components
from .decoding import decoded
from .limits import CONTACTS_MAX, TITLE_CHARS_MAX
from .refusal import Refused

VALUES_MAX = 20  # Of one field.
VALUE_CHARS_MAX = 500
KEY_CHARS_MAX = 80
_ADDRESS = re.compile(r"[^@\s]{1,64}@[^@\s]{1,253}")
_COMPACT_DAY = re.compile(r"^(\d{4})(\d{2})(\d{2})(?=T|$)")
# What a contact's typed fields take; anything else stays in the text only.
_FORMS = {"phone": re.compile(r"\+?[\d ()./-]{3,40}"), "birthday": re.compile(r"\d{4}-\d{2}-\d{2}")}
_NOT_IN_KEYS = re.compile(r"[^a-z0-9]+")


def parse_address_book(order: ParseDocument) -> Parsed:
    raw, charset, warning = decoded(order.data, "")
    cards = [card for card in components(raw) if card.name == "VCARD"]
    contacts = [contact for card in cards[:CONTACTS_MAX] if (contact := contact_of(card))]
    if not contacts:
        reason = "the address book has no contacts" if cards else "this is no address book: there is no BEGIN:VCARD"
        raise Refused("empty" if cards else "malformed", reason)
    title = (PurePath(order.name).stem or "Contacts")[:TITLE_CHARS_MAX]
    built = TextBuilder()
    for contact in contacts:
        name = str(contact["name"])
        if not built.add(contact_text(contact), place=("", name, name), apart=True):
            break
    warnings = [warning] if warning else []
    if len(cards) > len(built.blocks):
        warnings.append(f"{len(built.blocks):,} of {len(cards):,} cards were kept")
    return Parsed(
        title=title,
        text=built.text,
        meta={"language": "", "charset": charset, "warnings": warnings, "contacts": str(len(contacts))},
        chunks=chunks_of(built.text, built.blocks, title=title),
        facts=_facts(contacts[: len(built.blocks)]),
    )


def contact_of(card: Component) -> Plain:
    """The fields of a card: name, email(s), phone(s), company, role, address(es), url, birthday, note."""
    name = card.text("FN") or _structured_name(card.first("N")) or card.text("ORG").replace(";", ", ")
    emails = [value.lower() for value in _values(card, "EMAIL") if _ADDRESS.fullmatch(value)]
    name = name or (emails[0] if emails else "")
    if not name:
        return {}
    organisation = card.first("ORG")
    found: Plain = {
        "name": _short(name),
        "email": emails[0] if emails else "",
        "emails": emails[1:],
        "phone": next(iter(_values(card, "TEL")), ""),
        "phones": _values(card, "TEL")[1:],
        "company": ", ".join(filter(None, map(_short, organisation.parts(";")))) if organisation else "",
        "role": _short(card.text("TITLE") or card.text("ROLE")),
        "address": "; ".join(filter(None, map(_postal, card.all("ADR")[:VALUES_MAX]))),
        "url": next(iter(_values(card, "URL")), ""),
        "birthday": _COMPACT_DAY.sub(r"\1-\2-\3", _short(card.text("BDAY"))),
        "note": card.text("NOTE")[:VALUE_CHARS_MAX],
    }
    return {key: value for key, value in found.items() if value}


def contact_text(contact: Plain) -> str:
    lines = [str(contact["name"])]
    for key, value in contact.items():
        if key != "name":
            words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            lines.append(f"{key}: {words}")
    return "\n".join(lines)


def _values(card: Component, name: str) -> list[str]:
    """All values of a field, the preferred one first, each once."""
    lines = sorted(card.all(name)[:VALUES_MAX], key=lambda line: not _preferred(line))
    values = [re.sub(r"^(?:tel|mailto):", "", _short(line.text), flags=re.IGNORECASE) for line in lines]
    return list(dict.fromkeys(filter(None, values)))


def _preferred(line: ContentLine) -> bool:
    return "pref" in line.parameters.get("TYPE", "").lower().split(",") or line.parameters.get("PREF") == "1"


def _structured_name(line: ContentLine | None) -> str:
    """`Family;Given;Middle;Prefix;Suffix` in the order in which it is said."""
    if line is None:
        return ""
    family, given, middle, before, after = (line.parts(";") + [""] * 5)[:5]
    return " ".join(filter(None, map(_short, (before, given, middle, family, after))))


def _postal(line: ContentLine) -> str:
    return ", ".join(filter(None, map(_short, line.parts(";"))))


def _short(text: str) -> str:
    return " ".join(text.split())[:VALUE_CHARS_MAX]


def _facts(contacts: list[Plain]) -> tuple[ParsedFact, ...]:
    """One for each contact; its key is its mail address, or else its name. The first with a key keeps it."""
    found: dict[str, ParsedFact] = {}
    for contact in contacts:
        key = contact_key(contact)
        if key and key not in found:
            value = {name: words for name, words in contact.items() if _fits(name, words)}
            found[key] = ParsedFact(fact_kind="contact", key=key, value=value)
    return tuple(found.values())


def _fits(name: str, words: object) -> bool:
    form = _FORMS.get(name)
    return form is None or form.fullmatch(str(words)) is not None


def contact_key(contact: Plain) -> str:
    """`ana-ruiz` for the name: plain letters, so that it can be typed. Letters of other scripts stay."""
    plain = unicodedata.normalize("NFKD", str(contact["name"])).encode("ascii", "ignore").decode().lower()
    key = _NOT_IN_KEYS.sub("-", plain).strip("-")[:KEY_CHARS_MAX]
    return key or _NOT_IN_KEYS.sub("-", str(contact.get("email", "")).lower()).strip("-")[:KEY_CHARS_MAX]
