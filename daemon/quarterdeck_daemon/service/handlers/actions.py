"""approval.* and action.*: what waits for the operator, what was decided, what became of it."""

from __future__ import annotations

import asyncio

from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import Choice, DecideApprovals, SettleAction, UndoAction
from ...core.entities import Action, Plain
from ...core.policy import RISK_ORDER
from ..house import House, time_us
from ..rpc import Asked, Handler
from ..views import action_view, iso
from .pages import newest_first

CORRECTION_WAIT_S = 5.0
CORRECTION_POLL_S = 0.02


def handlers(house: House) -> dict[str, Handler]:
    async def approvals(asked: Asked, params: p.ApprovalList) -> object:
        as_of = house.position(params.as_of)
        waiting = [action for action in waiting_actions(house, as_of) if params.group in (None, action.group)]
        waiting = [action for action in waiting if params.run in (None, action.run)]
        return _page([action_view(action) for action in waiting], params)

    async def decide(asked: Asked, params: p.ApprovalDecide) -> object:
        command = DecideApprovals(
            items=tuple(Choice(id=item.id, shown_hash=item.shown_hash) for item in params.items),
            decision=params.decision,
            edits=params.edits,
            reason=params.reason,
            until_us=time_us(params.until) if params.until else None,
        )
        reply, seq = await house.change(asked, command)
        items = reply["items"]
        assert isinstance(items, list), "decisions come as a list"
        return {"items": [_decided(item) for item in items], "seq": seq}, seq

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
        "approval.list": approvals,
        "approval.decide": decide,
        "action.get": get,
        "action.list": listing,
        "action.undo": undo,
    }


def waiting_actions(house: House, as_of: int | None = None) -> list[Action]:
    """What waits for a decision now, or waited then: not what was snoozed. Riskiest first, then oldest."""
    now = house.engine.now_us() if as_of is None else house.positions.at_us(as_of) or 0
    found = house.store.live(Action) if as_of is None else house.store.scan(Action, as_of=as_of)
    waiting = [a for a in found if a.status == "proposed" and (a.snoozed_until_us or 0) <= now]
    return sorted(waiting, key=lambda action: (-RISK_ORDER[action.verdict.risk], action.at_us, action.seq))


async def _correction_of(house: House, id: str) -> str:
    """The action that corrects this one; drafting it takes a worker a moment."""
    for _ in range(int(CORRECTION_WAIT_S / CORRECTION_POLL_S)):
        found = next((action.id for action in house.store.live(Action) if action.compensates == id), "")
        if found:
            return found
        await asyncio.sleep(CORRECTION_POLL_S)
    return ""


def _page(items: list[Plain], params: p.ApprovalList) -> Plain:
    start = int(params.cursor) if params.cursor and params.cursor.isdigit() else 0
    end = start + params.limit
    return {"items": items[start:end], "next": str(end) if end < len(items) else None}


def _decided(item: Plain) -> Plain:
    error = item.get("error")
    if isinstance(error, dict):
        return {
            "id": item["id"],
            "ok": False,
            "error": error["code"],
            "message": error["message"],
            "hint": error["hint"],
        }
    release = item.get("release_us")
    at = iso(release) if isinstance(release, int) else None
    return {"id": item["id"], "ok": True, "status": item["status"], "releases_at": at}


def _fits(action: Action, params: p.ActionList) -> bool:
    if params.live and not action.live:
        return False
    wanted = ((params.status, action.status), (params.run, action.run), (params.connector, action.connector))
    return all(value in (None, present) for value, present in wanted)
