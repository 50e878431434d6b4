"""objective.*: what work is for, and how far it is."""

from __future__ import annotations

from quarterdeck_protocol import params as p
from quarterdeck_protocol import planning_params as wp
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import Attach, DecideReplan, PutObjective
from ...core.entities import Objective, Plain
from ...core.progress import tree_of
from ..due_dates import due_us
from ..house import House
from ..past_table import PastTable
from ..planning_views import objective_line, objective_view
from ..rpc import Asked, Handler
from .memory import labels_for
from .pages import offset_of


def handlers(house: House) -> dict[str, Handler]:
    async def listing(asked: Asked, params: wp.ObjectiveList) -> object:
        return _list(house, params)

    async def get(asked: Asked, params: p.ReadOne) -> object:
        table = PastTable(house.store, house.position(params.as_of))
        objective = table.get(Objective, _bare(params.id))
        if objective is None:
            raise QuarterdeckError(
                "not_found", f"there is no objective {params.id!r}", hint="quarterdeck objectives list"
            )
        now_us = house.engine.now_us()
        return objective_view(tree_of(table, objective, now_us), now_us)

    async def put(asked: Asked, params: wp.ObjectivePut) -> object:
        names = ("title", "text", "owner", "state", "criteria", "namespace")
        said = {name: getattr(params, name) for name in names}
        command = PutObjective(
            id=_bare(params.id), parent=None if params.parent is None else _bare(params.parent),
            due_us=due_us(house, params.due), undated=params.due == "", note=params.reason,
            labels=labels_for(asked, None), **said,
        )  # fmt: skip
        return await house.change(asked, command)

    async def attach(asked: Asked, params: wp.ObjectiveAttach) -> object:
        command = Attach(entity=params.entity, objective=_bare(params.objective), reason=params.reason)
        return await house.change(asked, command)

    async def replan(asked: Asked, params: wp.ObjectiveReplan) -> object:
        command = DecideReplan(id=_bare(params.id), confirm=not params.keep, seq=params.seq, reason=params.reason)
        return await house.change(asked, command)

    return {
        "objective.list": listing,
        "objective.get": get,
        "objective.put": put,
        "objective.attach": attach,
        "objective.replan": replan,
    }


def _bare(id: str) -> str:
    return id.removeprefix("objective:")


def _list(house: House, params: wp.ObjectiveList) -> Plain:
    """In the order in which they were made."""
    offset = offset_of(params.cursor)
    table = PastTable(house.store, house.position(params.as_of))
    parent = None if params.parent is None else _bare(params.parent)
    known = table.scan(Objective) if params.all else table.live(Objective)
    found = sorted((one for one in known if parent in (None, one.parent)), key=lambda one: (one.at_us, one.id))
    page = found[offset : offset + params.limit]
    now_us = house.engine.now_us()
    items = [objective_line(one, tree_of(table, one, now_us).progress, now_us) for one in page]
    left = len(found) > offset + len(page)
    return {"items": items, "next": str(offset + len(page)) if left else None}
