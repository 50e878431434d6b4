"""The report about agents, announced: now and then one alert says that it is there, and what is unusual in it."""

from __future__ import annotations

import asyncio

from ..core.announcing import TOPIC
from ..core.commands import AnnounceReport
from ..core.durations import duration_us, length_of
from ..core.entities import Alert, Plain
from .conduct import conduct
from .house import House

LOOK_S = 600.0
FIRST_LOOK_S = 60.0  # The start has better things to do.


async def announce_reports(house: House) -> None:
    """Announce a report whenever a period has passed since the last, until cancelled."""
    every_us = duration_us(house.config.audit.report) if house.config.audit.report else 0
    await asyncio.sleep(FIRST_LOOK_S)
    while every_us:
        now_us = house.engine.now_us()
        if now_us - last_us(house) >= every_us:
            await announce(house, now_us - every_us, now_us)
        await asyncio.sleep(LOOK_S)
    await asyncio.Event().wait()


async def announce(house: House, since_us: int, until_us: int) -> Plain:
    """Count and announce; an idle stretch is announced as such, so that silence never means "not looked"."""
    found = await asyncio.to_thread(conduct, house.store, since_us, until_us, house.engine.durable_seq)
    length = length_of(until_us - since_us)
    rows = found["items"] if isinstance(found["items"], list) else []
    unusual = [f"{row['id']}: {what}" for row in rows for what in row["unusual"]]
    sums = {
        name: sum(int(row[name]) for row in rows)
        for name in ("steps", "proposed", "rejected", "undone", "out_of_scope")
    }
    told = (
        f"what agents did in the last {length}: {sums['steps']} steps, {sums['proposed']} actions proposed, "
        f"{sums['rejected']} rejected, {sums['undone']} undone, {sums['out_of_scope']} reads refused; "
    )
    text = told + (f"unusual: {'; '.join(unusual)}" if unusual else "nothing unusual")
    command = AnnounceReport(
        text=text, hint=f"quarterdeck audit report --since {length}", unusual=bool(unusual), details=dict(sums)
    )
    return (await house.engine.execute(command, actor="kernel")).reply


def last_us(house: House) -> int:
    """When a report was announced last; before there was one, when the log began."""
    announced = [alert.at_us for alert in house.store.scan(Alert) if alert.topic == TOPIC]
    first = house.store.event(1)
    return max(announced, default=first.at_us if first is not None else house.engine.now_us())
