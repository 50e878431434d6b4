"""`[[limits]]`, `[[budgets]]` and `[failures]` of quarterdeck.toml, and what the core is told of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

import msgspec

from ..core.commands import ConfigureLimits
from ..core.durations import duration_us
from ..core.entities import Amounts, Cap, Limit, Per

Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 50)]
Time = Annotated[str, msgspec.Meta(pattern=r"^([0-9]{1,9}(ms|s|m|h|d|w))+$")]
TimeOrNever = Annotated[str, msgspec.Meta(pattern=r"^(([0-9]{1,9}(ms|s|m|h|d|w))+)?$")]
Limited = Annotated[
    str,
    msgspec.Meta(pattern=r"^(workspace|run|(agent|connector|model|purpose):(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63}))$"),
]


class LimitSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much at once and how often. 0 is no limit."""

    of: Limited
    at_once: Count = 0
    per_minute: Count = 0
    per_hour: Count = 0
    per_day: Count = 0


class BudgetSetting(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much in all, in one span of time. 0 is no limit; money is in minor units."""

    of: Limited
    per: Literal["hour", "day", "month", "ever"] = "day"
    calls: Count = 0
    minutes: Count = 0
    tokens: Count = 0
    money: Count = 0
    over: Literal["throttle", "escalate", "stop"] = "throttle"


class Failures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a breaker opens, for how long, and when work that gave up becomes an alert."""

    breaker: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 5
    breaker_window: Time = "60s"
    breaker_open: Time = "30s"
    escalate: TimeOrNever = "4h"


def limits_command(
    limits: Sequence[LimitSetting], budgets: Sequence[BudgetSetting], failures: Failures, contracts: Iterable[Limit]
) -> ConfigureLimits:
    """What the core is told. Several tables of one name count together; they stand above what a contract says."""
    rules: dict[str, Limit] = {}
    for one in limits:
        known = rules.get(one.of, Limit(of=one.of))
        rules[one.of] = Limit(of=one.of, at_once=one.at_once or known.at_once, caps=known.caps + _rates(one))
    for budget in budgets:
        known = rules.get(budget.of, Limit(of=budget.of))
        rules[budget.of] = msgspec.structs.replace(known, caps=(*known.caps, _cap(budget)))
    return ConfigureLimits(
        rules=tuple(({one.of: one for one in contracts} | rules).values()),
        breaker_failures=failures.breaker,
        breaker_window_us=duration_us(failures.breaker_window),
        breaker_open_us=duration_us(failures.breaker_open),
        escalate_us=duration_us(failures.escalate) if failures.escalate else 0,
    )


def _rates(limit: LimitSetting) -> tuple[Cap, ...]:
    rates: dict[Per, int] = {"minute": limit.per_minute, "hour": limit.per_hour, "day": limit.per_day}
    return tuple(Cap(per=per, most=Amounts(calls=calls)) for per, calls in rates.items() if calls)


def _cap(budget: BudgetSetting) -> Cap:
    most = Amounts(calls=budget.calls, ms=budget.minutes * 60_000, tokens=budget.tokens, money=budget.money)
    return Cap(per=budget.per, most=most, over=budget.over)
