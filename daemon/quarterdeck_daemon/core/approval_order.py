"""In which order the operator is asked: risk, then money, then what expires first. Never by arrival.

Amounts are compared as numbers of minor units, whatever their currency: nobody here knows a rate. What is equal in all three
stands in the order of its hash, which nobody chose and which does not change.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from .entities import Action, Risk
from .gates import RISK, Gate
from .guards import RISK_ORDER
from .vocabulary import amount_of

NEVER_US = 1 << 62
W = TypeVar("W", bound=Action | Gate)


def money_of(action: Action) -> int:
    """Minor units that the action names, 0 for none."""
    found = amount_of(f"{action.connector}.{action.verb}", action.args)
    return found[0] if found is not None else 0


def risk_of(one: Action | Gate) -> Risk:
    return RISK if isinstance(one, Gate) else one.verdict.risk


def order_of(one: Action | Gate) -> tuple[int, int, int, str, str]:
    """The key by which what waits is sorted, the first to be asked about being the smallest."""
    money = 0 if isinstance(one, Gate) else money_of(one)
    expires_us = one.expires_us if one.expires_us is not None else NEVER_US
    return (-RISK_ORDER[risk_of(one)], -money, expires_us, one.shown_hash, one.id)


def in_order(waiting: Iterable[W]) -> list[W]:
    """What waits as the operator should meet it."""
    return sorted(waiting, key=order_of)


def awaits(one: Action | Gate, now_us: int, *, away: bool = False) -> bool:
    """Whether it waits for the operator now: neither decided, nor past its time, nor put away, unless `away` is asked for."""
    until_us = one.step.away_us if isinstance(one, Gate) else one.snoozed_until_us
    over = one.expires_us is not None and one.expires_us <= now_us
    waits = isinstance(one, Gate) or one.status == "proposed"
    return waits and not over and (away or (until_us or 0) <= now_us)
