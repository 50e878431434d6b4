"""memory.health, memory.retention, memory.keep: how memory is, what is kept and why, and a pass of the keeper now."""

from __future__ import annotations

from quarterdeck_protocol import memory_params as mp
from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ..census import health, retention
from ..house import House
from ..keeper import Keeper
from ..pace import Pace
from ..rpc import Asked, Handler
from ..workspace import STATE_NAME


def handlers(house: House) -> dict[str, Handler]:
    async def healthy(asked: Asked, params: p.Nothing) -> object:
        behind = house.recall.behind
        return await health(house.store, Pace(house.store), now_us=house.engine.now_us(), index_behind=behind)

    async def retained(asked: Asked, params: p.Nothing) -> object:
        home = house.workspace / STATE_NAME
        return await retention(house.store, Pace(house.store), keeper_of(house), home, now_us=house.engine.now_us())

    async def keep(asked: Asked, params: mp.MemoryKeep) -> object:
        keeper = keeper_of(house)
        done = await keeper.keep(dry_run=params.dry_run)
        seq = house.store.head.seq
        return {"id": "memory", "seq": seq, "dry_run": params.dry_run, **done.counts, "items": done.told}

    return {"memory.health": healthy, "memory.retention": retained, "memory.keep": keep}


def keeper_of(house: House) -> Keeper:
    if house.keeper is None:
        raise QuarterdeckError("unavailable", "nobody keeps memory here")
    return house.keeper
