"""Limits: how much at once, how often, and how much in all; what quarterdeck.toml and playbooks say about it.

A limit is of an agent, a connector, a model, a purpose, each run, or the whole workspace. `at_once` counts what is under
way; a cap counts calls, time, tokens and money in one span of time: minutes, hours, days and months of the calendar, in UTC,
or for ever. A rate is a cap on calls. Nothing here reserves or waits: see budgets.py and admission.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from .commands import Command, ConfigureLimits
from .entities import Amounts, Cap, Limit, Limits, Meter, Per, Plain, Run, Span
from .moments import day_of, moment_us
from .table import Draft, Table
from .turn import Applier, Turn

SPAN_US: dict[Per, int] = {"minute": 60_000_000, "hour": 3_600_000_000, "day": 86_400_000_000}
KINDS = ("agent", "connector", "model")  # What has a circuit breaker, too.
PARENTS_MAX = 16  # Runs above a run whose budgets it draws from.
RULES_MAX = 1_000
NOTHING = Amounts()
Sign = Literal[1, -1]


# --- amounts and spans ----------------------------------------------------------------------------


def add(one: Amounts, other: Amounts, sign: Sign = 1) -> Amounts:
    """Return the sum, or the difference; never below nothing."""
    return Amounts(
        calls=max(0, one.calls + sign * other.calls),
        ms=max(0, one.ms + sign * other.ms),
        tokens=max(0, one.tokens + sign * other.tokens),
        money=max(0, one.money + sign * other.money),
    )


def too_much(wanted: Amounts, most: Amounts) -> str:
    """Name the first amount of `wanted` that is beyond `most`, "" when all fit. A most of 0 is no limit."""
    for name in Amounts.__struct_fields__:
        if getattr(most, name) and getattr(wanted, name) > getattr(most, name):
            return name
    return ""


def raised(cap: Cap, more: Amounts) -> Amounts:
    """The cap with what the operator gave on top. What has no limit gets none by that."""
    return Amounts(
        **{
            name: getattr(cap.most, name) and getattr(cap.most, name) + getattr(more, name)
            for name in Amounts.__struct_fields__
        }
    )


def began(per: Per, at_us: int) -> int:
    """When the span began in which `at_us` lies."""
    if per == "ever":
        return 0
    if per == "month":
        return moment_us(f"{day_of(at_us // SPAN_US['day'])[:7]}-01")[0]
    return at_us - at_us % SPAN_US[per]


def ends(per: Per, at_us: int) -> int | None:
    """When the next span begins; None when there is none."""
    if per == "ever":
        return None
    if per == "month":
        return began(per, began(per, at_us) + 32 * SPAN_US["day"])
    return began(per, at_us) + SPAN_US[per]


def span_of(meter: Meter | None, per: Per, at_us: int) -> Span:
    """What was used and reserved in the span of now; a span that is over counts no more."""
    since = began(per, at_us)
    known = meter.spans.get(per) if meter is not None else None
    return known if known is not None and known.since_us == since else Span(since_us=since)


# --- which limits hold ----------------------------------------------------------------------------


def limits_of(table: Table) -> Limits:
    return table.get(Limits, "workspace") or Limits(id="workspace")


def rule_of(limits: Limits, scope: str) -> Limit | None:
    """The rule for this very one, else the one for each of its kind."""
    if not limits.rules:
        return None
    kind, _, name = scope.partition(":")
    wanted = ("run",) if kind == "run" else (scope, f"{kind}:*") if name else (scope,)
    found = {rule.of: rule for rule in limits.rules if rule.of in wanted}
    return next((found[of] for of in wanted if of in found), None)


def caps_of(limits: Limits, meter: Meter | None, scope: str) -> tuple[Cap, ...]:
    """All caps that hold for it: those of the settings, and a run's own."""
    rule = rule_of(limits, scope)
    return (*(rule.caps if rule else ()), *(meter.own if meter is not None else ()))


def run_scopes(table: Table, run: Run | None) -> Iterator[str]:
    """The run and those above it: a child spends what its parent has."""
    for _ in range(PARENTS_MAX):
        if run is None:
            return
        yield f"run:{run.id}"
        run = table.get(Run, run.parent) if run.parent else None


# --- settings -------------------------------------------------------------------------------------


def configure(turn: Turn, command: ConfigureLimits) -> Plain:
    """Record what the settings say, if it changed."""
    if len(command.rules) > RULES_MAX:
        raise QuarterdeckError("schema", f"there are at most {RULES_MAX} limits")
    known = limits_of(turn.draft)
    plain: Plain = msgspec.to_builtins(command)
    if any(getattr(known, name) != getattr(command, name) for name in plain):
        turn.emit("limits.configured", plain)
    return {"rules": len(command.rules)}


def _configured(draft: Draft, event: Event) -> None:
    draft.put(msgspec.convert({**event.body, "id": "workspace", "seq": event.seq}, Limits))


DECIDE: dict[type[Command], Callable[..., Plain]] = {ConfigureLimits: configure}
APPLY: dict[str, Applier] = {"limits.configured": _configured}
