"""Who is known: from names, addresses, domains and account numbers in a text to the facts they belong to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from .entities import Fact, Plain
from .forms import compact
from .likeness import accounts_in

PARTIES_MAX = 200_000  # Names that the index holds.
NAME_CHARS_MIN = 4  # Shorter names are ordinary words.
PEOPLE = frozenset(("client", "contact", "organisation"))
# What says of a fact of the operator's own kind that it is somebody.
SIGNS = ("email", "domain", "iban", "vat_number", "phone", "contacts")
_LEGAL = re.compile(
    r"(?<!\w)(?:gmbh|mbh|ag|kg|ohg|ug|gbr|eg|e\.? ?v|b\.?v|n\.?v|ltd|limited|llc|llp|inc|corp|plc|ab|as|a/s|aps|oyj?|sas"
    r"|s\.?a\.?r\.?l|s\.?a|s\.?l\.?u?|s\.?p\.?a|s\.?r\.?l|eurl|pty|co)(?!\w)\.?",
    re.IGNORECASE,
)
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "ø": "o", "æ": "ae", "å": "a", "ł": "l"})


def name_key(text: str) -> str:
    """A name as it is compared: letters and digits, no accents, no legal form; "" for what is too short."""
    bare = _LEGAL.sub(" ", text.lower()).replace("&", " ").translate(_SPELLED)
    plain = unicodedata.normalize("NFKD", bare)
    key = "".join(char for char in plain if char.isalnum())
    return key if len(key) >= NAME_CHARS_MIN else ""


def mention_key(text: str) -> str:
    """The key of a mention: an address and a domain as they are, a name reduced."""
    word = text.strip().lower()
    return word if "@" in word or ("." in word and " " not in word) else name_key(text)


class Parties:
    """Names of the canonical facts about somebody. `put` each fact as it changes; `find` by mentions."""

    def __init__(self) -> None:
        self._by_key: dict[str, dict[str, None]] = {}
        self._keys: dict[str, tuple[str, ...]] = {}
        self._with_account: set[str] = set()

    def put(self, fact: Fact) -> None:
        """Know the fact by its present names. One that no longer counts is known no more."""
        for key in self._keys.pop(fact.id, ()):
            self._by_key[key].pop(fact.id, None)
        self._with_account.discard(fact.id)
        if not fact.canonical or fact.labels.integrity == "external" or not _is_somebody(fact):
            return
        if len(self._by_key) >= PARTIES_MAX:
            return
        keys = tuple(dict.fromkeys(filter(None, _keys_of(fact))))
        self._keys[fact.id] = keys
        for key in keys:
            self._by_key.setdefault(key, {})[fact.id] = None
        if next(accounts_in(fact.value), None) is not None:
            self._with_account.add(fact.id)

    def find(self, mentions: Iterable[str], *, account: bool = False) -> tuple[str, ...]:
        """Return the facts that the mentions name, best first. account: those with an account number first."""
        found: dict[str, None] = {}
        for mention in mentions:
            for id in self._by_key.get(mention_key(mention), ()):
                found[id] = None
        ids = list(found)
        return tuple(sorted(ids, key=lambda id: id not in self._with_account) if account else ids)


def _is_somebody(fact: Fact) -> bool:
    return fact.fact_kind in PEOPLE or any(fact.value.get(sign) for sign in SIGNS)


def _keys_of(fact: Fact) -> Iterable[str]:
    value = fact.value
    yield name_key(fact.key)
    for field in ("name", "title"):
        yield name_key(_text(value, field))
    for field in ("email", "domain"):
        yield _text(value, field).strip().lower()
    contacts = value.get("contacts")
    for address in contacts if isinstance(contacts, list) else ():
        yield str(address).strip().lower()
    for account in accounts_in(value):
        yield compact(account)


def _text(value: Plain, field: str) -> str:
    item = value.get(field)
    return item if isinstance(item, str) else ""
