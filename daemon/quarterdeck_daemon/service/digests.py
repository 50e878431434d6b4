"""Digests: the start of the day, its end, and the week. Read from the log and the state; nothing of it is kept.

    day      since the day before began: what waits by risk, what went out, what failed, what is late
    evening  since today began: the same, and of what was approved today how each stands now
    week     the last seven days: the same, and for each agent what it did, what was wrong, what it cost and earned

Days begin at midnight in the workspace's zone. A digest of a past moment tells the state of then.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from quarterdeck_protocol.events import Event

from ..almanac.zones import moment, wall, zone_of
from ..core.approval_order import risk_of
from ..core.attention import DECISIONS_PER_DAY, ESTIMATE_MS, MINUTES_PER_DAY, spent_ms
from ..core.entities import Action, Attention, Fact, Memory, Plain, Run, Task
from ..core.gates import Gate
from ..core.kind_checks import amount_of
from ..core.lessons import KIND as LESSON
from ..core.settings import settings_of
from ..core.table import Table
from .costs import costs
from .house import House
from .learned import suggested_in
from .views import iso
from .waiting import table_of, waiting

EVENTS_MAX = 100_000  # Looked at for one digest, newest first; beyond it the digest says that it is not complete.
LINES_MAX = 50  # Of each part; counts tell the rest.
SOON_US = 24 * 3_600_000_000  # What expires within a day is as good as late.
YIELD_EVERY = 500
DAYS = {"day": 1, "evening": 0, "week": 6}
OUT = {"effect.succeeded": "went out", "action.compensated": "taken back"}
FAILED = {
    "effect.failed": "failed", "effect.unknown": "nobody knows whether it left", "deadletter.filed": "gave up",
    "action.expired": "expired, so it is not done", "approval.returned": "came back: something had changed",
    "action.compensation_failed": "could not be taken back",
}  # fmt: skip
WRONG = ("edited", "rejected", "failed", "undone")
TALLIED = {
    "approval.given": "approved", "approval.rejected": "rejected", "effect.succeeded": "done", "effect.failed": "failed",
    "action.correction_wanted": "undone",
}  # fmt: skip


class _Span:
    """What the log says of a span of time, newest first."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.complete = True


async def digest(house: House, span: str, now_us: int, as_of: int | None) -> Plain:
    """Return the digest that ends at `now_us`. as_of: the position of that moment when it is past."""
    table = table_of(house, as_of)
    since_us = _since(table, span, now_us)
    head = as_of if as_of is not None else house.store.head.seq
    found = await _read(house, since_us, head + 1)
    asked = waiting(house, as_of)
    cost = await costs(house, since_us, now_us + 1, head + 1)
    view: Plain = {
        "span": span,
        "since": iso(since_us),
        "until": iso(now_us),
        "waiting": [_line(one, "waits", one.expires_us) for one in asked[:LINES_MAX]],
        "waiting_counts": dict(Counter(risk_of(one) for one in asked)),
        "cooling": [_line(one, "cools off", one.release_us) for one in _cooling(table)],
        "went_out": list(_told(table, found.events, OUT)),
        "failed": list(_told(table, found.events, FAILED)),
        "late": list(_late(table, asked, now_us)),
        "counts": dict(Counter(TALLIED[event.kind] for event in found.events if event.kind in TALLIED)),
        "attention": _attention(table, since_us, now_us),
        "lessons": [event.body["id"] for event in found.events if _is_lesson(table, event)][:LINES_MAX],
        "suggested": list(suggested_in(table, every=False)),
        "cost": cost.get("money", "0"),
        "complete": found.complete and bool(cost.get("complete", True)),
    }
    if span == "evening":
        view["reconciled"] = list(_reconciled(table, found.events))
    if span == "week":
        view["agents"] = _agents(table, found.events, cost)
    return view


def _since(table: Table, span: str, now_us: int) -> int:
    zone = zone_of(settings_of(table).timezone)
    today = wall(now_us, zone).date() - timedelta(days=DAYS[span])
    return moment(datetime(today.year, today.month, today.day), zone)


async def _read(house: House, since_us: int, before: int) -> _Span:
    span = _Span()
    for count, event in enumerate(house.store.events(before=before, reverse=True), start=1):
        if event.at_us < since_us:
            break
        if event.kind in WANTED:
            span.events.append(event)
        if count >= EVENTS_MAX:
            span.complete = False
            break
        if count % YIELD_EVERY == 0:
            await asyncio.sleep(0)
    return span


WANTED = frozenset((*OUT, *FAILED, *TALLIED, "memory.remembered", "fact.asserted"))


# --- lines ----------------------------------------------------------------------------------------


def _line(one: Action | Gate, what: str, at_us: int | None) -> Plain:
    text, agents = (one.step.gate, one.agents) if isinstance(one, Gate) else (one.summary, (one.agent,))
    return {
        "id": one.id, "what": what, "text": text, "at": iso(at_us), "agent": ", ".join(agents), "risk": risk_of(one),
    }  # fmt: skip


def _cooling(table: Table) -> list[Action]:
    found = [one for one in table.live(Action) if one.cooling and one.status == "held"]
    return sorted(found, key=lambda one: one.release_us or 0)[:LINES_MAX]


