"""The places that a digit leads to. Tabs, digits, the command palette and `:` are made from these rows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """`name`: its word after `:`. `short`: on the tab, and `PLACE` of its screen. `about`: for help and palette."""

    key: str
    name: str
    short: str
    about: str


PLACES: tuple[Place, ...] = (
    Place("1", "bench", "Bench", "What waits for your yes"),
    Place("2", "timeline", "Time", "What happened, event by event"),
    Place("3", "memory", "Memory", "What is known, since when and why"),
    Place("4", "agents", "Agents", "Agents, budgets and models"),
    Place("5", "flows", "Flows", "Runs and their plans"),
    Place("6", "dead", "Dead", "Work that gave up, and its remedies"),
    Place("7", "policies", "Policies", "Rules, tests on the past, standing permissions"),
    Place("8", "metrics", "Metrics", "Cost, how often you are asked, how it turns out"),
)  # fmt: skip


def tab_of(short: str) -> str:
    """Return the tab's words: with its digit when it is a place."""
    return next((f"{one.key} {one.short}" for one in PLACES if one.short == short), short)
