"""scope.list: who may see and change what."""

from __future__ import annotations

import msgspec

from quarterdeck_protocol import params as p

from ...connectors.scopes import SCOPES as CONNECTORS
from ...core.contracts import contract_of
from ...core.declared import EVERYTHING, Declared
from ...core.entities import Plain, Refusals, Scopes
from ...core.scopes import AGAIN_US, CLIENTS
from ..house import House
from ..rpc import Asked, Handler

OPERATOR = "operator"
_BUILT_IN = frozenset((*(f"connector:{name}" for name in CONNECTORS), "observer"))


def handlers(house: House) -> dict[str, Handler]:
    async def listed(asked: Asked, params: p.Listing) -> object:
        as_of = house.position(params.as_of)
        scopes = house.store.get(Scopes, "workspace", as_of=as_of)
        declared = {OPERATOR: EVERYTHING, **dict.fromkeys(sorted(CLIENTS), Declared())}
        declared |= scopes.declared if scopes is not None else {}
        shown = sorted(who for who in declared if asked.role == OPERATOR or who == asked.actor)
        left = [who for who in shown if who > (params.cursor or "")]
        items = [_view(house, who, declared[who]) for who in left[: params.limit]]
        return {"items": items, "next": items[-1]["id"] if len(left) > params.limit else None}

    return {"scope.list": listed}


def _view(house: House, who: str, declared: Declared) -> Plain:
    read, write = msgspec.structs.asdict(declared.read), msgspec.structs.asdict(declared.write)
    return {"id": who, "by": _by(house, who), "read": read, "write": write, "refusals": _refusals(house, who)}


def _by(house: House, who: str) -> str:
    if who == OPERATOR:
        return "built in"
    if any(grant.to == who for grant in house.in_force.grants):
        return "granted"
    known = who in _BUILT_IN or contract_of(house.store, who.removeprefix("agent:")) is not None
    return "declared" if known else "default"


def _refusals(house: House, who: str) -> int:
    """Different ones within the time in which the same one is recorded once."""
    known = house.store.get(Refusals, who)
    now_us = house.engine.now_us()
    return sum(now_us - at < AGAIN_US for at in known.recent.values()) if known is not None else 0
