"""Calls of models, as the rim carries them out: the order for the host, and the replies that a step is given.

Nothing is decided here: which model, whether there is room and what an answer costs stand in the log by the time that an
order is made, and a reply is taken from the log and from nowhere else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from ..core.commands import Needs
from ..core.entities import ModelCall, Run, Step
from ..core.modes import models_of
from ..core.orders import AskModel, Failed, Failure, ModelReply, ModelRequest, Order, Outcome
from ..store.api import Store

CALL_S = 60  # Of a model that is no longer in the settings.
Lane = Callable[[Order, str], Awaitable[Outcome]]
"""Has an order done by the host of the model of this name."""


async def no_host(order: Order, model: str) -> Outcome:
    """There is nobody who loads models."""
    return Failed(failure=Failure(failure="transient", code="unavailable", message=f"no host answers for {model}"))


def order_for(store: Store, need: Needs) -> tuple[Order, str] | None:
    """The order for a call that was routed, and its model; None when it is not wanted now: its run is paused, or it is over."""
    call = store.get(ModelCall, need.entity)
    if call is None or call.status != "asked" or call.tries != need.attempt:
        return None
    run = store.get(Run, call.run) if call.run else None
    request = recorded_request(store, call)
    if request is None or (run is not None and run.status == "paused"):
        return None
    spec = next((one for one in models_of(store).specs if one.name == call.model), None)
    work = AskModel(call=call.id, model=call.model, request=request, stream=not call.run)
    deadline_ms = (spec.call_s if spec is not None else CALL_S) * 1_000
    return Order(id=need.key, work=work, deadline_ms=deadline_ms), call.model


def replies_for(store: Store, step: Step) -> tuple[tuple[ModelReply, ...], tuple[str, ...]]:
    """What models said to a step at this attempt, and the hashes of what they were asked."""
    calls = [store.get(ModelCall, id) for id in step.calls]
    replies = tuple(_reply(store, call) if call is not None else _forgotten() for call in calls)
    return replies, tuple(call.request_hash if call is not None else "" for call in calls)


def _reply(store: Store, call: ModelCall) -> ModelReply:
    if call.status != "answered":
        return ModelReply(refused=str(call.error.get("message") or call.status))
    return recorded_reply(store, call) or _forgotten()


def recorded_reply(store: Store, call: ModelCall) -> ModelReply | None:
    """The answer as the log has it, `cached` when it is that to another call; None when there is none, or it was forgotten."""
    origin = store.get(ModelCall, call.reused) if call.reused else call
    event = store.event(origin.over_seq) if origin is not None and call.status == "answered" else None
    recorded = event.body.get("reply") if event is not None else None
    if not isinstance(recorded, dict):
        return None
    found = msgspec.convert(recorded, ModelReply)
    return msgspec.structs.replace(found, cached=True) if call.reused else found


def recorded_request(store: Store, call: ModelCall) -> ModelRequest | None:
    """The question as the log has it; None when it was forgotten."""
    event = store.event(call.asked_seq)
    recorded = event.body.get("request") if event is not None else None
    return msgspec.convert(recorded, ModelRequest) if isinstance(recorded, dict) else None


def _forgotten() -> ModelReply:
    return ModelReply(refused="the answer was forgotten")
