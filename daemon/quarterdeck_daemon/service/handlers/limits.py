"""breaker.* and budget.*: what is limited, what is used up, what is not given work."""

from __future__ import annotations

from quarterdeck_protocol import limit_messages as lm
from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import RaiseBudget, ResetBreaker, SetBudget
from ...core.entities import Amounts, Breaker, Cap, Meter, Plain, Run
from ..budget_view import budget_rows
from ..house import House
from ..rpc import Asked, Handler
from ..views import iso


def handlers(house: House) -> dict[str, Handler]:
    async def breakers(asked: Asked, params: p.Listing) -> object:
        as_of = house.position(params.as_of)
        found = sorted(house.store.scan(Breaker, as_of=as_of), key=lambda one: (one.state == "closed", one.id))
        items = [_breaker(house, one, as_of) for one in found[: params.limit]]
        return {"items": items, "next": None}

    async def reset(asked: Asked, params: p.ChangeOne) -> object:
        reply, seq = await house.change(asked, ResetBreaker(id=params.id, reason=params.reason))
        return {**reply, "seq": seq, "undo": "it opens again when failures go on"}, seq

    async def budgets(asked: Asked, params: p.Listing) -> object:
        as_of = house.position(params.as_of)
        return {"items": budget_rows(house, as_of)[: params.limit], "next": None}

    async def give_more(asked: Asked, params: lm.BudgetRaise) -> object:
        command = RaiseBudget(scope=params.scope, per=params.per, more=_amounts(params), reason=params.reason)
        reply, seq = await house.change(asked, command)
        return {**reply, "id": params.scope, "seq": seq, "undo": "it holds for this span of time only"}, seq

    async def limit_run(asked: Asked, params: lm.BudgetSet) -> object:
        run = house.store.get(Run, params.id.removeprefix("run:"))
        if run is None:
            raise QuarterdeckError("not_found", f"there is no run {params.id!r}", hint="quarterdeck runs list")
        reply, seq = await house.change(asked, SetBudget(run=run.id, caps=caps_of_run(params)))
        return {**reply, "id": run.id, "seq": seq, "undo": "set it again"}, seq

    return {
        "breaker.list": breakers,
        "breaker.reset": reset,
        "budget.list": budgets,
        "budget.raise": give_more,
        "budget.set": limit_run,
    }


def caps_of_run(budget: p.RunBudget | lm.BudgetSet | None) -> tuple[Cap, ...]:
    """The limits of a run with this budget; none for one that limits nothing."""
    most = _amounts(budget) if budget is not None else Amounts()
    return (Cap(per="ever", most=most, over=budget.over),) if budget is not None and most != Amounts() else ()


def _amounts(params: lm.BudgetRaise | lm.BudgetSet | p.RunBudget) -> Amounts:
    return Amounts(calls=params.calls, ms=int(params.minutes * 60_000), tokens=params.tokens, money=params.money)


def _breaker(house: House, breaker: Breaker, as_of: int | None) -> Plain:
    meter = house.store.get(Meter, breaker.id, as_of=as_of)
    return {
        "id": breaker.id,
        "state": breaker.state,
        "failures": len(breaker.failures),
        "failure": breaker.failure,
        "opened": breaker.opened,
        "since": iso(breaker.since_us) if breaker.since_us else None,
        "until": iso(breaker.until_us) if breaker.until_us is not None else None,
        "probe": breaker.probe,
        "waiting": meter.waiting if meter is not None else 0,
    }
