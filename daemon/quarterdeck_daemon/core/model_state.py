"""How events change what is known of models, and of what they were asked.

    asked ──► routed ──► answered | failed | cancelled          asked ──► reused, or refused
      └─► queued: behind a limit, or behind a call under way that asks the very same

The request stands in `model.asked`, the reply in `model.answered`; the state holds where they are, so each is kept once.
"""

from __future__ import annotations

import msgspec

from quarterdeck_protocol.events import Event

from .entities import KnownAnswer, ModelCall, ModelDay, ModelIdentity, Models, Plain
from .hashing import value_hash
from .moments import day_of
from .orders import ModelReply, ModelRequest
from .table import Draft
from .turn import Applier, strings, take_number

replace = msgspec.structs.replace
NOT_THE_QUESTION = ("labels", "value_minor", "again")
DAY_US = 86_400_000_000
TRIAL = "trial"  # Purpose of what is asked only to see how well a model does.
ANSWERS = "answer"  # Counter of the answers that may be used again.


def question_hash(request: ModelRequest) -> str:
    """Of what decides the answer of one and the same model: all but who may see it and what it is worth."""
    plain: Plain = msgspec.to_builtins(request)
    return value_hash({name: value for name, value in plain.items() if name not in NOT_THE_QUESTION})


def key_of(model: str, question: str) -> str:
    """model: the full id of who answers, with its content."""
    return value_hash([model, question])


def _configured(draft: Draft, event: Event) -> None:
    draft.put(msgspec.convert({**event.body, "id": "workspace", "seq": event.seq}, Models))


class _Asked(msgspec.Struct):
    call: str
    request: ModelRequest
    question: str
    most_in: int
    most_out: int
    step: str = ""
    agent: str = ""
    namespaces: tuple[str, ...] = ("default",)
    only: str = ""
    tries_out: str = ""


def _asked(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _Asked)
    request = body.request
    draft.put(
        ModelCall(
            id=body.call, seq=event.seq, purpose=TRIAL if body.only else request.purpose, key="", model="", status="queued",
            at_us=event.at_us, run=event.run or "", step=body.step, agent=body.agent, labels=event.labels,
            namespaces=body.namespaces, asked_seq=event.seq, request_hash=body.question, most_in=body.most_in,
            most_out=body.most_out, value_minor=request.value_minor, again=request.again,
            repeatable=not request.temperature or request.seed != 0, only=body.only, tries_out=body.tries_out,
        )
    )  # fmt: skip
    first = draft.get(ModelCall, body.tries_out) if body.tries_out else None
    if first is not None:
        draft.link(f"model_call:{body.call}", "derived_from", _owner(first), event.seq)
    take_number(draft, body.call, event.seq)


def _change(draft: Draft, event: Event, **fields: object) -> ModelCall:
    call = draft.get(ModelCall, str(event.body["call"]))
    assert call is not None, "only what was asked goes on"
    call = replace(call, seq=event.seq, **fields)
    draft.put(call)
    return call


def _routed(draft: Draft, event: Event) -> None:
    body = event.body
    call = _change(draft, event)
    fields: Plain = {"model": body["model"], "key": body["key"], "why": body["why"]}
    _promise(draft, event, call)
    draft.put(
        replace(
            call, status="asked", tries=call.tries + 1, queued="", behind="",
            alternatives=strings(body["alternatives"]), **fields,
        )
    )  # fmt: skip


def _promise(draft: Draft, event: Event, call: ModelCall) -> None:
    """Its answer will come: who asks the same waits for it. By the model's name, as its content may not be known yet."""
    if call.repeatable:
        id = key_of(str(event.body["model"]), call.request_hash)
        draft.put(KnownAnswer(id=id, seq=event.seq, call=call.id, run=call.run, at_us=event.at_us))


