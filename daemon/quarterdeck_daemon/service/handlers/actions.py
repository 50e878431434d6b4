"""action.*: what was proposed and what became of it."""

from __future__ import annotations

import asyncio

from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import SettleAction, UndoAction
from ...core.entities import Action, Plain
from ..house import House
from ..rpc import Asked, Handler
from ..views import action_view
from .pages import newest_first

CORRECTION_WAIT_S = 5.0
CORRECTION_POLL_S = 0.02


def handlers(house: House) -> dict[str, Handler]:
    async def get(asked: Asked, params: p.ReadOne) -> object:
        action = house.store.get(Action, params.id.removeprefix("action:"), as_of=house.position(params.as_of))
        if action is None:
            raise QuarterdeckError("not_found", f"there is no action {params.id!r}", hint="quarterdeck approvals")
        return action_view(action)

    async def listing(asked: Asked, params: p.ActionList) -> object:
        as_of = house.position(params.as_of)
        if params.live and as_of is None:
            alive = sorted(house.store.live(Action), key=lambda action: -action.at_us)
            return {"items": [action_view(one) for one in alive if _fits(one, params)], "next": None}
        items: list[Plain] = []
        last = 0
        for seq, action in newest_first(
            house.store, Action, "action.proposed", "action", cursor=params.cursor, as_of=as_of
        ):
            if not _fits(action, params):
                continue
            if len(items) == params.limit:
                return {"items": items, "next": str(last)}
            items.append(action_view(action))
            last = seq
        return {"items": items, "next": None}

    async def undo(asked: Asked, params: p.ChangeOne) -> object:
        reply, seq = await house.change(asked, UndoAction(id=params.id, reason=params.reason))
        withdrawn = reply["status"] == "withdrawn"
        compensation = reply.get("compensation") or ("" if withdrawn else await _correction_of(house, params.id))
        return {**reply, "withdrawn": withdrawn, "compensation": compensation}, seq

    async def settle(asked: Asked, params: p.ActionSettle) -> object:
        command = SettleAction(id=params.id, happened=params.happened, reason=params.reason)
        return await house.change(asked, command)

    return {
        "action.settle": settle,
        "action.get": get,
        "action.list": listing,
        "action.undo": undo,
    }


async def _correction_of(house: House, id: str) -> str:
    """The action that corrects this one; drafting it takes a worker a moment."""
    for _ in range(int(CORRECTION_WAIT_S / CORRECTION_POLL_S)):
        found = next((action.id for action in house.store.live(Action) if action.compensates == id), "")
        if found:
            return found
        await asyncio.sleep(CORRECTION_POLL_S)
    return ""


def _fits(action: Action, params: p.ActionList) -> bool:
    if params.live and not action.live:
        return False
    wanted = ((params.status, action.status), (params.run, action.run), (params.connector, action.connector))
    return all(value in (None, present) for value, present in wanted)
