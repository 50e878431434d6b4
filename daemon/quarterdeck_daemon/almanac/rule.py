"""What a schedule follows, as data: one struct for all kinds of rules, and how each is worked out."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Literal

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError

from . import cron, repetition
from .zones import LAST_US, moment, zone_of

RuleKind = Literal["cron", "rrule", "at", "every", "after"]
RULE_CHARS_MAX = 1_000
EVERY_US_MIN = 1_000_000


class Rule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When something happens.

    cron   five fields, in wall time of the zone
    rrule  of RFC 5545, from `begin_us` on, in wall time of the zone
    at     once: ISO 8601, in wall time of the zone unless it names an offset
    every  a length of time that passes between two of them, from `begin_us` on; `every_us` is the same as a number
    after  a kind of event; `when` is the condition. It has no times
    """

    kind: RuleKind
    text: str
    zone: str = "UTC"
    begin_us: int = 0
    every_us: int = 0
    when: str = ""


def check_rule(rule: Rule) -> None:
    """Raise QuarterdeckError `bad_value` for a rule that cannot be followed."""
    if len(rule.text) > RULE_CHARS_MAX:
        raise QuarterdeckError("bad_value", f"a rule has at most {RULE_CHARS_MAX} characters")
    zone_of(rule.zone)
    if rule.kind == "every" and rule.every_us < EVERY_US_MIN:
        raise QuarterdeckError("bad_value", f"{rule.text!r} is too often", hint="At most every second: 1s.")
    if rule.kind not in ("after", "at") and next(times(rule, rule.begin_us), None) is None:
        raise QuarterdeckError("bad_value", f"{rule.text[:80]!r} never happens", hint="See docs/scheduling.md.")
    if rule.kind == "at":
        moment_of(rule.text, rule.zone)


def times(rule: Rule, after_us: int) -> Iterator[int]:
    """Yield the moments of a rule after `after_us`, in order, without end if it has none. Of `after`: nothing."""
    return (at_us for at_us in _TIMES[rule.kind](rule, min(max(0, after_us), LAST_US)) if at_us <= LAST_US)


def next_after(rule: Rule, after_us: int) -> int | None:
    return next(times(rule, after_us), None)


def between(rule: Rule, after_us: int, upto_us: int, *, limit: int) -> tuple[list[int], bool]:
    """Return the moments in (after, upto], the first `limit` of them, and whether there are more."""
    found: list[int] = []
    for at_us in times(rule, after_us):
        if at_us > upto_us:
            return found, False
        if len(found) == limit:
            return found, True
        found.append(at_us)
    return found, False


def latest(rule: Rule, after_us: int, upto_us: int, *, count: int) -> list[int]:
    """Return the last `count` moments in (after, upto], in order; fewer when there are no more.

    Looks back further and further, so that years of every minute cost no more than an hour of it.
    """
    back = LOOK_BACK_US
    while True:
        start = max(after_us, upto_us - back)
        found: deque[int] = deque(maxlen=count)
        for at_us in times(rule, start):
            if at_us > upto_us:
                break
            found.append(at_us)
        if len(found) == count or start <= after_us:
            return list(found)
        back *= LOOK_BACK_FACTOR


def merged(rules: dict[str, Rule], after_us: int, upto_us: int, *, limit: int) -> list[tuple[int, str]]:
    """Return what several rules bring in (after, upto], in order of time, at most `limit`."""
    streams = [_named(name, rule, after_us) for name, rule in rules.items()]
    found: list[tuple[int, str]] = []
    for at_us, name in heapq.merge(*streams):
        if at_us > upto_us or len(found) == limit:
            break
        found.append((at_us, name))
    return found


LOOK_BACK_US = 3_600_000_000
LOOK_BACK_FACTOR = 24


def _named(name: str, rule: Rule, after_us: int) -> Iterator[tuple[int, str]]:
    return ((at_us, name) for at_us in times(rule, after_us))


def _cron(rule: Rule, after_us: int) -> Iterator[int]:
    return cron.times(rule.text, zone_of(rule.zone), after_us)


def _rrule(rule: Rule, after_us: int) -> Iterator[int]:
    return repetition.times(rule.text, zone_of(rule.zone), rule.begin_us, after_us)


def _at(rule: Rule, after_us: int) -> Iterator[int]:
    at_us = moment_of(rule.text, rule.zone)
    return iter((at_us,) if at_us > after_us else ())


def _every(rule: Rule, after_us: int) -> Iterator[int]:
    step = rule.every_us
    at_us = rule.begin_us + step * max(1, (after_us - rule.begin_us) // step + 1)
    while at_us <= LAST_US:
        yield at_us
        at_us += step


def _never(rule: Rule, after_us: int) -> Iterator[int]:
    return iter(())


def moment_of(text: str, zone: str) -> int:
    """Return the moment of an ISO 8601 time, in the wall time of the zone unless it names an offset."""
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise QuarterdeckError(
            "bad_value", f"{text[:64]!r} is no time", hint="Write it like 2026-03-29T09:00."
        ) from error
    if not MIN_YEAR <= when.year <= MAX_YEAR:
        raise QuarterdeckError(
            "bad_value", f"the year {when.year} is out of reach", hint=f"{MIN_YEAR} to {MAX_YEAR}."
        )
    return moment(when.replace(tzinfo=None), zone_of(zone)) if when.tzinfo is None else _absolute(when)


def _absolute(when: datetime) -> int:
    return int(when.timestamp()) * 1_000_000 + when.microsecond


MIN_YEAR, MAX_YEAR = 1971, 2199
_TIMES: dict[RuleKind, Callable[[Rule, int], Iterator[int]]] = {
    "cron": _cron, "rrule": _rrule, "at": _at, "every": _every, "after": _never,
}  # fmt: skip
