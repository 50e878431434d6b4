"""What agents did in a stretch of time, counted from the log, and what of it is unlike their own past.

The rule for "unusual": a count is above the mean of the (up to four) stretches of the same length before, by more than
three times the root of that mean, and by more than three. Chance alone passes that seldom; one busy day of somebody who
is usually idle does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from quarterdeck_protocol.events import Event

from ..core.entities import Action, Plain
from ..store.api import Store

STRETCHES = 4
EVENTS_MAX = 1_000_000  # Looked at for one report; beyond it the oldest stretches are left out.
RULE = "more than the mean of up to 4 stretches before, by over 3 and by over 3 times the root of that mean"


class Conduct(msgspec.Struct):
    """Counts of one agent in one stretch.

    approved: without a change.  unasked: allowed by a rule or a grant.  undone: taken back after it had left.
    out_of_scope: reads and writes it was refused.  breaches: answers that broke its contract.  ms: of doing steps.
    """

    steps: int = 0
    succeeded: int = 0
    failures: dict[str, int] = {}
    breaches: int = 0
    proposed: int = 0
    approved: int = 0
    edited: int = 0
    rejected: int = 0
    unasked: int = 0
    denied: int = 0
    withdrawn: int = 0
    expired: int = 0
    effects_failed: int = 0
    unknown: int = 0
    undone: int = 0
    out_of_scope: int = 0
    ms: int = 0

    def add(self, name: str, by: int = 1) -> None:
        setattr(self, name, getattr(self, name) + by)


WATCHED = (
    "steps", "breaches", "proposed", "edited", "rejected", "denied", "effects_failed", "unknown", "undone", "out_of_scope",
)  # fmt: skip
BY_ACTION = {
    "approval.rejected": "rejected",
    "action.permitted": "unasked",
    "action.denied": "denied",
    "action.withdrawn": "withdrawn",
    "action.expired": "expired",
    "effect.failed": "effects_failed",
    "effect.unknown": "unknown",
    "action.compensated": "undone",
}


def conduct(store: Store, since_us: int, until_us: int, head: int) -> Plain:
    """Return {"items": one row per agent, "rule", "complete", "unusual"} for since <= time < until. Blocks."""
    length_us = until_us - since_us
    earliest_us = since_us - STRETCHES * length_us
    first = max(first_at(store, earliest_us, head), head - EVENTS_MAX + 1, 1)
    count = _Count(store, since_us, length_us)
    for event in store.events(after=first - 1, before=head + 1):
        if earliest_us <= event.at_us < until_us:
            count.take(event)
    began = store.event(1)
    past = _whole_stretches(began.at_us if began is not None else since_us, since_us, length_us)
    rows = [_row(agent, count.by_agent[agent], past) for agent in sorted(count.by_agent)]
    items = [row for row in rows if any(value for name, value in row.items() if name not in ("id", "unusual"))]
    reached = store.event(first)
    complete = first == 1 or reached is None or reached.at_us <= since_us
    unusual = sum(len(told) for row in items if isinstance(told := row["unusual"], list))
    return {"items": items, "rule": RULE, "complete": complete, "unusual": unusual, "stretches": past}


def first_at(store: Store, at_us: int, head: int) -> int:
    """The first event at or after a time; about it, where the clock was set back between."""
    low, high = 1, head + 1
    while low < high:
        middle = (low + high) // 2
        event = store.event(middle)
        if event is not None and event.at_us < at_us:
            low = middle + 1
        else:
            high = middle
    return low


def _whole_stretches(began_us: int, since_us: int, length_us: int) -> int:
    """How many stretches before lie wholly within the life of the log; what was not yet there is no past of zeros."""
    return min(STRETCHES, max(0, (since_us - began_us) // length_us)) if length_us > 0 else 0


class _Count:
    """Folds events into counts, by agent and stretch; stretch 0 is the one that is asked about, 1 the one before."""

    def __init__(self, store: Store, since_us: int, length_us: int) -> None:
        self.by_agent: dict[str, dict[int, Conduct]] = {}
        self._store = store
        self._since_us, self._length_us = since_us, max(length_us, 1)
        self._doing: dict[tuple[str, str], tuple[str, int]] = {}  # Step -> agent, and when it began.
        self._agents: dict[str, str] = {}  # Action -> agent.

    def take(self, event: Event) -> None:
        count = COUNTERS.get(event.kind)
        if count is not None:
            count(self, event)

    def of(self, agent: str, event: Event) -> Conduct:
        stretch = 0 if event.at_us >= self._since_us else 1 + (self._since_us - 1 - event.at_us) // self._length_us
        return self.by_agent.setdefault(agent, {}).setdefault(stretch, Conduct(failures={}))

    def started(self, event: Event) -> None:
        agent = str(event.body.get("agent") or "")
        if agent:
            self._doing[event.run or "", str(event.body.get("step"))] = (agent, event.at_us)
            self.of(agent, event).add("steps")

    def ended(self, event: Event) -> None:
        agent, began_us = self._doing.pop((event.run or "", str(event.body.get("step"))), ("", 0))
        if not agent:
            return
        mine = self.of(agent, event)
        mine.add("ms", max(0, event.at_us - began_us) // 1_000)
        if event.kind == "step.succeeded":
            mine.add("succeeded")
            return
        error = event.body.get("error")
        failure = str(error.get("failure", "")) if isinstance(error, dict) else "unknown"
        mine.failures[failure] = mine.failures.get(failure, 0) + 1
        mine.add("breaches", failure == "contract")

    def proposed(self, event: Event) -> None:
        agent = str(event.body.get("agent") or event.actor.removeprefix("agent:"))
        self._agents[str(event.body.get("action"))] = agent
        self.of(agent, event).add("proposed")

    def approved(self, event: Event) -> None:
        agent = self._agent_of(event)
        if agent:
            self.of(agent, event).add("edited" if "args" in event.body else "approved")

    def about_action(self, event: Event) -> None:
        agent = self._agent_of(event)
        if agent:
            self.of(agent, event).add(BY_ACTION[event.kind])

    def refused(self, event: Event) -> None:
        who = str(event.body.get("who", ""))
        if who.startswith("agent:"):
            self.of(who.removeprefix("agent:"), event).add("out_of_scope")

    def _agent_of(self, event: Event) -> str:
        id = str(event.body.get("action"))
        if id not in self._agents:
            action = self._store.get(Action, id)
            self._agents[id] = action.agent if action is not None else ""
        return self._agents[id]


COUNTERS: dict[str, Callable[[_Count, Event], None]] = {
    "step.started": _Count.started,
    "step.succeeded": _Count.ended,
    "step.failed": _Count.ended,
    "step.retry_scheduled": _Count.ended,
    "step.rerouted": _Count.ended,
    "action.proposed": _Count.proposed,
    "approval.given": _Count.approved,
    "scope.refused": _Count.refused,
    **dict.fromkeys(BY_ACTION, _Count.about_action),
}


def _row(agent: str, stretches: dict[int, Conduct], past: int) -> Plain:
    now = stretches.get(0, Conduct(failures={}))
    row: Plain = {"id": agent, **msgspec.to_builtins(now)}
    return {**row, "unusual": [told for name in WATCHED if (told := _unusual(name, now, stretches, past))]}


def _unusual(name: str, now: Conduct, stretches: dict[int, Conduct], past: int) -> str:
    """Why a count is unlike the agent's past; "" when it is not, or when there is no past to compare with."""
    if not past:
        return ""
    before = [getattr(stretches[number], name) if number in stretches else 0 for number in range(1, past + 1)]
    mean, value = sum(before) / past, getattr(now, name)
    return f"{name} {value}, before {mean:g}" if value > mean + 3 + 3 * math.sqrt(mean) else ""
