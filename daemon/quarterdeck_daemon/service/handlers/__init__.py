"""Handlers: one small function for each method of the protocol, in tables by noun."""

from __future__ import annotations

from collections.abc import Callable

from ..house import House
from ..rpc import Handler
from . import (
    actions,
    alerts,
    assets,
    documents,
    export,
    facts,
    memory,
    models,
    privacy,
    runs,
    scopes,
    search,
    system,
    tiers,
    time_travel,
    timeline,
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
    actions.handlers,
    assets.handlers,
    models.handlers,
    timeline.handlers,
    time_travel.handlers,
    export.handlers,
    privacy.handlers,
    scopes.handlers,
)
