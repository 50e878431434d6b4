"""deadletter.*: work that gave up, with all that is needed to mend it, and the remedies."""

from __future__ import annotations

from quarterdeck_protocol import params as p
from quarterdeck_protocol.codes import QuarterdeckError

from ...core.commands import ResolveDeadLetter
from ...core.entities import DeadLetter, Plain, Run
from ...core.shown import rebuild
from ...store.scoped import versions_of
from ..house import House
from ..rpc import Asked, Handler
from ..views import dead_letter_view, iso, plain


def handlers(house: House) -> dict[str, Handler]:
    async def listing(asked: Asked, params: p.DeadLetterList) -> object:
        as_of = house.position(params.as_of)
        now_open = as_of is None and not params.all
        found = house.store.live(DeadLetter) if now_open else house.store.scan(DeadLetter, as_of=as_of)
        letters = [one for one in found if params.run in (None, one.run) and (params.all or one.live)]
        letters.sort(key=lambda letter: -letter.at_us)
        return {"items": [dead_letter_view(letter) for letter in letters[: params.limit]], "next": None}

    async def get(asked: Asked, params: p.ReadOne) -> object:
        return _opened(house, _letter(house, params.id, house.position(params.as_of)), house.position(params.as_of))

    async def resolve(asked: Asked, params: p.DeadLetterResolve) -> object:
        command = ResolveDeadLetter(
            id=params.id.removeprefix("deadletter:"),
            remedy=params.remedy,
            reason=params.reason,
            input=params.input,
            agent=params.agent,
        )
        reply, seq = await house.change(asked, command)
        return {**reply, "id": params.id, "seq": seq}, seq

    return {"deadletter.list": listing, "deadletter.get": get, "deadletter.resolve": resolve}


def _letter(house: House, id: str, as_of: int | None = None) -> DeadLetter:
    letter = house.store.get(DeadLetter, id.removeprefix("deadletter:"), as_of=as_of)
    if letter is None:
        raise QuarterdeckError("not_found", f"there is no dead letter {id!r}", hint="quarterdeck dead list --all")
    return letter


def _last_input(house: House, letter: DeadLetter) -> Plain:
    event = house.store.event(letter.input_seq) if letter.input_seq else None
    found = event.body.get("input") if event is not None else None
    return found if isinstance(found, dict) else {}


def _opened(house: House, letter: DeadLetter, as_of: int | None) -> Plain:
    event = house.store.event(letter.input_seq) if letter.input_seq else None
    run = house.store.get(Run, letter.run, as_of=as_of) if letter.run else None
    shown = rebuild(event.body, event.at_us, versions_of(house.store)) if event is not None else None
    return {
        **dead_letter_view(letter),
        "action": letter.action,
        "cause": letter.cause,
        "labels": plain(letter.labels),
        "failures": [_try(one) for one in letter.failures],
        "inputs": run.inputs if run is not None else {},
        "input": _last_input(house, letter),
        "context": shown.context if shown is not None else {},
        "input_seq": letter.input_seq,
    }


def _try(failure: Plain) -> Plain:
    at_us = failure.get("at_us")
    told = {name: value for name, value in failure.items() if name != "at_us"}
    return {**told, "at": iso(at_us if isinstance(at_us, int) else 0)}
