"""Handlers: one small function for each method of the protocol, in tables by noun."""

from __future__ import annotations

from collections.abc import Callable

from ..house import House
from ..rpc import Handler
from . import (
    actions,
    alerts,
    approvals,
    assets,
    audit,
    dead_letters,
    digest,
    documents,
    export,
    facts,
    limits,
    memory,
    models,
    objectives,
    policies,
    privacy,
    runs,
    schedules,
    scopes,
    search,
    stopping,
    system,
    tasks,
    tiers,
    time_travel,
    timeline,
    undoing,
    upkeep,
)

HANDLERS: tuple[Callable[[House], dict[str, Handler]], ...] = (
    system.handlers,
    memory.handlers,
    search.handlers,
    tiers.handlers,
    upkeep.handlers,
    documents.handlers,
    facts.handlers,
    alerts.handlers,
    runs.handlers,
    dead_letters.handlers,
    limits.handlers,
    schedules.handlers,
    tasks.handlers,
    objectives.handlers,
    actions.handlers,
    approvals.handlers,
    digest.handlers,
    assets.handlers,
    models.handlers,
    timeline.handlers,
    audit.handlers,
    time_travel.handlers,
    export.handlers,
    privacy.handlers,
    scopes.handlers,
    policies.handlers,
    stopping.handlers,
    undoing.handlers,
)
