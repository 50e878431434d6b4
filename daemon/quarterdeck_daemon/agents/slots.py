"""What an intent names: people, clients, dates, amounts, ids, quoted words. And which of that an input of a plan can be.

Nothing is made up: an input without anything in the intent that fits it stays empty, and is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from quarterdeck_daemon.core.entities import Plain

from . import dates, money
from .contract import plain_map

_ID: Final = re.compile(r"\b(doc|a|r|t|p|m|dead|s)(\d{1,9})\b")
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_QUOTED: Final = re.compile(
    r"\"([^\"]{1,2000})\"|“([^”]{1,2000})”|„([^“”]{1,2000})[“”]|«([^»]{1,2000})»|(?<!\w)'([^']{2,2000})'(?!\w)"
)
_GIVEN: Final = re.compile(r"(?<!\S)([a-z_][a-z0-9_]*)\s*[=:]\s*(?:\"([^\"]*)\"|(\S+))", re.IGNORECASE)
_HOUR: Final = re.compile(
    r"\b(?:at\s+)?(\d{1,2})(?::(\d{2}))?\s*(am|pm|uhr|h)\b|\b(\d{1,2}):(\d{2})\b", re.IGNORECASE
)
_NUMBER: Final = re.compile(r"(?<![\w.,-])\d{1,9}(?:\.\d+)?(?![\w.,-]*\d)")
_INVOICE: Final = re.compile(r"\b[A-Z]{2,}[-/]\d{4}[-/]\d{1,6}\b")
LANGUAGES: Final = ("en", "de", "fr")
NAME_CHARS_MIN: Final = 3


@dataclass
class Slots:
    """What was found. people, clients: keys of facts; rest: the intent without all that, for free text."""

    text: str
    given: dict[str, str] = field(default_factory=dict)
    ids: dict[str, list[str]] = field(default_factory=dict)
    emails: list[str] = field(default_factory=list)
    quoted: list[str] = field(default_factory=list)
    people: list[str] = field(default_factory=list)
    clients: list[str] = field(default_factory=list)
    days: list[str] = field(default_factory=list)
    hours: list[str] = field(default_factory=list)
    amounts: list[money.Amount] = field(default_factory=list)
    numbers: list[str] = field(default_factory=list)
    numbers_of: list[str] = field(default_factory=list)  # Of papers, such as SL-2026-031.
    rest: str = ""


def slots_in(text: str, contacts: list[Plain], clients: list[Plain], now_us: int) -> Slots:
    found = Slots(text=text)
    left = _take(_GIVEN, text, lambda match: found.given.__setitem__(match[1].lower(), match[2] or match[3]))
    left = _take(_QUOTED, left, lambda match: found.quoted.append(next(one for one in match.groups() if one)))
    left = _take(_EMAIL, left, lambda match: found.emails.append(match[0]))
    left = _take(_ID, left, lambda match: found.ids.setdefault(match[1], []).append(match[0]))
    left = _take(_INVOICE, left, lambda match: found.numbers_of.append(match[0]))
    left = _dates(found, left, now_us)
    left = _take(_HOUR, left, lambda match: found.hours.append(_hour(match)))
    left = _amounts(found, left)
    left = _named(found.people, left, contacts, ("name",))
    left = _named(found.clients, left, clients, ("name", "key"))
    found.clients += [one for one in _clients_of(found.people, contacts) if one not in found.clients]
    left = _take(_NUMBER, left, lambda match: found.numbers.append(match[0]))
    found.rest = " ".join(left.split())
    return found


def _take(pattern: re.Pattern[str], text: str, note: Callable[[re.Match[str]], object]) -> str:
    """Note every match; return the text without them."""

    def out(match: re.Match[str]) -> str:
        note(match)
        return " "

    return pattern.sub(out, text)


def _dates(found: Slots, text: str, now_us: int) -> str:
    now = datetime.fromtimestamp(now_us / 1e6, UTC)
    for language in LANGUAGES:
        moments = [one for one in dates.dates_in(text, language=language, now=now) if one.day]
        if moments:
            found.days = [one.day for one in moments]
            for one in reversed(moments):
                text = f"{text[: one.span[0]]} {text[one.span[1] :]}"
            break
    return text


def _hour(match: re.Match[str]) -> str:
    hour, minute = int(match[1] or match[4]), int(match[2] or match[5] or 0)
    late = (match[3] or "").lower() == "pm" and hour < 12
    return f"{hour + 12 * late:02d}:{minute:02d}"


def _amounts(found: Slots, text: str) -> str:
    found.amounts = money.amounts_in(text)
    for one in reversed(found.amounts):
        text = f"{text[: one.span[0]]} {text[one.span[1] :]}"
    return text


def _named(into: list[str], text: str, facts: list[Plain], fields: tuple[str, ...]) -> str:
    """Whole names first, then single words of a name that only one has."""
    rows = [(str(one.get("key", "")), [_field(one, name) for name in fields]) for one in facts]
    for key, names in rows:
        for name in names:
            if len(name) >= NAME_CHARS_MIN and (pattern := _whole(name)).search(text):
                text = pattern.sub(" ", text)
                into.append(key) if key not in into else None
    words: dict[str, set[str]] = {}
    for key, names in rows:
        for word in {word for name in names for word in re.findall(r"[^\W\d_]{3,}", name)}:
            words.setdefault(word.lower(), set()).add(key)
    for word in re.findall(r"[^\W\d_]{3,}", text):
        keys = words.get(word.lower(), set())
        if len(keys) == 1 and (word[0].isupper() or len(word) > 4):
            key = next(iter(keys))
            text = _whole(word).sub(" ", text)
            into.append(key) if key not in into else None
    return text


def _field(fact: Plain, name: str) -> str:
    return str(plain_map(fact.get("value")).get(name) or fact.get(name) or "")


def _whole(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(name)}(?:'s)?(?!\w)", re.IGNORECASE)


def _clients_of(people: list[str], contacts: list[Plain]) -> list[str]:
    found = [plain_map(one.get("value")).get("client") for one in contacts if one.get("key") in people]
    return list(dict.fromkeys(str(one) for one in found if one))


# --- filling inputs -------------------------------------------------------------------------------

# Words in the name or the description of an input, and what of the intent it can be. The first that fits counts.
_RULES: Final[tuple[tuple[str, Callable[[Slots], list[str]]], ...]] = (
    (r"\bdocument|\bmail\b.*\bid|\bid of (?:the|a) mail", lambda s: s.ids.get("doc", [])),
    (r"\bactions?\b", lambda s: s.ids.get("a", [])),
    (r"\bruns?\b", lambda s: s.ids.get("r", [])),
    (r"\btasks?\b", lambda s: s.ids.get("t", [])),
    (r"\bemail|\baddress", lambda s: s.emails),
    (r"\binvoice\b.*(?:\bkey|\bnumber)|\bnumber of (?:the|an) invoice", lambda s: s.numbers_of),
    (r"\bclients?\b|\bcompany", lambda s: s.clients),
    (r"\bcontacts?\b|\brecipients?\b|\bpeople\b|\bperson\b|\bto whom\b|\bwho(?:m)?\b", lambda s: s.people),
    (r"\bhour\b|\bo'clock|\btime of day", lambda s: s.hours),
    (r"\bdays?\b|\bdates?\b|\bwhen\b|\bdeadline\b|\bdue\b|\buntil\b", lambda s: s.days),
    (r"\bfee\b|\bamount\b|\bprice\b|\bbudget\b|\bsum\b", lambda s: [one.text for one in s.amounts]),
    (r"\btitle\b|\bsubject\b|\bname\b", lambda s: s.quoted),
)  # fmt: skip
FREE: Final = re.compile(r"\b(?:text|about|question|topic|query|words|message|what|intent|say)\b", re.IGNORECASE)


def fill(inputs: Plain, slots: Slots) -> Plain:
    """Return the inputs that the intent fills. inputs: by name {type, required, description | about}."""
    filled: Plain = {}
    for name, form in inputs.items():
        spec = plain_map(form)
        value = _value(name, spec, slots)
        if value is not None:
            filled[name] = value
    return filled


def _value(name: str, spec: Plain, slots: Slots) -> object:
    kind = str(spec.get("type", "string"))
    if name.lower() in slots.given:
        return _typed(kind, [slots.given[name.lower()]])
    said = f"{name.replace('_', ' ')} {spec.get('description') or spec.get('about') or ''}"
    for pattern, find in _RULES:
        if re.search(pattern, said, re.IGNORECASE):
            found = find(slots)
            if found:
                return _typed(kind, found)
    if FREE.search(name.replace("_", " ")) and kind in ("string", "any"):
        return (slots.quoted[0] if slots.quoted else "") or slots.text.strip()
    if kind in ("integer", "number") and slots.numbers and spec.get("required"):
        return _typed(kind, slots.numbers)
    return None


def _typed(kind: str, found: list[str]) -> object:
    """The first of what was found as a value of that type, all of it for a list; None when it cannot be one."""
    if kind == "list":
        return list(found)
    first = found[0]
    try:
        if kind == "integer":
            return int(first)
        if kind == "number":
            return float(first)
    except ValueError:
        return None
    if kind == "boolean":
        return {"yes": True, "true": True, "no": False, "false": False}.get(first.lower())
    return first if kind in ("string", "any") else None
