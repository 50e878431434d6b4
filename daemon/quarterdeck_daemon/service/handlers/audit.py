"""audit.*: proofs about the log, its export, and what agents did."""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import Iterator

from quarterdeck_protocol import audit_messages as au
from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from ...core.entities import Plain
from ..audit_lines import PURPOSE, line_of, sealed_part
from ..conduct import conduct
from ..heads import durable_head, heads_in, note_head, places
from ..house import House, time_us
from ..rpc import Asked, Handler
from ..trail import trail
from ..views import iso

EXPORT_CHUNK = 500
REPORT_US = 7 * 86_400_000_000


def handlers(house: House) -> dict[str, Handler]:
    async def verify(asked: Asked, params: p.Nothing) -> object:
        await house.engine.settled()
        return await asyncio.to_thread(_verify, house)

    async def export(asked: Asked, params: au.AuditExport) -> object:
        await house.engine.settled()
        head = durable_head(house.store, house.engine.durable_seq)
        before = min(head.seq + 1, params.before) if params.before is not None else head.seq + 1
        count, chunk = 0, list[Plain]()
        for line in _lines(house, params, before):
            chunk.append(line)
            count += 1
            if len(chunk) == EXPORT_CHUNK:
                await asked.send({"events": chunk})
                chunk = []
        if chunk:
            await asked.send({"events": chunk})
        return {"count": count, "head_seq": head.seq, "head_mac": head.mac}

    async def tree(asked: Asked, params: au.AuditTrail) -> object:
        await house.engine.settled()
        return {"id": params.id, "tree": trail(house.store, params.id)}

    async def report(asked: Asked, params: au.AuditReport) -> object:
        await house.engine.settled()
        as_of = house.position(params.as_of)
        now = house.engine.now_us() if as_of is None else house.positions.at_us(as_of) or 0
        until = time_us(params.until) if params.until else now
        since = time_us(params.since) if params.since else until - REPORT_US
        if since >= until:
            raise QuarterdeckError(
                "bad_value", "the report would begin after its end", hint="Name an earlier --since."
            )
        found = await asyncio.to_thread(
            conduct, house.store, since, until, house.engine.durable_seq if as_of is None else as_of
        )
        return {"since": iso(since), "until": iso(until), **found}

    async def head(asked: Asked, params: p.Change) -> object:
        await house.engine.settled()
        await note_head(house, now=True)
        known = durable_head(house.store, house.engine.durable_seq)
        noted = [str(path) for path in places(house.workspace, house.config.audit.heads_to) if path.exists()]
        return {"head_seq": known.seq, "head_mac": known.mac, "places": noted}

    return {
        "audit.verify": verify,
        "audit.export": export,
        "audit.trail": tree,
        "audit.report": report,
        "audit.head": head,
    }


def _verify(house: House) -> Plain:
    """The chain, and then whether the heads that were noted outside the log are in it."""
    found = house.store.verify()
    told: Plain = {"checked": found.checked, "head_seq": found.head.seq, "head_mac": found.head.mac}
    if found.broken_at is not None:
        return {**told, "ok": False, "broken_at": found.broken_at, "reason": found.reason}
    heads, faults = heads_in(places(house.workspace, house.config.audit.heads_to))
    for seq, mac in sorted(heads.items()):
        if seq > found.head.seq or durable_head(house.store, seq).mac != mac:
            reason = "another event stood here when its head was noted outside the log"
            return {**told, "ok": False, "broken_at": seq, "reason": reason, "faults": faults}
    return {**told, "ok": not faults, "broken_at": None, "heads": len(heads), "faults": faults}


def _lines(house: House, params: au.AuditExport, before: int) -> Iterator[Plain]:
    """Sealed lines of the events that fit. Each needs its successor, which holds its mac."""
    since = time_us(params.since) if params.since else None
    until = time_us(params.until) if params.until else None
    held: Event | None = None
    for event in house.store.events(after=params.after, before=before + 1):
        if held is not None and _fits(held, params, since, until):
            yield _sealed(house, held, event.prev_mac)
        held = event
    if held is not None and held.seq < before and _fits(held, params, since, until):
        yield _sealed(house, held, durable_head(house.store, held.seq).mac)


def _sealed(house: House, event: Event, mac: bytes) -> Plain:
    line = line_of(event, mac)
    return {**line, "seal": house.store.seal(PURPOSE, sealed_part(line)).hex()}


def _fits(event: Event, params: au.AuditExport, since: int | None, until: int | None) -> bool:
    if params.kinds and not any(fnmatch.fnmatchcase(event.kind, kind) for kind in params.kinds):
        return False
    if params.run is not None and event.run != params.run:
        return False
    return (since is None or event.at_us >= since) and (until is None or event.at_us < until)
