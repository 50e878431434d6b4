"""What is checked in a text that is to leave. Each check says what is wrong, how to mend it, and which fact or policy says so."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import Final

from quarterdeck_daemon.core.entities import Plain

from . import money
from .dates import dates_in
from .fact_words import amount_in, called, said_by, text_of
from .grounding import IBAN, Ground, days_in, folded
from .seen import Fact

NEAR_CHARS: Final = 120  # How far from an amount its meaning is looked for.
NAME_LIKENESS: Final = 0.8
GAP: Final = re.compile(
    r"\{\{.*?\}\}|\{%.*?%\}|\$\{[^}]*\}|\[[^\]\n]{0,60}\?\]"
    r"|\[(?:your|the|name|date|amount|insert|what|was|ce que|fill)[^\]\n]{0,60}\]"
    r"|<(?:name|date|amount|company)>|\b(?:TODO|TBD|FIXME|XXX+|N\.N\.)\b|_{3,}|\blorem ipsum\b",
    re.IGNORECASE,
)  # fmt: skip
_PERCENT: Final = re.compile(r"(?<![\d.,])(\d{1,3}(?:[.,]\d{1,2})?)\s?(?:%|percent|prozent|pour cent)", re.IGNORECASE)
_HELLO: Final = re.compile(
    r"^\s*(?:dear|hello|hi|liebe[rs]?|guten tag|hallo|bonjour|cher|chère)\s+(?:(?:mr|mrs|ms|herr|frau|monsieur|madame)\.?\s+)?"
    r"([^\W\d_][\w'’-]*(?:\s+[A-ZÄÖÜÉ][\w'’-]*)*)\s*[,!:]?\s*$",
    re.IGNORECASE | re.MULTILINE,
)  # fmt: skip
_PAIR: Final = re.compile(r"(?<!\w)(?=([A-ZÄÖÜÉ][^\W\d_]{1,30} [A-ZÄÖÜÉ][^\W\d_]{1,30})(?!\w))")
_EMAIL: Final = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SECRET: Final = re.compile(
    r"secret://\S+|\b(?:password|passwort|mot de passe|api[- ]key)\s*[:=]\s*\S+", re.IGNORECASE
)
_WEEKDAYS: Final = (
    "monday montag lundi", "tuesday dienstag mardi", "wednesday mittwoch mercredi", "thursday donnerstag jeudi",
    "friday freitag vendredi", "saturday samstag samedi", "sunday sonntag dimanche",
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """code: which check; serious: it must be mended before the text leaves, else it is to be looked at."""

    code: str
    quote: str
    span: tuple[int, int]
    says: str
    fix: str = ""
    source: str = ""
    serious: bool = True

    def plain(self) -> Plain:
        return {
            "code": self.code, "quote": self.quote, "span": list(self.span), "says": self.says, "fix": self.fix,
            "source": self.source, "serious": self.serious,
        }  # fmt: skip


@dataclass
class Text:
    """What the checks look at. to: key of the contact to whom it goes, "" when nobody said."""

    text: str
    facts: dict[str, list[Fact]]
    today: date
    to: str = ""
    all: list[Fact] = field(init=False)

    def __post_init__(self) -> None:
        self.all = [fact for facts in self.facts.values() for fact in facts]

    @cached_property
    def ground(self) -> Ground:
        return Ground(text_of(fact) for fact in self.all)

    @cached_property
    def recipient(self) -> Fact | None:
        return next((one for one in self.facts.get("contact", []) if one.key == self.to), None)

    def near(self, span: tuple[int, int]) -> str:
        """The sentence around a place."""
        begin, end = span
        before = re.split(r"[.!?]\s|\n\s*\n", self.text[max(0, begin - NEAR_CHARS) : begin])[-1]
        after = re.split(r"[.!?]\s|\n\s*\n", self.text[end : end + NEAR_CHARS])[0]
        return folded(before + self.text[begin:end] + after)


def _gaps(view: Text) -> Iterable[Problem]:
    for match in GAP.finditer(view.text):
        yield Problem("placeholder", match[0], match.span(), "is not filled in.", "Fill it in, or take it out.")


def _amounts(view: Text) -> Iterable[Problem]:
    """An amount must be one that a fact has; beside the name of a product, contract or invoice it must be that one's."""
    prices = [(fact, amount) for fact in view.all for amount in _amounts_of(fact)]
    known = {amount for _, amount in prices}
    for one in money.amounts_in(view.text):
        sentence = view.near(one.span)
        beside = [
            (fact, amount)
            for fact, amount in prices
            if fact.kind in ("product", "contract", "invoice") and _names(fact, sentence)
        ]
        amount = (one.minor_units, one.currency)
        if beside and amount not in {wanted for _, wanted in beside}:
            fact, wanted = beside[0]
            fix = f"It is {money.shown(*wanted)}."
            yield Problem("amount", one.text, one.span, f"is not what {called(fact)} has.", fix, fact.source)
        elif amount not in known:
            yield Problem("amount", one.text, one.span, "is no amount that a fact has.", "Check it.", serious=False)


