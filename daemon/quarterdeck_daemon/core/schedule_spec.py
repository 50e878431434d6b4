"""A schedule as a playbook's file says it. docs/scheduling.md explains every word."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from quarterdeck_protocol.codes import QuarterdeckError

from ..almanac.rule import Rule, RuleKind, check_rule, moment_of
from ..almanac.window import window_of
from .durations import duration_us
from .entities import Missed, Overlap, Plain
from .expressions import Unanswerable, program
from .news import NEWS

SPECS_MAX: Final = 50  # Of one file.
MISSED_MAX: Final = 100  # That `all` makes up for.
JITTER_US_MAX: Final = 7 * 86_400_000_000
RULE_KINDS: Final[tuple[RuleKind, ...]] = ("cron", "rrule", "at", "every", "after")
SPEC_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SOME_DAY_US: Final = 1_700_000_000_000_000  # Where a rule is tried that does not say where it begins.


class ScheduleSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a run of the playbook begins by itself. Exactly one of cron, rrule, at, every and after."""

    id: Annotated[str, Meta(description="Its name within the file; the schedule is called PLAYBOOK.NAME.")] = ""
    cron: Annotated[str, Meta(description="Minute, hour, day of month, month, day of week: `0 9 * * 1-5`.")] = ""
    rrule: Annotated[str, Meta(description="A rule of RFC 5545: FREQ=WEEKLY;BYDAY=MO;BYHOUR=9;BYMINUTE=0.")] = ""
    at: Annotated[str, Meta(description="Once: 2026-12-01T09:00, in the zone.")] = ""
    every: Annotated[str, Meta(description="A length of time between two runs: 15m, 2h, 7d.")] = ""
    after: Annotated[str, Meta(description="A kind of event: fact.asserted, run.ended …")] = ""
    when: Annotated[str, Meta(description="With `after`: a condition in CEL over what the event tells.")] = ""
    begin: Annotated[
        str, Meta(description="Where rrule and every begin to count; left out: when it is first read.")
    ] = ""
    zone: Annotated[str, Meta(description="An IANA time zone; left out: the workspace's.")] = ""
    inputs: Annotated[
        Plain, Meta(description="Inputs of the run; a text may hold `${…}` over schedule and news.")
    ] = {}
    missed: Annotated[Missed, Meta(description="What is done about times at which nothing ran.")] = "once"
    missed_max: Annotated[int, Meta(description="With `missed: all`: the most that are made up for.")] = 10
    overlap: Annotated[Overlap | None, Meta(description="What is done while the run before still lives.")] = None
    jitter: Annotated[str, Meta(description="It begins up to so much later, by chance.")] = ""
    priority: Annotated[
        Literal["", "interactive", "normal", "batch"],
        Meta(description="Whose steps go first; left out: as the playbook says."),
    ] = ""
    window: Annotated[str, Meta(description="Hours in which it may begin: 22:00-06:00 mon-fri.")] = ""
    note: str = ""


def check_spec(spec: ScheduleSpec, inputs: frozenset[str]) -> None:
    """Raise QuarterdeckError for what could never be carried out. inputs: those that the playbook takes."""
    if spec.id and not SPEC_ID.fullmatch(spec.id):
        raise QuarterdeckError(
            "bad_value", f"{spec.id[:80]!r} is no name of a schedule", hint="Letters, digits, `_`, `-`."
        )
    given = {kind: text for kind in RULE_KINDS if (text := getattr(spec, kind))}
    rule = rule_of(given, spec.zone or "UTC", spec.when, spec.begin, _SOME_DAY_US)
    check_parts(rule, spec.missed_max, duration_us(spec.jitter) if spec.jitter else 0, spec.window)
    if unknown := sorted(set(spec.inputs) - inputs):
        known = f"Its inputs: {', '.join(sorted(inputs)) or 'none'}."
        raise QuarterdeckError("schema", f"the playbook takes no input {unknown[0]!r}", hint=known)


def rule_of(given: dict[RuleKind, str], zone: str, when: str, begin: str, now_us: int) -> Rule:
    """Return the rule that these words mean. Raises QuarterdeckError when there is not exactly one."""
    if len(given) != 1:
        raise QuarterdeckError("schema", f"a schedule has exactly one of {', '.join(RULE_KINDS)}")
    ((kind, words),) = given.items()
    counts = kind in ("every", "rrule")
    begin_us = moment_of(begin, zone) if begin else now_us
    every_us = duration_us(words.strip()) if kind == "every" else 0
    return Rule(
        kind=kind, text=words.strip(), zone=zone, begin_us=begin_us if counts else 0, every_us=every_us, when=when
    )


def check_parts(rule: Rule, missed_max: int, jitter_us: int, window: str) -> None:
    """Raise QuarterdeckError for what could never be carried out, whoever says it."""
    check_rule(rule)
    if rule.when and rule.kind != "after":
        raise QuarterdeckError("schema", "only `after` has a condition", hint="Put it into the playbook's steps.")
    if rule.kind == "after":
        _check_news(rule)
    if not 1 <= missed_max <= MISSED_MAX:
        raise QuarterdeckError("out_of_range", f"missed_max is 1 to {MISSED_MAX}")
    if jitter_us > JITTER_US_MAX:
        raise QuarterdeckError("out_of_range", "a jitter is at most 7d")
    if window:
        window_of(window)


def _check_news(rule: Rule) -> None:
    if rule.text not in NEWS:
        raise QuarterdeckError(
            "bad_value", f"no run starts after {rule.text!r}", hint=f"It can be {', '.join(NEWS)}."
        )
    try:
        program(rule.when or "true")
    except Unanswerable as error:
        raise QuarterdeckError("bad_value", f"after {rule.text}: {error}", hint="Conditions are CEL.") from error
