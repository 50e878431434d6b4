"""The vocabulary of a condition: what a rule may look at, each term with its type.

Owns     `Question`, what a policy is asked, and `TERMS`, the names that its conditions may use.
Promises a term that nothing is known about is missing, so that a condition which needs it has no answer, and no answer
         means *ask*. Nothing here is an agent's opinion of itself: `confidence` and `track` are counted from the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Protocol

import msgspec

from quarterdeck_protocol.labels import Labels

from .entities import Grant, Plain, Tally
from .moments import DAY_US, day_of
from .verbs import VERBS, VerbRule

CENTS = 100
AMOUNT_MAX = 1 << 53
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CONFIDENCE_DECISIONS_MIN = 10  # Fewer are not enough data to say anything.


class Term(msgspec.Struct, frozen=True, kw_only=True):
    """A name that conditions may use. shaped: text from outside may have chosen its value."""

    type: str
    meaning: str
    shaped: bool = False


TERMS: dict[str, Term] = {
    "action": Term(
        type="map",
        meaning="name, connector, verb (string); outward, reversible (bool); class (A, B or C); touches (list of string)",
    ),
    "agent": Term(
        type="string", meaning="who proposes it, such as composer; kernel for what the house itself proposes"
    ),
    "args": Term(type="map", meaning="the arguments exactly as they would leave, such as args.subject", shaped=True),
    "amount": Term(
        type="map",
        meaning="value (int, minor units: cents), currency (string, three capital letters); missing unless both are given",
        shaped=True,
    ),
    "targets": Term(type="list of string", meaning="where it goes: addresses or paths, each once", shaped=True),
    "recipients": Term(
        type="map",
        meaning="count, known, unknown, new (int; new were never reached before); domains (list of string)",
        shaped=True,
    ),
    "known": Term(type="list of string", meaning="addresses in your facts `client` and `contact`, in small letters"),
    "labels": Term(
        type="map",
        meaning="integrity (external, agent, operator); sensitivity (public, private, secret); sources (list of string)",
    ),
    "context": Term(
        type="map", meaning="the same of all that the run has read so far, not only of what became this action"
    ),
    "confidence": Term(
        type="double",
        meaning="0 to 1: share of the last 50 of this agent and kind that stood as proposed; "
        f"missing below {CONFIDENCE_DECISIONS_MIN} decisions",
    ),
    "track": Term(
        type="map",
        meaning="decisions, unchanged, edited, rejected, done, failed, undone, observed, streak (int) of this agent and kind",
    ),
    "novelty": Term(
        type="map",
        meaning="kind (bool: this agent never did this); recipient (bool: some target was never reached before)",
        shaped=True,
    ),
    "autonomy": Term(
        type="string",
        meaning="the level you gave: observe, suggest, act_with_approval, act_and_report, autonomous; empty: none",
    ),
    "time": Term(
        type="map",
        meaning="hour, minute, weekday (int; 1 is Monday), day (mon to sun), date (2026-11-20), in the workspace's zone",
    ),
    "cost": Term(type="int", meaning="what it is said to cost, in minor units"),
    "run": Term(type="map", meaning="id, playbook, priority (string); empty outside a run"),
}


class Addresses(Protocol):
    """Known ones: a tuple of the past, or whoever looks them up one by one."""

    def __contains__(self, address: object, /) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a policy is asked about.

    known        addresses that the operator's own facts name      new      targets that were never reached before
    context      labels of all that its run has read, None: those of the action
    offset_s     of the workspace's zone from UTC at `now_us`
    obstacles    why it may not happen at all now, in words (R0)   stopped  why everything is stopped, "" when it is not
    grants       the operator's standing permissions in force      used     the one that this action has already used
    consents     sinks that may receive more than they do by themselves, as `sink:class` (R4)
    """

    connector: str
    verb: str
    args: Plain
    targets: tuple[str, ...]
    labels: Labels
    agent: str
    confidence: float | None
    known: Addresses
    context: Labels | None = None
    now_us: int = 0
    offset_s: int = 0
    cost: int = 0
    run: str = ""
    playbook: str = ""
    priority: str = ""
    tally: Tally = Tally()
    level: str = ""
    new: tuple[str, ...] = ()
    first: bool = False
    obstacles: tuple[str, ...] = ()
    stopped: str = ""
    grants: tuple[Grant, ...] = ()
    used: str = ""
    consents: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{self.connector}.{self.verb}"

    @property
    def read(self) -> Labels:
        """Labels of what its run has read."""
        return self.labels if self.context is None else self.context

    @property
    def strangers(self) -> list[str]:
        """Targets that the operator's facts do not name."""
        return [target for target in self.targets if target.lower() not in self.known]

    def values(self, wanted: Mapping[str, frozenset[str]] | None = None) -> Plain:
        """The terms that something is known about. wanted: only these, and of each only these fields; none named: all."""
        found: Plain = {}
        for name, fields in (dict.fromkeys(TERMS, ALL) if wanted is None else wanted).items():
            value = _WHOLE[name](self) if name in _WHOLE else _map(self, _FIELDS[name], fields)
            if name == "args" and fields:
                value = {field: self.args[field] for field in fields if field in self.args}
            if value is not None:
                found[name] = value
        return found


ALL: frozenset[str] = frozenset()


