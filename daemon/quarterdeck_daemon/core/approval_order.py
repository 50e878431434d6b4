"""In which order the operator is asked: risk, then money, then what expires first. Never by arrival.

Amounts are compared as numbers of minor units, whatever their currency: nobody here knows a rate. What is equal in all three
stands in the order of its hash, which nobody chose and which does not change.
"""

from __future__ import annotations

from collections.abc import Iterable

from .entities import Action
from .guards import RISK_ORDER
from .vocabulary import amount_of

NEVER_US = 1 << 62


def money_of(action: Action) -> int:
    """Minor units that the action names, 0 for none."""
    found = amount_of(f"{action.connector}.{action.verb}", action.args)
    return found[0] if found is not None else 0


def order_of(action: Action) -> tuple[int, int, int, str, str]:
    """The key by which waiting actions are sorted, the first to be asked about being the smallest."""
    expires_us = action.expires_us if action.expires_us is not None else NEVER_US
    return (-RISK_ORDER[action.verdict.risk], -money_of(action), expires_us, action.shown_hash, action.id)


def in_order(actions: Iterable[Action]) -> list[Action]:
    """Waiting actions as the operator should meet them."""
    return sorted(actions, key=order_of)


def awaits(action: Action, now_us: int) -> bool:
    """Whether it waits for the operator now: neither decided, nor put away, nor past its time."""
    away = (action.snoozed_until_us or 0) > now_us
    over = action.expires_us is not None and action.expires_us <= now_us
    return action.status == "proposed" and not away and not over