def _amounts_of(fact: Fact) -> list[tuple[int, str]]:
    values = [item for name, item in fact.value.items() if isinstance(item, dict) and "minor" in item]
    found = [amount for value in values if (amount := amount_in(value))]
    texts = [one.text for one in said_by(fact)]
    spoken = [(one.minor_units, one.currency) for text in texts for one in money.amounts_in(text)]
    return list(dict.fromkeys([*found, *spoken]))


def _names(fact: Fact, sentence: str) -> bool:
    names = {fact.key, fact.key.replace("-", " "), called(fact)}
    names |= {str(item.get("name")) for item in fact.value.values() if isinstance(item, dict) and item.get("name")}
    return any(len(name) > 3 and re.search(rf"(?<!\w){re.escape(folded(name))}(?!\w)", sentence) for name in names)


def _rates(view: Text) -> Iterable[Problem]:
    known = {match[1].replace(",", ".") for fact in view.all for match in _PERCENT.finditer(text_of(fact))}
    for match in _PERCENT.finditer(view.text):
        if match[1].replace(",", ".") not in known:
            yield Problem("rate", match[0], match.span(), "is a rate that no fact has.", "Check it.", serious=False)


def _past(view: Text) -> Iterable[Problem]:
    """A day that has passed and that no fact knows; and a weekday that is another."""
    known = {day.iso: fact for fact in view.all for day in days_in(text_of(fact))}
    for day in days_in(view.text):
        moment = _as_date(day.iso)
        if moment is None:
            continue
        if moment < view.today and day.iso not in known:
            meant = next(
                (iso for iso in sorted(known) if iso[-5:] == day.iso[-5:] and iso > view.today.isoformat()), ""
            )
            fix = f"Is {meant} meant?" if meant else "Name a day to come."
            yield Problem("past", day.text, day.span, "has passed.", fix, known[meant].source if meant else "")
        if wrong := _other_weekday(view.text, day.span, moment):
            names = _WEEKDAYS[moment.weekday()].split()
            yield Problem("weekday", day.text, day.span, f"is no {wrong}.", f"It is a {names[0].capitalize()}.")


def _other_weekday(text: str, span: tuple[int, int], moment: date) -> str:
    """The weekday that is written before a date when it is not that of the date."""
    before = re.search(r"([^\W\d_]+)[,.]?\s+(?:(?:the|der|den|dem|le)\s+)?$", text[max(0, span[0] - 20) : span[0]])
    word = before[1].lower() if before else ""
    number = next((number for number, names in enumerate(_WEEKDAYS) if word in names.split()), None)
    return word.capitalize() if number is not None and number != moment.weekday() else ""


def _as_date(iso: str) -> date | None:
    try:
        return date.fromisoformat(iso)
    except ValueError:
        return None


