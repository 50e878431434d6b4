"""timeline.*, cost.*: the log as it is, and what it cost."""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Iterator

import msgspec

from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ...core.entities import Plain
from ...core.limits import began
from ...core.shown import rebuild, tokens_by_read
from ...store.scoped import versions_of
from ..budget_view import budget_rows
from ..costs import costs, forecast, models_report
from ..house import House, time_us
from ..rpc import Asked, Handler

SCANNED_MAX = 50_000  # Events looked at for one page; then the page ends where it is and says how to go on.
PAGE_BYTES_MAX = 4 * 1024 * 1024
CONSEQUENCES_MAX = 100
OPENED = {"input": "inputs", "context": "context", "output": "output", "verdict": "verdict", "args": "args"}


def handlers(house: House) -> dict[str, Handler]:
    async def read(asked: Asked, params: p.TimelineRead) -> object:
        await house.engine.settled()
        return await asyncio.to_thread(_read, house, params)

    async def event(asked: Asked, params: p.TimelineEvent) -> object:
        return _opened(house, params.seq)

    async def cost(asked: Asked, params: p.CostReport) -> object:
        as_of = house.position(params.as_of)
        now = house.engine.now_us() if as_of is None else house.positions.at_us(as_of) or 0
        since = time_us(params.since) if params.since else began("day", now)
        until = time_us(params.until) if params.until else None
        before = (house.engine.durable_seq if as_of is None else as_of) + 1
        return {
            **await costs(house, since, until, before, params.by),
            "budgets": budget_rows(house, as_of),
            "models": models_report(house.store, since, until or now),
            "forecast": forecast(house.store, now),
        }

    return {
        "timeline.read": read,
        "timeline.event": event,
        "cost.report": cost,
    }


def _read(house: House, params: p.TimelineRead) -> Plain:
    """One page. Only durable events are shown."""
    forward = params.after is not None
    top = house.engine.durable_seq + 1
    if params.as_of is not None:
        top = min(top, (house.positions.of(params.as_of) or 0) + 1)
    before = min(top, params.before) if params.before is not None else top
    events = _source(house, params, after=params.after or 0, before=before, forward=forward)
    items: list[Event] = []
    size = scanned = last = 0
    for event in events:
        scanned, last = scanned + 1, event.seq
        if _fits(event, params.filter):
            items.append(event)
            size += len(msgspec.msgpack.encode(event))
        if len(items) == params.limit or size > PAGE_BYTES_MAX or scanned == SCANNED_MAX:
            return {"items": items, "next": last}
    return {"items": items, "next": None}


def _source(house: House, params: p.TimelineRead, *, after: int, before: int, forward: bool) -> Iterator[Event]:
    entity = params.filter.entity or (f"run:{params.filter.run}" if params.filter.run else None)
    if entity is None:
        return house.store.events(after=after, before=before, reverse=not forward)
    of = house.store.events_of(entity, after=after, reverse=not forward)
    return (event for event in of if event.seq < before)


def _fits(event: Event, filter: p.Filter) -> bool:
    if filter.kinds and not any(fnmatch.fnmatchcase(event.kind, kind) for kind in filter.kinds):
        return False
    if filter.run is not None and event.run != filter.run:
        return False
    if filter.actor is not None and event.actor != filter.actor:
        return False
    return filter.text is None or filter.text.lower() in str(event.body).lower()


def _opened(house: House, seq: int) -> Plain:
    event = house.store.event(seq)
    if event is None or seq > house.engine.durable_seq:
        raise QuarterdeckError(
            "out_of_range", f"the log has no event {seq}", hint=f"It goes from 1 to {house.engine.durable_seq}."
        )
    body = event.body
    opened: Plain = {"event": event, "cost": "0", "prompt": ""}
    for field, name in (
        ("input", "inputs"),
        ("context", "context"),
        ("output", "output"),
        ("verdict", "verdict"),
        ("args", "args"),
    ):
        value = body.get(field)
        opened[name] = value if isinstance(value, dict) else {}
    if event.kind == "step.started":
        shown = rebuild(body, event.at_us, versions_of(house.store))
        opened |= {"context": shown.context, "context_tokens": tokens_by_read(body, shown.context)}
        opened |= {"context_forgotten": list(shown.forgotten), "context_differs": list(shown.differs)}
    cause = event.cause
    if cause and cause.startswith("e") and cause[1:].isdigit():
        opened["cause"] = house.store.event(int(cause[1:]))
    opened["consequences"] = _consequences(house, event)
    return opened


def _consequences(house: House, event: Event) -> list[Event]:
    """What came after it in the same run, or about the same action."""
    action = event.body.get("action")
    entity = f"action:{action}" if isinstance(action, str) else f"run:{event.run}" if event.run else None
    if entity is None:
        return []
    found: list[Event] = []
    for later in house.store.events_of(entity, after=event.seq):
        found.append(later)
        if len(found) == CONSEQUENCES_MAX:
            break
    return found
