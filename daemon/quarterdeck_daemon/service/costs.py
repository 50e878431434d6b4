"""What work cost: calls, tokens, seconds and money by agent, connector and run, counted from the log.

A try of a step is a call of its agent, an effect that touched the wire is one of its connector. Tokens and money are
what agents told. Nothing is estimated: what was reserved and not told is in the budgets, not here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec

from quarterdeck_protocol.events import Event

from ..core.entities import Plain
from .house import House

EVENTS_MAX = 100_000  # Looked at for one report, newest first; beyond it the report says that it is not complete.
YIELD_EVERY = 500
ENDED = frozenset(("step.succeeded", "step.proposed", "step.failed", "step.retry_scheduled", "step.rerouted"))


class _Sum(msgspec.Struct):
    calls: int = 0
    tokens: int = 0
    us: int = 0
    money: int = 0


class Account:
    """Fed with events, newest first."""

    def __init__(self) -> None:
        self.sums: dict[str, _Sum] = {}
        self._ended: dict[tuple[str, str], int] = {}  # (run, step) -> when its try ended.

    def take(self, event: Event) -> None:
        if event.kind in ENDED and event.run is not None:
            self._end(event)
        elif event.kind == "step.started" and event.run is not None:
            self._start(event)
        elif event.kind == "effect.succeeded":
            self._add(event.run, event.actor, calls=1)

    def _end(self, event: Event) -> None:
        run, step = event.run or "", str(event.body["step"])
        self._ended[run, step] = event.at_us
        used = event.body.get("used")
        if isinstance(used, dict) and event.actor.startswith("agent:"):
            self._add(run, event.actor, tokens=_number(used, "tokens"), money=_number(used, "money"))

    def _start(self, event: Event) -> None:
        run, step = event.run or "", str(event.body["step"])
        ended = self._ended.pop((run, step), event.at_us)
        self._add(run, f"agent:{event.body['agent']}", calls=1, us=max(0, ended - event.at_us))

    def _add(
        self, run: str | None, who: str, *, calls: int = 0, tokens: int = 0, us: int = 0, money: int = 0
    ) -> None:
        for id in ("", who, *((f"run:{run}",) if run else ())):
            line = self.sums.setdefault(id, _Sum())
            line.calls += calls
            line.tokens += tokens
            line.us += us
            line.money += money

    def report(self, complete: bool) -> Plain:
        whole = self.sums.pop("", _Sum())
        items = [{"id": id, **_line(line)} for id, line in sorted(self.sums.items(), key=lambda item: -item[1].us)]
        return {**_line(whole), "items": items, "complete": complete}


def _number(used: Plain, name: str) -> int:
    value = used.get(name)
    return value if isinstance(value, int) else 0


def _line(line: _Sum) -> Plain:
    money = f"{line.money // 100}.{line.money % 100:02d}" if line.money else "0"
    return {"calls": line.calls, "tokens": line.tokens, "seconds": round(line.us / 1e6, 3), "money": money}


async def costs(house: House, since_us: int, until_us: int | None, before: int) -> Plain:
    """Add up what happened from `since_us` to `until_us`, below the log position `before`."""
    account = Account()
    complete = True
    for count, event in enumerate(_newest_first(house, before), start=1):
        if event.at_us < since_us:
            break
        if until_us is None or event.at_us < until_us:
            account.take(event)
        if count >= EVENTS_MAX:
            complete = False
            break
        if count % YIELD_EVERY == 0:
            await asyncio.sleep(0)
    return account.report(complete)


def _newest_first(house: House, before: int) -> Iterator[Event]:
    return house.store.events(before=before, reverse=True)