def amount_of(name: str, args: Plain) -> tuple[int, str] | None:
    """(minor units, currency) that the arguments of a verb name. Anything but a plain integer is no amount."""
    rule = VERBS.get(name)
    if rule is None:
        return None
    value, currency = args.get(rule.amount_arg), args.get(rule.currency_arg)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= AMOUNT_MAX:
        return None
    plain = isinstance(currency, str) and len(currency) == 3 and currency.isascii() and currency.isupper()
    return (value, str(currency)) if plain else None


def cents_of(money: str) -> int:
    """Minor units of an amount like `0` or `12.5`, 0 for anything else."""
    whole, _, part = money.partition(".")
    digits = whole + part.ljust(2, "0")[:2]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 15 else 0


def domain_of(target: str) -> str:
    """What stands behind the last @, in small letters; "" for what is no address."""
    return target.rpartition("@")[2].lower() if "@" in target else ""


def told_tally(tally: Tally) -> Plain:
    """All counts, also those that are zero."""
    return {name: getattr(tally, name) for name in (*Tally.__struct_fields__, "decisions")}


# --- terms ----------------------------------------------------------------------------------------

Field = Callable[[Question], object]


def _map(asked: Question, getters: dict[str, Field], fields: frozenset[str]) -> Plain | None:
    """The fields that are looked at; None when nothing is known about any of them."""
    some = (
        fields and fields <= getters.keys()
    )  # A field that there is not is missing in the whole map, and so it says.
    found = {name: getters[name](asked) for name in (fields if some else getters)}
    known = {name: value for name, value in found.items() if value is not None}
    return known or None


def label_map(labels: Labels) -> Plain:
    return {"integrity": labels.integrity, "sensitivity": labels.sensitivity, "sources": list(labels.sources)}


def _of_verb(read: Callable[[VerbRule], object]) -> Field:
    def field(asked: Question) -> object:
        rule = VERBS.get(asked.name)
        return read(rule) if rule is not None else None

    return field


def _of_amount(place: int) -> Field:
    def field(asked: Question) -> object:
        found = amount_of(asked.name, asked.args)
        return found[place] if found is not None else None

    return field


def _of_tally(name: str) -> Field:
    return lambda asked: getattr(asked.tally, name)


def _of_time(read: Callable[[int, int], object]) -> Field:
    """Of days since 1970 and microseconds of the day, on the wall; missing where nobody told the time."""

    def field(asked: Question) -> object:
        days, rest = divmod(asked.now_us + asked.offset_s * 1_000_000, DAY_US)
        return read(days, rest) if asked.now_us else None

    return field


def _domains(asked: Question) -> list[str]:
    return list(dict.fromkeys(domain for target in asked.targets if (domain := domain_of(target))))


_WHOLE: dict[str, Field] = {
    "agent": lambda asked: asked.agent,
    "args": lambda asked: asked.args,
    "targets": lambda asked: list(asked.targets),
    "known": lambda asked: list(asked.known),
    "confidence": lambda asked: asked.confidence,
    "autonomy": lambda asked: asked.level,
    "cost": lambda asked: asked.cost,
}
_FIELDS: dict[str, dict[str, Field]] = {
    "action": {
        "name": lambda asked: asked.name,
        "connector": lambda asked: asked.connector,
        "verb": lambda asked: asked.verb,
        "outward": _of_verb(lambda rule: rule.outward),
        "reversible": _of_verb(lambda rule: rule.reversible),
        "class": _of_verb(lambda rule: rule.effect_class),
        "touches": _of_verb(lambda rule: list(rule.touches)),
    },
    "amount": {"value": _of_amount(0), "currency": _of_amount(1)},
    "recipients": {
        "count": lambda asked: len(asked.targets),
        "known": lambda asked: len(asked.targets) - len(asked.strangers),
        "unknown": lambda asked: len(asked.strangers),
        "new": lambda asked: len(asked.new),
        "domains": _domains,
    },
    "labels": {
        "integrity": lambda asked: asked.labels.integrity,
        "sensitivity": lambda asked: asked.labels.sensitivity,
        "sources": lambda asked: list(asked.labels.sources),
    },
    "context": {
        "integrity": lambda asked: asked.read.integrity,
        "sensitivity": lambda asked: asked.read.sensitivity,
        "sources": lambda asked: list(asked.read.sources),
    },
    "track": {name: _of_tally(name) for name in (*Tally.__struct_fields__, "decisions")},
    "novelty": {"kind": lambda asked: asked.first, "recipient": lambda asked: bool(asked.new)},
    "time": {
        "hour": _of_time(lambda days, rest: rest // 3_600_000_000),
        "minute": _of_time(lambda days, rest: rest // 60_000_000 % 60),
        "weekday": _of_time(lambda days, rest: (days + 3) % 7 + 1),  # 1 January 1970 was a Thursday.
        "day": _of_time(lambda days, rest: DAYS[(days + 3) % 7]),
        "date": _of_time(lambda days, rest: day_of(days)),
    },
    "run": {
        "id": lambda asked: asked.run,
        "playbook": lambda asked: asked.playbook,
        "priority": lambda asked: asked.priority,
    },
}
assert _WHOLE.keys() | _FIELDS.keys() == TERMS.keys(), "every term has a meaning and a value"
