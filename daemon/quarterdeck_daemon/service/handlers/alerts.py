"""alert.*: what the operator should look at."""

from __future__ import annotations

from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import ResolveAlert
from ...core.entities import Alert, Plain
from ..house import House
from ..open_alerts import alert_view, number_of, standing_alerts
from ..rpc import Asked, Handler

STANDING = "s"  # Begins the cursor of a page that ends among the standing ones.


def handlers(house: House) -> dict[str, Handler]:
    async def list_alerts(asked: Asked, params: p.AlertList) -> object:
        return _list(house, params)

    async def resolve(asked: Asked, params: p.ChangeOne) -> object:
        command = ResolveAlert(id=params.id.removeprefix("alert:"), reason=params.reason)
        return await house.change(asked, command)

    return {"alert.list": list_alerts, "alert.resolve": resolve}


def _list(house: House, params: p.AlertList) -> Plain:
    """Standing ones first, then by number, newest first; numbers only go up, so a page goes on below the last one."""
    as_of = house.position(params.as_of)
    before, skipped = _place(params.cursor)
    standing = [] if before or as_of is not None else standing_alerts(house)[skipped:]
    now_open = not params.all and as_of is None
    found = list(house.store.live(Alert) if now_open else house.store.scan(Alert, as_of=as_of))
    kept = [
        alert for alert in found if (params.all or alert.live) and (before is None or number_of(alert) < before)
    ]  # fmt: skip
    kept.sort(key=number_of, reverse=True)
    views = [*standing, *map(alert_view, kept)]
    shown = [(place, view) for place, view in enumerate(views, 1) if params.level in (None, view["level"])]
    page = shown[: params.limit]
    if len(shown) <= params.limit:
        return {"items": [view for _, view in page], "next": None}
    last, view = page[-1]
    cursor = f"{STANDING}{skipped + last}" if last <= len(standing) else str(view["id"]).removeprefix("alert")
    return {"items": [view for _, view in page], "next": cursor}


def _place(cursor: str | None) -> tuple[int | None, int]:
    """Where a page begins: below this number of a kept alert, or else after so many standing ones."""
    if cursor is None:
        return None, 0
    digits = cursor.removeprefix(STANDING)
    if not digits.isdecimal():
        raise QuarterdeckError("bad_value", f"{cursor[:40]!r} is no cursor", hint="Hand back a `next`.")
    return (None, int(digits)) if cursor.startswith(STANDING) else (int(digits), 0)
