"""Commands about limits, budgets and breakers."""

from __future__ import annotations

from ..entities import Amounts, Cap, Limit, Per
from .base import Command


class ConfigureLimits(Command, frozen=True, kw_only=True):
    """What the settings say about limits and failures; see core/entities.py, `Limits`."""

    rules: tuple[Limit, ...] = ()
    breaker_failures: int = 5
    breaker_window_us: int = 60_000_000
    breaker_open_us: int = 30_000_000
    escalate_us: int = 4 * 3_600_000_000


class RaiseBudget(Command, frozen=True, kw_only=True):
    """Give more to what is limited, in the present span of time. scope: `run:r1`, `agent:composer` …"""

    scope: str
    per: Per
    more: Amounts
    reason: str = ""


class SetBudget(Command, frozen=True, kw_only=True):
    """Limit one run, in place of what its playbook says."""

    run: str
    caps: tuple[Cap, ...]


class ResetBreaker(Command, frozen=True, kw_only=True):
    """Close it by hand. id: `agent:composer`, `connector:mail`, `model:draft`."""

    id: str
    reason: str = ""
