"""action.*: what was proposed and what became of it."""

from __future__ import annotations

from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import SettleAction
from ...core.entities import Action, Plain
from ..house import House
from ..reasons import used_for
from ..rpc import Asked, Handler
from ..views import action_view
from .pages import newest_first


def handlers(house: House) -> dict[str, Handler]:
    async def get(asked: Asked, params: p.ReadOne) -> object:
        action = house.store.get(Action, params.id.removeprefix("action:"), as_of=house.position(params.as_of))
        if action is None:
            raise QuarterdeckError("not_found", f"there is no action {params.id!r}", hint="quarterdeck approvals")
        return {**action_view(action), "used": used_for(house.store, action.id, house.position(params.as_of))}

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

    async def settle(asked: Asked, params: p.ActionSettle) -> object:
        command = SettleAction(id=params.id, happened=params.happened, reason=params.reason)
        return await house.change(asked, command)

    return {
        "action.settle": settle,
        "action.get": get,
        "action.list": listing,
    }


def _fits(action: Action, params: p.ActionList) -> bool:
    if params.live and not action.live:
        return False
    wanted = ((params.status, action.status), (params.run, action.run), (params.connector, action.connector))
    return all(value in (None, present) for value, present in wanted)