def _told(table: Table, events: list[Event], words: dict[str, str]) -> Iterator[Plain]:
    """One line for each, newest first; what was told of an action once is not told again."""
    known: set[str] = set()
    for event in events:
        id = str(event.body.get("action") or event.body.get("id") or "")
        if event.kind not in words or f"{event.kind}/{id}" in known or len(known) >= LINES_MAX:
            continue
        known.add(f"{event.kind}/{id}")
        action = table.get(Action, id)
        if action is not None:
            yield _line(action, words[event.kind], event.at_us)
        elif event.kind == "deadletter.filed":
            text = f"{event.body.get('run', '')} {event.body.get('step', '')}".strip()
            yield {"id": id, "what": words[event.kind], "text": text, "at": iso(event.at_us)}


def _late(table: Table, asked: list[Action | Gate], now_us: int) -> Iterator[Plain]:
    """What is past its time, and what you would lose within a day by saying nothing."""
    for one in asked:
        if one.expires_us is not None and one.expires_us <= now_us + SOON_US:
            yield _line(one, "expires soon", one.expires_us)
    for task in table.live(Task):
        if task.due_us is not None and task.due_us <= now_us:
            yield {"id": task.id, "what": "overdue", "text": task.title, "at": iso(task.due_us), "agent": task.owner}
    for run in table.live(Run):
        if run.deadline_us is not None and run.deadline_us <= now_us + SOON_US:
            yield {"id": run.id, "what": "runs out of time", "text": run.playbook, "at": iso(run.deadline_us)}


def _reconciled(table: Table, events: list[Event]) -> Iterator[Plain]:
    """Of what you approved today, how each stands now; what is not over comes first."""
    given = {str(event.body["action"]): event.at_us for event in events if event.kind == "approval.given"}
    found = [(action, at_us) for id, at_us in given.items() if (action := table.get(Action, id)) is not None]
    for action, at_us in sorted(found, key=lambda one: (not one[0].live, -one[1]))[:LINES_MAX]:
        yield _line(action, action.status, at_us)


def _is_lesson(table: Table, event: Event) -> bool:
    if event.kind != "memory.remembered":
        return False
    memory = table.get(Memory, str(event.body.get("id")))
    return memory is not None and memory.memory_kind == LESSON and memory.current


# --- numbers --------------------------------------------------------------------------------------


def _attention(table: Table, since_us: int, now_us: int) -> Plain:
    zone = zone_of(settings_of(table).timezone)
    first, last = wall(since_us, zone).date().isoformat(), wall(now_us, zone).date().isoformat()
    days = [day for day in table.scan(Attention) if first <= day.id <= last]
    span_days = (wall(now_us, zone).date() - wall(since_us, zone).date()).days + 1
    decided, measured = sum(day.decided for day in days), sum(day.measured for day in days)
    return {
        "decisions": decided,
        "minutes": round(sum(map(spent_ms, days)) / 60_000, 1),
        "measured": measured,
        "estimated": decided - measured,
        "estimate_s": ESTIMATE_MS // 1_000,
        "decisions_target": DECISIONS_PER_DAY * span_days,
        "minutes_target": MINUTES_PER_DAY * span_days,
        "days": span_days,
    }


def _agents(table: Table, events: list[Event], cost: Plain) -> list[Plain]:
    counts: dict[str, Counter[str]] = {}
    for event in events:
        action = table.get(Action, str(event.body.get("action"))) if event.kind in TALLIED else None
        if action is not None:
            edited = event.kind == "approval.given" and isinstance(event.body.get("args"), dict)
            counts.setdefault(action.agent, Counter())["edited" if edited else TALLIED[event.kind]] += 1
    items = cost.get("items")
    spent = {str(one["id"]): str(one.get("money", "0")) for one in items} if isinstance(items, list) else {}
    earned = _earned(table, events)
    names = {*counts, *earned, *(id.removeprefix("agent:") for id in spent if id.startswith("agent:"))} - {""}
    return [_agent(name, counts.get(name, Counter()), spent, earned.get(name, {})) for name in sorted(names)]


def _agent(name: str, count: Counter[str], spent: dict[str, str], earned: dict[str, Decimal]) -> Plain:
    told = {word: count[word] for word in ("done", "approved", "edited", "rejected", "failed", "undone")}
    return {
        "id": name,
        **told,
        "wrong": sum(count[word] for word in WRONG),
        "cost": spent.get(f"agent:{name}", "0"),
        "earned": {currency: f"{amount}" for currency, amount in earned.items()},
    }


def _earned(table: Table, events: list[Event]) -> dict[str, dict[str, Decimal]]:
    """By agent and currency: payments to us that were recorded in the span, by the run that made their invoice."""
    found: dict[str, dict[str, Decimal]] = {}
    for event in events:
        if event.kind != "fact.asserted" or event.body.get("kind") != "payment" or event.body.get("version") != 1:
            continue
        payment = table.get(Fact, f"payment/{event.body.get('key')}")
        amount = amount_of(payment.value.get("amount")) if payment is not None and payment.canonical else None
        if payment is None or amount is None or payment.value.get("direction") == "out":
            continue
        currency = str(payment.value.get("currency") or "")
        for agent in _makers(table, payment):
            sums = found.setdefault(agent, {})
            sums[currency] = sums.get(currency, Decimal(0)) + amount
    return found


def _makers(table: Table, payment: Fact) -> set[str]:
    """Agents of the run that the payment's invoice came from; nobody when it was written by hand."""
    ref = str(payment.value.get("invoice") or "")
    invoice = table.get(Fact, ref if ref.startswith("invoice/") else f"invoice/{ref}") if ref else None
    source = (invoice or payment).source
    run_id = source.removeprefix("run:").partition("/")[0]
    run = table.get(Run, run_id) if run_id else None
    return {step.agent for step in run.steps.values() if step.actions and step.agent} if run is not None else set()
