"""model.*: what makes the vectors, and choosing another."""

from __future__ import annotations

import asyncio

from quarterdeck_protocol import model_messages as m
from quarterdeck_protocol import params as p

from ...core.entities import Plain
from ..house import House
from ..models import model_rows, use_model
from ..rpc import Asked, Handler
from .pages import only_now


def handlers(house: House) -> dict[str, Handler]:
    async def listed(asked: Asked, params: p.Listing) -> object:
        only_now("model.list", params.as_of)
        index = _index(house)
        rows = await asyncio.to_thread(model_rows, house.workspace, str(index["embedder"]))
        return {"items": rows, "next": None, "index": index}

    async def use(asked: Asked, params: m.ModelUse) -> object:
        changed = await asyncio.to_thread(use_model, house.workspace, params.id)
        if changed:
            await _restart_indexer(house)
        return {"id": params.id, "changed": changed}

    return {"model.list": listed, "model.use": use}


def _index(house: House) -> Plain:
    applied = house.recall.applied
    if applied is None:
        return {"embedder": "", "rows": 0, "migrating_to": "", "migrated": 0}
    return {
        "embedder": applied.embedder,
        "rows": applied.rows,
        "migrating_to": applied.migrating_to,
        "migrated": applied.migrated,
    }


async def _restart_indexer(house: House) -> None:
    """It reads the settings when it starts; the supervisor starts it again, and the old vectors go on answering."""
    for process in house.hub.processes():
        if process["role"] == "indexer":
            await house.link.kill(int(str(process["pid"])), "another embedder was chosen")