def _start(view: Text) -> Iterable[Problem]:
    """A start that is promised before there is time for it."""
    policy = next((one for one in view.facts.get("policy", []) if one.key == "availability"), None)
    free = _as_date(policy.text("free_from")) if policy else None
    if policy is None or free is None:
        return
    for one in dates_in(view.text, language="en", now=_noon(view.today)):
        if one.role == "start" and one.day and (day := _as_date(one.day)) and one.exact and view.today <= day < free:
            yield Problem(
                "availability", one.text, one.span, "is before we have time.", f"Free from {free}.", policy.source
            )


def _noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12)


def _people(view: Text) -> Iterable[Problem]:
    """Somebody greeted who is not the recipient, and a name that is one letter off."""
    if view.recipient and (match := _HELLO.search(view.text)):
        greeted = {folded(word) for word in match[1].split()}
        if not greeted & {folded(word) for word in re.findall(r"\w+", view.recipient.text("name"))}:
            says, fix = "is not who gets it.", f"It goes to {view.recipient.text('name')}."
            yield Problem("recipient", match[1], match.span(1), says, fix, view.recipient.source)
    names = {
        folded(one.text("name").partition(" (")[0]): one
        for one in view.facts.get("contact", [])
        if " " in one.text("name")
    }
    for match in _PAIR.finditer(view.text):
        said = folded(match[1])
        near = difflib.get_close_matches(said, names, n=1, cutoff=NAME_LIKENESS)
        if near and said not in names:
            known = names[near[0]]
            yield Problem(
                "name", match[1], match.span(1), "is nobody we know.", f"Is {known.text('name')} meant?", known.source
            )


def _accounts(view: Text) -> Iterable[Problem]:
    policy = next((one for one in view.facts.get("policy", []) if one.text("bank_details")), None)
    for match in IBAN.finditer(view.text):
        number = re.sub(r"\s", "", match[0])
        if not _checks_out(number):
            yield Problem(
                "iban", match[0], match.span(), "is no valid account: its check digits are wrong.", "Copy it again."
            )
        elif policy is not None:
            yield Problem(
                "iban",
                match[0],
                match.span(),
                f"may not stand here. {policy.text('bank_details')}",
                "Take it out.",
                policy.source,
            )
        elif view.ground.strangers(match[0]):
            yield Problem(
                "iban", match[0], match.span(), "is an account that no fact has.", "Check it with its owner."
            )


def _checks_out(iban: str) -> bool:
    """The check of ISO 13616: 1 modulo 97."""
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1


def _private(view: Text) -> Iterable[Problem]:
    """What belongs to others, or to nobody outside."""
    for match in _SECRET.finditer(view.text):
        yield Problem("secret", match[0], match.span(), "is a secret.", "Take it out.")
    if view.recipient is None:
        return
    own = view.recipient.text("client").rpartition("/")[2]
    theirs = {
        address.lower() for one in view.facts.get("client", []) if one.key == own for address in one.words("contacts")
    }
    addresses = {one.text("email").lower(): one for one in view.facts.get("contact", []) if one.text("email")}
    for match in _EMAIL.finditer(view.text):
        known = addresses.get(match[0].lower())
        if known is not None and known.key != view.to and match[0].lower() not in theirs:
            yield Problem(
                "private",
                match[0],
                match.span(),
                f"is the address of {called(known)}.",
                "Ask first, or take it out.",
                known.source,
            )
    for client in view.facts.get("client", []):
        name = called(client).rpartition(" ")[0] or called(client)
        for match in (
            re.finditer(rf"(?<!\w){re.escape(name)}(?!\w)", view.text) if client.key != own and len(name) > 3 else ()
        ):
            says = "is another client of yours."
            yield Problem(
                "private", match[0], match.span(), says, "May they know of each other?", client.source, serious=False
            )


CHECKS: Final[tuple[Callable[[Text], Iterable[Problem]], ...]] = (
    _gaps, _amounts, _rates, _past, _start, _people, _accounts, _private,
)  # fmt: skip