def _queued(draft: Draft, event: Event) -> None:
    body = event.body
    fields: Plain = {"queued": body.get("waiter", ""), "behind": body.get("behind", "")}
    fields |= {name: body[name] for name in ("model", "key", "why", "error") if name in body}
    call = _change(draft, event, status="queued", **fields)
    draft.put(replace(call, tried=strings(body.get("tried", call.tried))))
    if call.queued:
        _promise(draft, event, call)
    ahead = draft.get(ModelCall, call.behind) if call.behind else None
    if ahead is not None:
        draft.put(replace(ahead, seq=event.seq, followed=(*ahead.followed, call.id)))


def _answered(draft: Draft, event: Event) -> None:
    body = event.body
    reply = msgspec.convert(body["reply"], ModelReply)
    call = _over(
        draft, event, "answered", key=body["key"], tokens_in=reply.tokens_in, tokens_out=reply.tokens_out,
        ms=reply.ms, money=body["money"],
    )  # fmt: skip
    _count(draft, event, call.model, calls=1, tokens=call.tokens_in + call.tokens_out, ms=call.ms, money=call.money)
    identity = draft.get(ModelIdentity, call.model)
    if identity is None or identity.model != reply.model:
        draft.put(ModelIdentity(id=call.model, seq=event.seq, model=reply.model))
    if number := body.get("number"):
        known = KnownAnswer(
            id=call.key, seq=event.seq, call=call.id, run=call.run, number=int(str(number)), at_us=event.at_us
        )
        draft.put(known)
        take_number(draft, f"{ANSWERS}{number}", event.seq)


def _over(draft: Draft, event: Event, status: str, **fields: object) -> ModelCall:
    return _change(
        draft, event, status=status, over_seq=event.seq, ended_us=event.at_us, queued="", behind="", **fields
    )


def _reused(draft: Draft, event: Event) -> None:
    """Who has an answer from another run has it from there, also when that is to be forgotten."""
    body = event.body
    first = draft.get(ModelCall, str(body["from"]))
    fields: Plain = {"model": body["model"], "key": body["key"], "saved": body["saved"]}
    call = _over(draft, event, "answered", reused=body["from"], why=str(body["why"]), **fields)
    saved = {f"saved_{name}": amount for name, amount in call.saved.items()}
    _count(draft, event, call.model, reused=1, **saved)  # type: ignore[arg-type]  # Numbers, as they were recorded.
    if first is not None and first.run != call.run:
        draft.link(_owner(call), "derived_from", _owner(first), event.seq)


def _owner(call: ModelCall) -> str:
    """With whom it is forgotten."""
    return f"run:{call.run}" if call.run else f"model_call:{call.id}"


def _refused(draft: Draft, event: Event) -> None:
    fields: Plain = {"why": str(event.body["reason"]), "alternatives": strings(event.body["alternatives"])}
    _over(draft, event, "refused", error={"code": event.body["code"], "message": event.body["reason"]}, **fields)


def _failed(draft: Draft, event: Event) -> None:
    call = _over(draft, event, "failed", error=event.body["error"])
    _count(draft, event, call.model, failed=1)


def _count(draft: Draft, event: Event, model: str, **more: float) -> None:
    """Add to what the model did today."""
    id = f"{day_of(event.at_us // DAY_US)}/{model}"
    day = draft.get(ModelDay, id) or ModelDay(id=id)
    sums = {name: getattr(day, name) + amount for name, amount in more.items()}
    draft.put(replace(day, seq=event.seq, **sums))


def _cancelled(draft: Draft, event: Event) -> None:
    reason = str(event.body["reason"])
    _over(draft, event, "cancelled", error={"code": "cancelled", "message": reason})


APPLY: dict[str, Applier] = {
    "models.configured": _configured,
    "model.asked": _asked,
    "model.routed": _routed,
    "model.queued": _queued,
    "model.answered": _answered,
    "model.reused": _reused,
    "model.refused": _refused,
    "model.failed": _failed,
    "model.cancelled": _cancelled,
}
