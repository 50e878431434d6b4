"""What work cost: calls, tokens, seconds and money by agent, connector, run, model, purpose and outcome, from the log.

A try of a step is a call of its agent, an effect that touched the wire is one of its connector, an answer that a model
computed is one of the model, of its purpose and of the agent that asked. Tokens and money are those of models, and what
agents told. What a model did within a step is in the seconds of that step, so in the whole it is not counted again.
Nothing is estimated but the forecast, which says how: what was reserved and not used is in the budgets, not here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec

from quarterdeck_protocol.events import Event

from ..core.entities import ModelCall, ModelDay, Plain, Run
from ..core.limits import SPAN_US, began, ends
from ..core.modes import models_of
from ..core.moments import day_of
from ..store.api import Store
from .house import House
from .views import money_text

EVENTS_MAX = 100_000  # Looked at for one report, newest first; beyond it the report says that it is not complete.
YIELD_EVERY = 500
ENDED = frozenset(("step.succeeded", "step.proposed", "step.failed", "step.retry_scheduled", "step.rerouted"))
FORECAST = "what models used this month so far, times the length of the month over the part of it that has passed"


class _Sum(msgspec.Struct):
    calls: int = 0
    tokens: int = 0
    us: int = 0
    money: int = 0


class Account:
    """Fed with events, newest first."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.sums: dict[str, _Sum] = {}
        self._ended: dict[tuple[str, str], int] = {}  # (run, step) -> when its try ended.

    def take(self, event: Event) -> None:
        if event.kind in ENDED and event.run is not None:
            self._end(event)
        elif event.kind == "step.started" and event.run is not None:
            self._start(event)
        elif event.kind == "model.answered":
            self._answer(event)
        elif event.kind == "effect.succeeded":
            self._add(("", event.actor, *_of_run(event.run)), _Sum(calls=1))

    def _end(self, event: Event) -> None:
        run, step = event.run or "", str(event.body["step"])
        self._ended[run, step] = event.at_us
        used = event.body.get("used")
        if isinstance(used, dict) and event.actor.startswith("agent:"):
            told = _Sum(tokens=_number(used, "tokens"), money=_number(used, "money"))
            self._add(("", event.actor, *_of_run(run)), told)

    def _start(self, event: Event) -> None:
        run, step = event.run or "", str(event.body["step"])
        ended = self._ended.pop((run, step), event.at_us)
        took = _Sum(calls=1, us=max(0, ended - event.at_us))
        self._add(("", f"agent:{event.body['agent']}", *_of_run(run)), took)

    def _answer(self, event: Event) -> None:
        call = self._store.get(ModelCall, str(event.body["call"]))
        if call is None:
            return  # Forgotten since; the days of the models still count it.
        cost = _Sum(calls=1, tokens=call.tokens_in + call.tokens_out, us=int(call.ms * 1_000), money=call.money)
        self._add((f"model:{call.model}", f"purpose:{call.purpose}"), cost)
        within = msgspec.structs.replace(cost, us=0 if call.run else cost.us)
        self._add(("", *((f"agent:{call.agent}",) if call.agent else ()), *_of_run(call.run)), within)

    def _add(self, ids: tuple[str, ...], more: _Sum) -> None:
        for id in ids:
            line = self.sums.setdefault(id, _Sum())
            line.calls += more.calls
            line.tokens += more.tokens
            line.us += more.us
            line.money += more.money

    def report(self, complete: bool, by: str = "") -> Plain:
        whole = self.sums.pop("", _Sum())
        self._sum_outcomes()
        rows = sorted(self.sums.items(), key=lambda item: (-item[1].money, -item[1].us))
        items = [{"id": id, **_line(line)} for id, line in rows if not by or id.startswith(f"{by}:")]
        return {**_line(whole), "items": items, "complete": complete}

    def _sum_outcomes(self) -> None:
        """What runs cost that ended the same way."""
        for id, line in [(id, line) for id, line in self.sums.items() if id.startswith("run:")]:
            run = self._store.get(Run, id.removeprefix("run:"))
            self._add((f"outcome:{run.status if run is not None else 'forgotten'}",), line)


def _of_run(run: str | None) -> tuple[str, ...]:
    return (f"run:{run}",) if run else ()


def _number(used: Plain, name: str) -> int:
    value = used.get(name)
    return value if isinstance(value, int) else 0


def _line(line: _Sum) -> Plain:
    money = money_text(line.money)
    return {"calls": line.calls, "tokens": line.tokens, "seconds": round(line.us / 1e6, 3), "money": money}


async def costs(house: House, since_us: int, until_us: int | None, before: int, by: str = "") -> Plain:
    """Add up what happened from `since_us` to `until_us`, below the log position `before`. by: only lines of this kind."""
    account = Account(house.store)
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
    return account.report(complete, by)


def _newest_first(house: House, before: int) -> Iterator[Event]:
    return house.store.events(before=before, reverse=True)


# --- models by the day ------------------------------------------------------------------------------


def models_report(store: Store, since_us: int, until_us: int) -> Plain:
    """What models did on the days from `since_us` to `until_us`: how often a known answer did, and what that saved."""
    whole = _days(store, since_us, until_us)
    asked = whole.calls + whole.reused
    return {
        "calls": whole.calls,
        "reused": whole.reused,
        "failed": whole.failed,
        "hit_rate": round(whole.reused / asked, 4) if asked else 0.0,
        "tokens": whole.tokens,
        "seconds": round(whole.ms / 1e3, 3),
        "money": money_text(whole.money),
        "saved": {
            "tokens": whole.saved_tokens,
            "seconds": round(whole.saved_ms / 1e3, 3),
            "money": money_text(whole.saved_money),
        },
        "currency": models_of(store).prices,
    }


def forecast(store: Store, now_us: int) -> Plain:
    """What models will have used at the end of this month, if it goes on like this; and how that was worked out."""
    since, until = began("month", now_us), ends("month", now_us)
    assert until is not None, "a month ends"
    so_far = _days(store, since, now_us)
    passed = max(now_us - since, SPAN_US["day"])  # The first hours say too little about a month.
    times = (until - since) / passed
    return {
        "calls": round(so_far.calls * times),
        "tokens": round(so_far.tokens * times),
        "minutes": round(so_far.ms * times / 60_000, 1),
        "money": money_text(round(so_far.money * times)),
        "method": FORECAST,
    }


def money_today(store: Store, now_us: int) -> str:
    """What models cost today, in UTC."""
    return money_text(_days(store, now_us, now_us).money)


def _days(store: Store, since_us: int, until_us: int) -> ModelDay:
    """All days of all models between these moments, the days of both included, in one."""
    first, last = (day_of(at // SPAN_US["day"]) for at in (since_us, until_us))
    whole = ModelDay(id="")
    for day in store.scan(ModelDay, prefix=_common(first, last)):
        if first <= day.id[:10] <= last:
            sums = {name: getattr(whole, name) + getattr(day, name) for name in SUMMED}
            whole = msgspec.structs.replace(whole, **sums)
    return whole


SUMMED = ("calls", "reused", "failed", "tokens", "ms", "money", "saved_tokens", "saved_ms", "saved_money")


def _common(first: str, last: str) -> str:
    """What both begin with: 2026-11."""
    return "".join(one for place, one in enumerate(first) if last.startswith(first[: place + 1]))
