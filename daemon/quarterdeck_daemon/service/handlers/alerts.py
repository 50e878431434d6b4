"""alert.*: what the operator should look at."""

from __future__ import annotations

from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import ResolveAlert
from ...core.entities import Alert, Plain
from ..house import House
from ..rpc import Asked, Handler
from ..views import iso


def handlers(house: House) -> dict[str, Handler]:
    async def list_alerts(asked: Asked, params: p.AlertList) -> object:
        return _list(house, params)

    async def resolve(asked: Asked, params: p.ChangeOne) -> object:
        command = ResolveAlert(id=params.id.removeprefix("alert:"), reason=params.reason)
        return await house.change(asked, command)

    return {"alert.list": list_alerts, "alert.resolve": resolve}


def alert_view(alert: Alert) -> Plain:
    return {
        "id": alert.id,
        "level": alert.level,
        "topic": alert.topic,
        "text": alert.text,
        "hint": alert.hint,
        "at": iso(alert.at_us),
        "about": list(alert.about),
        "details": alert.details,
        "resolved": alert.resolved,
        "seq": alert.seq,
    }


def _list(house: House, params: p.AlertList) -> Plain:
    """Newest first; numbers only go up, so a page goes on below the last one."""
    as_of = house.position(params.as_of)
    now_open = not params.all and as_of is None
    found = list(house.store.live(Alert) if now_open else house.store.scan(Alert, as_of=as_of))
    if params.cursor is not None and not params.cursor.isdecimal():
        raise QuarterdeckError("bad_value", f"{params.cursor[:40]!r} is no cursor", hint="Hand back a `next`.")
    before = int(params.cursor) if params.cursor else None
    shown = [
        alert for alert in found
        if (params.all or alert.live) and params.level in (None, alert.level) and (not before or _number(alert) < before)
    ]  # fmt: skip
    shown.sort(key=_number, reverse=True)
    page = shown[: params.limit]
    more = len(shown) > params.limit
    return {"items": [alert_view(alert) for alert in page], "next": str(_number(page[-1])) if more else None}


def _number(alert: Alert) -> int:
    return int(alert.id.removeprefix("alert") or 0)
