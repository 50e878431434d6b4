"""What an intent names: people, clients, dates, amounts, ids, quoted words. And which of that an input of a plan can be.

Nothing is made up: an input without anything in the intent that fits it stays empty, and is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from quarterdeck_daemon.core.entities import Plain

from . import dates, money
from .contract import plain_map
from .intent_words import words_in

_ID: Final = re.compile(r"\b(doc|a|r|t|p|m|dead|s)(\d{1,9})\b")
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_QUOTED: Final = re.compile(
    r"\"([^\"]{1,2000})\"|“([^”]{1,2000})”|„([^“”]{1,2000})[“”]|«([^»]{1,2000})»|(?<!\w)'([^']{2,2000})'(?!\w)"
)
_GIVEN: Final = re.compile(r"(?<!\S)([a-z_][a-z0-9_]*)(?:\s*=\s*|:(?=[^\s/]))(?:\"([^\"]*)\"|(\S+))", re.IGNORECASE)
_HOUR: Final = re.compile(
    r"\b(?:at\s+)?(\d{1,2})(?::(\d{2}))?\s*(am|pm|uhr|h)\b|\b(\d{1,2}):(\d{2})\b", re.IGNORECASE
)
# What a letter says begins here: "write to Ines that …", "schreib Ines, dass …", "a line to Tom: …".
_SAID: Final = re.compile(r"(?:^|[\s,])(?:that|dass|saying|que)\s|:\s+|\squ['’](?=\w)", re.IGNORECASE)
_TOPIC: Final = re.compile(
    r"\s(?:about|regarding|concerning|über|wegen|bezüglich|à propos d[eu']|au sujet d[eu'])\s*", re.IGNORECASE
)
_NEXT_WEEK: Final = re.compile(r"\b(?:next week|nächste[nr]? woche|(?:la )?semaine prochaine)\b", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(?<![\w.,-])\d{1,9}(?:\.\d+)?(?![\w.,-]*\d)")
_INVOICE: Final = re.compile(r"\b[A-Z]{2,}[-/]\d{4}[-/]\d{1,6}\b")
LANGUAGES: Final = ("en", "de", "fr")
NAME_CHARS_MIN: Final = 3
SAID_WORDS_MIN: Final = 3  # Fewer are a name or an id, and nothing to say in a letter.
COMMON: Final = frozenset(
    ("clinics", "coworking", "former", "logistics", "traders")
)  # Of names, when not written like one.


@dataclass
class Slots:
    """What was found, in the order of the text. people, clients: keys of facts, `names` how they are called.

    said   what a letter is to say, "that …", or words in quotes      topic  what it is about, "about …"
    rest   the intent without all that and without what it names: what is wanted
    """

    text: str
    said: str = ""
    topic: str = ""
    names: dict[str, str] = field(default_factory=dict)
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
    head, told = _split(found, left)
    left = _take(_QUOTED, left, lambda match: found.quoted.append(next(one for one in match.groups() if one)))
    left = _take(_EMAIL, left, lambda match: found.emails.append(match[0]))
    left = _take(_ID, left, lambda match: found.ids.setdefault(match[1], []).append(match[0]))
    left = _take(_INVOICE, left, lambda match: found.numbers_of.append(match[0]))
    left = _dates(found, left, now_us)
    left = _take(_HOUR, left, lambda match: found.hours.append(_hour(match)))
    left = _amounts(found, left)
    found.names = {str(one.get("key")): _field(one, "name") for one in (*contacts, *clients)}
    for part in (head, told):  # Who is written to before who is written about.
        _named(found.people, part, contacts, ("name",))
        _named(found.clients, part, clients, ("name", "key"))
    found.clients += [one for one in _clients_of(found.people, contacts) if one not in found.clients]
    _take(_NUMBER, left, lambda match: found.numbers.append(match[0]))
    found.rest = _without_names(_unquoted(head), found, contacts, clients, now_us)
    return found


def _split(found: Slots, text: str) -> tuple[str, str]:
    """(what is wanted, what is to be said). Inside quotes nothing is split."""
    quoted = _QUOTED.search(text)
    if quoted:
        found.said = next(one for one in quoted.groups() if one)
        return text[: quoted.start()] + text[quoted.end() :], found.said
    for pattern, into in ((_SAID, "said"), (_TOPIC, "topic")):
        match = pattern.search(text)
        if match and text[: match.start()].strip():
            told = text[match.start() :].strip(" ,:\n")
            setattr(found, into, told)
            return text[: match.start()], told
    head, _, answer = text.partition("\n")  # Behind a line break stands what was answered to a question.
    if len(answer.split()) >= SAID_WORDS_MIN:
        found.said = answer.strip()
        return head, answer
    return text, ""


def _unquoted(text: str) -> str:
    return _QUOTED.sub(" ", text)


def _without_names(text: str, found: Slots, contacts: list[Plain], clients: list[Plain], now_us: int) -> str:
    """What is wanted, without what it names."""
    for pattern in (_EMAIL, _ID, _INVOICE, _HOUR, _NUMBER):
        text = pattern.sub(" ", text)
    text = _dates(Slots(text=text), _NEXT_WEEK.sub(" week ", text), now_us)  # A week is wanted, a day is named.
    text = _amounts(Slots(text=text), text)
    text = _named([], text, contacts, ("name",))
    return " ".join(_named([], text, clients, ("name", "key")).split())


def _take(pattern: re.Pattern[str], text: str, note: Callable[[re.Match[str]], object]) -> str:
    """Note every match; return the text without them."""

    def out(match: re.Match[str]) -> str:
        note(match)
        return " "

    return pattern.sub(out, text)


def _dates(found: Slots, text: str, now_us: int) -> str:
    now = datetime.fromtimestamp(now_us / 1e6, UTC)
    if match := _NEXT_WEEK.search(text):
        monday = (now + timedelta(days=7 - now.weekday())).date()
        found.days = [monday.isoformat()]
        return f"{text[: match.start()]} {text[match.end() :]}"
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
    """Whole names first, then single words of a name that only one has; noted in the order of the text."""
    rows = [(str(one.get("key", "")), [_field(one, name) for name in fields]) for one in facts]
    found: list[tuple[int, str]] = []
    for key, names in rows:
        for name in names:
            if len(name) >= NAME_CHARS_MIN and (match := _whole(name).search(text)):
                found.append((match.start(), key))
                text = _blanked(text, match)
    words: dict[str, set[str]] = {}
    for key, names in rows:
        for word in {word for name in names for word in re.findall(r"[^\W\d_]{3,}", name)}:
            words.setdefault(word.lower(), set()).add(key)
    for match in list(re.finditer(r"[^\W\d_]{3,}", text)):
        keys = words.get(match[0].lower(), set())
        if len(keys) == 1 and (match[0][0].isupper() or (len(match[0]) > 4 and match[0].lower() not in COMMON)):
            found.append((match.start(), next(iter(keys))))
            text = _blanked(text, match)
    into += [key for key in dict.fromkeys(key for _, key in sorted(found)) if key not in into]
    return text


def _blanked(text: str, match: re.Match[str]) -> str:
    """The text without the match, and as long as before, so that places stay true."""
    return f"{text[: match.start()]}{' ' * (match.end() - match.start())}{text[match.end() :]}"


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
WORDED: Final = re.compile(r"^(?:about|text|message|words|say)$", re.IGNORECASE)
FREE: Final = re.compile(r"\b(?:text|about|question|topic|query|words|message|intent|say)\b", re.IGNORECASE)


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
    if chosen := plain_map(spec.get("schema")).get("enum"):
        return _chosen(chosen, slots)
    found = named(name, spec, slots)
    if found:
        return _typed(kind, found)
    if FREE.search(name.replace("_", " ")) and kind in ("string", "any"):
        return _free(name, slots)
    if kind in ("integer", "number") and slots.numbers and spec.get("required"):
        return _typed(kind, slots.numbers)
    return None


def named(name: str, spec: Plain, slots: Slots) -> list[str]:
    """What the intent names that this input can be; of somebody the key, or the name when no key is asked for."""
    about = str(spec.get("description") or spec.get("about") or "")
    for said in (name.replace("_", " "), about):  # What it is called says more than what is told of it.
        rules = [find for pattern, find in _RULES if re.search(pattern, said, re.IGNORECASE)]
        found = next((values for find in rules if (values := find(slots))), [])
        if found or (rules and said != about):
            return (
                found
                if re.search(r"\bkeys?\b", about, re.IGNORECASE)
                else [slots.names.get(one, one) for one in found]
            )
    return []


def _chosen(choices: object, slots: Slots) -> object:
    """The choice whose word the intent has; None when it has none."""
    spoken = set(words_in(slots.text))
    listed = choices if isinstance(choices, list) else []
    return next((one for one in listed if spoken & set(words_in(str(one)))), None)


def _free(name: str, slots: Slots) -> str | None:
    """Words of the operator's. A question is the whole of what was said; a letter, what it is to say or be about."""
    if not WORDED.search(name):
        return slots.text.strip()
    return slots.said or slots.topic or None


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
