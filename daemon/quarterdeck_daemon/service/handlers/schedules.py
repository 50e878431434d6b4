"""schedule.*: when playbooks run by themselves."""

from __future__ import annotations

from quarterdeck_protocol import params as p
from quarterdeck_protocol import planning_params as wp
from quarterdeck_protocol.codes import QuarterdeckError

from ...almanac.rule import merged
from ...almanac.zones import LAST_US, text_of, zone_of
from ...core.commands import PutSchedule, SteerSchedule
from ...core.entities import Plain, Schedule
from ...core.schedules import opens_at
from ...core.settings import settings_of
from ..house import House
from ..planning_views import schedule_view
from ..rpc import Asked, Handler
from ..views import iso
from .memory import labels_for
from .pages import offset_of

DAY_US = 86_400_000_000


def handlers(house: House) -> dict[str, Handler]:
    async def listing(asked: Asked, params: wp.ScheduleList) -> object:
        return _list(house, params)

    async def get(asked: Asked, params: p.ReadOne) -> object:
        schedule = house.store.get(Schedule, params.id.removeprefix("schedule:"), as_of=house.position(params.as_of))
        if schedule is None:
            raise QuarterdeckError(
                "not_found", f"there is no schedule {params.id!r}", hint="quarterdeck schedules list"
            )
        return schedule_view(schedule, house.engine.now_us(), next_count=5)

    async def coming(asked: Asked, params: wp.ScheduleNext) -> object:
        return _coming(house, params)

    async def put(asked: Asked, params: wp.SchedulePut) -> object:
        said = {name: getattr(params, name) for name in params.__struct_fields__ if name not in ("reason", "id")}
        id = params.id.removeprefix("schedule:")
        command = PutSchedule(id=id, labels=labels_for(asked, None), **said)
        return await house.change(asked, command)

    return {
        "schedule.list": listing,
        "schedule.get": get,
        "schedule.next": coming,
        "schedule.put": put,
        "schedule.pause": _steerer(house, "pause"),
        "schedule.resume": _steerer(house, "resume"),
        "schedule.delete": _steerer(house, "remove"),
    }


def _steerer(house: House, verb: str) -> Handler:
    async def steer(asked: Asked, params: p.ChangeOne) -> object:
        command = SteerSchedule(id=params.id.removeprefix("schedule:"), verb=verb, reason=params.reason)
        return await house.change(asked, command)

    return steer


def _list(house: House, params: wp.ScheduleList) -> Plain:
    """By the next time, soonest first; those without one at the end."""
    offset = offset_of(params.cursor)
    found = [one for one in house.store.scan(Schedule, as_of=house.position(params.as_of)) if _wanted(one, params)]
    found.sort(key=lambda one: (one.next_us if one.live and one.next_us else LAST_US, one.id))
    page = found[offset : offset + params.limit]
    now_us = house.engine.now_us()
    left = len(found) > offset + len(page)
    return {"items": [schedule_view(one, now_us) for one in page], "next": str(offset + len(page)) if left else None}


def _wanted(schedule: Schedule, params: wp.ScheduleList) -> bool:
    if not params.all and (schedule.removed or schedule.over):
        return False
    return params.playbook in (None, schedule.playbook) and params.objective in (None, schedule.objective)


def _coming(house: House, params: wp.ScheduleNext) -> Plain:
    """What would run: by the rules, moved by windows; jitter is chance and not told ahead."""
    now_us = house.engine.now_us()
    upto_us = now_us + int(params.days * DAY_US)
    asked_for = params.id.removeprefix("schedule:")
    if asked_for and house.store.get(Schedule, asked_for) is None:
        raise QuarterdeckError("not_found", f"there is no schedule {asked_for!r}", hint="quarterdeck schedules list")
    live = {one.id: one for one in house.store.live(Schedule) if asked_for in ("", one.id)}
    after = {id: max(now_us, one.last_us) for id, one in live.items()}
    limit = params.limit + 1
    found = sorted(
        entry for id, one in live.items() for entry in merged({id: one.rule}, after[id], upto_us, limit=limit)
    )  # fmt: skip
    items = [_coming_view(house, live[id], at_us) for at_us, id in found[: params.limit]]
    waiting: list[Plain] = [
        {"id": one.id, "playbook": one.playbook, "after": one.rule.text, "when": one.rule.when}
        for one in live.values() if one.rule.kind == "after"
    ]  # fmt: skip
    return {"items": items, "more": len(found) > params.limit, "waiting": waiting}


def _coming_view(house: House, schedule: Schedule, at_us: int) -> Plain:
    return {
        "id": f"{schedule.id}@{at_us}",
        "schedule": schedule.id,
        "playbook": schedule.playbook,
        "at": iso(at_us),
        "wall": text_of(at_us, zone_of(schedule.rule.zone)),
        "zone": schedule.rule.zone,
        "begins_at": iso(opens_at(schedule, settings_of(house.store), at_us)),
        "inputs": schedule.inputs,
    }
