"""Handlers: one small function for each method of the protocol, in tables by noun."""

from __future__ import annotations

from collections.abc import Callable

from ..house import House
from ..rpc import Handler
from . import actions, assets, export, facts, memory, runs, system, timeline

HANDLERS: tuple[Callable[[House], dict[str, Handler]], ...] = (
    system.handlers,
    memory.handlers,
    facts.handlers,
    runs.handlers,
    actions.handlers,
    assets.handlers,
    timeline.handlers,
    export.handlers,
)
