"""undo.*, action.undo and run.rollback: effects taken back, as one plan that can be looked at first and followed later."""

from __future__ import annotations

import asyncio

from quarterdeck_protocol import params as p
from quarterdeck_protocol import undo_messages as u
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import Undo
from ...core.entities import Plain, Run, Undoing
from ...core.undoing import rows_of
from ..changes import Scope
from ..house import House, time_us
from ..rewinding import make_plan
from ..rpc import Asked, Handler
from ..views import iso
from .pages import newest_first

WORKED_OUT_WAIT_S = 5.0
WORKED_OUT_POLL_S = 0.02


def handlers(house: House) -> dict[str, Handler]:
    async def start(asked: Asked, params: u.UndoStart) -> object:
        return await _undo(house, asked, _command(params))

    async def rollback(asked: Asked, params: u.UndoOne) -> object:
        return await _undo(house, asked, _one("run", params))

    async def undo_action(asked: Asked, params: u.UndoOne) -> object:
        return await _undo(house, asked, _one("action", params))

    async def get(asked: Asked, params: p.ReadOne) -> object:
        undoing = house.store.get(Undoing, params.id, as_of=house.position(params.as_of))
        if undoing is None:
            raise QuarterdeckError("not_found", f"there is no undoing {params.id!r}", hint="quarterdeck undo --list")
        return _view(house, undoing)

    async def listing(asked: Asked, params: p.Listing) -> object:
        items: list[Plain] = []
        last = 0
        as_of = house.position(params.as_of)
        for seq, undoing in newest_first(
            house.store, Undoing, "undo.begun", "undoing", cursor=params.cursor, as_of=as_of
        ):
            if len(items) == params.limit:
                return {"items": items, "next": str(last)}
            items.append(_view(house, undoing))
            last = seq
        return {"items": items, "next": None}

    return {
        "undo.start": start,
        "run.rollback": rollback,
        "action.undo": undo_action,
        "undo.get": get,
        "undo.list": listing,
    }


def _command(params: u.UndoStart) -> Undo:
    return Undo(
        scope=params.scope,
        since_us=time_us(params.since) if params.since else None,
        until_us=time_us(params.until) if params.until else None,
        dry_run=params.dry_run,
        plan_hash=params.plan_hash,
        reason=params.reason,
    )


def _one(kind: str, params: u.UndoOne) -> Undo:
    scope = f"{kind}:{params.id.removeprefix(f'{kind}:')}"
    return Undo(scope=scope, dry_run=params.dry_run, plan_hash=params.plan_hash, reason=params.reason)


async def _undo(house: House, asked: Asked, command: Undo) -> object:
    records = await _records(house, command.scope)
    if command.dry_run:
        done = await house.engine.execute(command, actor=asked.actor)
        return {**done.reply, "records": records}
    reply, seq = await house.change(asked, command)
    return {**reply, **await _worked_out(house, str(reply["id"])), "records": records}, seq


async def _worked_out(house: House, id: str) -> Plain:
    """How it stands when everything that has to be worked out first is, which takes a worker a moment, or after a while."""
    for _ in range(int(WORKED_OUT_WAIT_S / WORKED_OUT_POLL_S)):
        undoing = house.store.get(Undoing, id)
        if undoing is None or not any(item.state == "compensating" and not item.by for item in undoing.items):
            break
        await asyncio.sleep(WORKED_OUT_POLL_S)
    return {"status": undoing.status, "items": rows_of(house.store, undoing)} if undoing is not None else {}


async def _records(house: House, scope: str) -> Plain:
    """What a run wrote, and how to take that back; {} when it wrote nothing that still stands."""
    kind, _, id = scope.partition(":")
    versions = house.store.history(Run, id) if kind == "run" else []
    if not versions:
        return {}
    to_seq = versions[0].seq - 1
    plan = await make_plan(house.store, Scope("run", id), to_seq, house.store.head.seq)
    if not plan.total:
        return {}
    words = f"quarterdeck rewind {to_seq} --scope {scope}"
    return {"total": plan.total, "to": to_seq, "scope": scope, "words": words}


def _view(house: House, undoing: Undoing) -> Plain:
    return {
        "id": undoing.id,
        "scope": undoing.scope,
        "status": undoing.status,
        "items": rows_of(house.store, undoing),
        "seq": undoing.seq,
        "at": iso(undoing.at_us),
        "by": undoing.by,
        "reason": undoing.reason,
        "ended_at": iso(undoing.ended_us),
    }
