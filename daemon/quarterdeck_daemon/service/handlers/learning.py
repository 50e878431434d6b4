"""agent.record, lesson.*, template.*: what was learned, and what it was worth."""

from __future__ import annotations

import msgspec

from quarterdeck_protocol import learning_messages as le

from ...core.calibration import standing, table_of_bins
from ...core.entities import Plain, Record
from ...core.track import confidence_of
from ..house import House
from ..rpc import Asked, Handler
from .pages import offset_of


def handlers(house: House) -> dict[str, Handler]:
    async def records(asked: Asked, params: le.RecordList) -> object:
        found = [_record(one) for one in house.store.scan(Record, as_of=house.position(params.as_of))]
        return paged([one for one in found if params.agent in (None, one["agent"])], params.cursor, params.limit)

    return {"agent.record": records}


def paged(items: list[Plain], cursor: str | None, limit: int) -> Plain:
    start = offset_of(cursor)
    end = start + limit
    return {"items": items[start:end], "next": str(end) if end < len(items) else None}


def _record(record: Record) -> Plain:
    agent, _, action = record.id.partition("/")
    confidence, basis = confidence_of(record)
    return {
        "id": record.id, "agent": agent, "action": action, "confidence": confidence, "basis": basis,
        "standing": standing(record.tally), "bins": [msgspec.to_builtins(one) for one in table_of_bins(record)],
    }  # fmt: skip
