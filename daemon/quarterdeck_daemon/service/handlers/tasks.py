"""task.*: the ledger of what is to be done, by whom and by when."""

from __future__ import annotations

from quarterdeck_protocol import params as p
from quarterdeck_protocol import planning_params as wp
from quarterdeck_protocol.codes import QuarterdeckError

from ...almanac.zones import LAST_US
from ...core.commands import DecideTask, PutTask
from ...core.entities import Plain, Task
from ..due_dates import due_us
from ..house import House
from ..planning_views import task_view, version_line
from ..rpc import Asked, Handler
from .memory import labels_for
from .pages import offset_of

HISTORY_MAX = 500


def handlers(house: House) -> dict[str, Handler]:
    async def listing(asked: Asked, params: wp.TaskList) -> object:
        return _list(house, params)

    async def get(asked: Asked, params: p.ReadOne) -> object:
        as_of = house.position(params.as_of)
        task = house.store.get(Task, params.id.removeprefix("task:"), as_of=as_of)
        if task is None:
            raise QuarterdeckError("not_found", f"there is no task {params.id!r}", hint="quarterdeck tasks list")
        return {**task_view(task), "history": _history(house, task)}

    async def put(asked: Asked, params: wp.TaskPut) -> object:
        names = (
            "title",
            "text",
            "owner",
            "state",
            "accept",
            "criteria",
            "evidence",
            "source",
            "priority",
            "namespace",
        )
        said = {name: getattr(params, name) for name in names}
        command = PutTask(
            id=params.id.removeprefix("task:"), due_us=due_us(house, params.due), undated=params.due == "",
            note=params.reason, labels=labels_for(asked, None),
            parent=None if params.parent is None else params.parent.removeprefix("objective:"), **said,
        )  # fmt: skip
        return await house.change(asked, command)

    return {
        "task.list": listing,
        "task.get": get,
        "task.put": put,
        "task.accept": _decider(house, accept=True),
        "task.reject": _decider(house, accept=False),
    }


def _decider(house: House, *, accept: bool) -> Handler:
    async def decide(asked: Asked, params: wp.TaskDecide) -> object:
        id = params.id.removeprefix("task:")
        return await house.change(asked, DecideTask(id=id, accept=accept, seq=params.seq, reason=params.reason))

    return decide


def _history(house: House, task: Task) -> list[Plain]:
    """Every version up to this one, with who made it: the oldest first."""
    versions = {one.seq: one for one in house.store.history(Task, task.id) if one.seq <= task.seq}
    events = [event for event in house.store.events_of(f"task:{task.id}") if event.seq in versions]
    return [
        version_line(versions[event.seq], event.kind, event.actor, event.at_us) for event in events[-HISTORY_MAX:]
    ]


def _list(house: House, params: wp.TaskList) -> Plain:
    """By due date, the earliest first; those without one at the end, the oldest first."""
    offset = offset_of(params.cursor)
    as_of = house.position(params.as_of)
    closed_too = params.all or params.state in ("done", "cancelled")
    known = house.store.live(Task) if as_of is None and not closed_too else house.store.scan(Task, as_of=as_of)
    found = [task for task in known if _wanted(task, params)]
    found.sort(
        key=lambda task: (task.due_us if task.due_us is not None and task.live else LAST_US, task.at_us, task.id)
    )
    page = found[offset : offset + params.limit]
    left = len(found) > offset + len(page)
    return {"items": [task_view(task) for task in page], "next": str(offset + len(page)) if left else None}


def _wanted(task: Task, params: wp.TaskList) -> bool:
    if params.state is None and not params.all and not task.live:
        return False
    if params.overdue and not task.overdue:
        return False
    if params.waits and not (task.live and (task.state == "review" or task.proposal is not None)):
        return False
    parent = None if params.parent is None else params.parent.removeprefix("objective:")
    return params.state in (None, task.state) and params.owner in (None, task.owner) and parent in (None, task.parent)
