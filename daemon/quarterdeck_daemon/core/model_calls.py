"""Questions to models: recorded, routed and reserved for before they are sent, answered on record before they are used.

An agent cannot call a model. It tells what it would ask (`StepAsks`); the step waits as `asking`, and is run again at the
same attempt with the replies when all of them are there. A question that nobody may answer is refused, and the agent
goes on without. A model call is no effect: after a crash what was asked and not answered is asked again, what was
answered never.

The same question to the same model is not computed twice: its recorded answer is used again, and who asks while it is
under way waits for that one answer.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import EXTERNAL, Labels, join

from . import breakers
from .admission import may_ask
from .budgets import open_reservation
from .commands import AskModelNow, CancelCall, Command, ConfigureModels, ModelAnswered, TryModel
from .entities import Amounts, Breaker, ModelCall, ModelSpec, Plain, Run, Step
from .failing import fail
from .known_answers import asked_already, key_for, known_answer
from .limits import NOTHING
from .lookup import find
from .model_state import ANSWERS, key_of, question_hash
from .modes import allows, models_of, strictest
from .orders import Failed, Failure, ModelReply, ModelRequest, StepAsks
from .prices import money_of
from .room import call_work, no_room_at_caps
from .routing import Wanted, open_purposes, route
from .settling import free
from .tokens import tokens_of
from .turn import Turn

ASKS_MAX = 16  # Of one attempt.
REQUEST_BYTES_MAX = 128 * 1024
REPLY_BYTES_MAX = 256 * 1024
TOKENS_MAX = 32_768
CHOICES_MAX = 256
STOPS_MAX = 16
AGAIN_MAX = 8
MODELS_MAX = 64
ROUTES_MAX = 64
TRIES_MAX = 3
SAME_TRIES_MAX = 2  # When there is no other model.
TRIED_ELSEWHERE: frozenset[str] = frozenset(("transient", "crash", "timeout", "contract"))
TRIED_AGAIN: frozenset[str] = frozenset(("transient", "crash"))
PURPOSE = re.compile(r"\A[a-z][a-z0-9_-]{0,31}\Z")
ROUTE = re.compile(r"\A(none|tier:[0-9]|[A-Za-z0-9][A-Za-z0-9._-]{0,63})\Z")


# --- settings -------------------------------------------------------------------------------------


def configure(turn: Turn, command: ConfigureModels) -> Plain:
    """Record what the settings say, if it changed."""
    if len(command.specs) > MODELS_MAX or len(command.routes) > ROUTES_MAX:
        raise QuarterdeckError("schema", f"there are at most {MODELS_MAX} models and {ROUTES_MAX} routes")
    if wrong := next((one for one in command.routes.items() if not _is_route(*one, command.specs)), None):
        hint = "A route names a model of the settings, tier:1 to tier:9, or none."
        raise QuarterdeckError("schema", f"{wrong[0]} = {wrong[1]!r} is no route", hint=hint)
    known = models_of(turn.draft)
    if any(getattr(known, name) != getattr(command, name) for name in command.__struct_fields__):
        turn.emit("models.configured", msgspec.to_builtins(command))
    return {"models": len(command.specs)}


def _is_route(purpose: str, to: str, specs: tuple[ModelSpec, ...]) -> bool:
    named = to == "none" or to.startswith("tier:") or any(spec.name == to for spec in specs)
    return bool(PURPOSE.match(purpose)) and bool(ROUTE.match(to)) and named


def purposes_of(turn: Turn, labels: Labels, mode: str) -> tuple[str, ...]:
    """For which purposes a model would answer a step that begins now."""
    models = models_of(turn.draft)
    if not models.specs or mode == "deterministic":
        return ()
    found = open_purposes(models, labels, lambda spec: _closed(turn, spec, ""))
    return tuple(purpose for purpose in found if allows(strictest(mode), purpose))


# --- asking ---------------------------------------------------------------------------------------


def take_asks(turn: Turn, run: Run, step: Step, asks: StepAsks, via: str) -> None:
    """An agent cannot go on before models have answered these. via: the remote executor that ran it."""
    wrong = _breach(step, asks)
    if wrong:
        fail(turn, run, step.id, Failure(failure="contract", code="breach", message=f"{step.agent} {wrong}"))
        return
    first = turn.number("c")
    ids = [f"c{first + place}" for place in range(len(asks.requests))]
    body: Plain = {"run": run.id, "step": step.id, "calls": ids}
    turn.emit("step.asking", body, run=run.id, labels=step.labels, actor=f"agent:{step.agent}")
    for id, request in zip(ids, asks.requests, strict=True):
        labels = join((step.labels, request.labels, *((EXTERNAL,) if via else ())))
        call = _record(turn, id, request, labels, run, step)
        if allows(strictest(step.mode), request.purpose):
            send(turn, call)
        else:
            refuse(turn, call, "mode", f"in {step.mode} mode no model is asked to {request.purpose}")


def _breach(step: Step, asks: StepAsks) -> str:
    """How these questions break what every agent has agreed to; "" when they do not."""
    if step.mode == "deterministic":
        return "asked a model in a deterministic step"
    if not asks.requests:
        return "asked nothing"
    if len(step.calls) + len(asks.requests) > ASKS_MAX:
        return f"asked more than {ASKS_MAX} questions in one try"
    return next((fault for request in asks.requests if (fault := fault_of(request))), "")


def fault_of(request: ModelRequest) -> str:
    """What is wrong with a question; "" when nothing is."""
    if not PURPOSE.match(request.purpose):
        return f"names a purpose that is none: {request.purpose[:40]!r}"
    if len(msgspec.msgpack.encode(request)) > REQUEST_BYTES_MAX:
        return f"asks more than {REQUEST_BYTES_MAX:,} bytes"
    if not 1 <= request.tokens_max <= TOKENS_MAX or not 0 <= request.temperature <= 2:
        return f"asks for {request.tokens_max:,} tokens at temperature {request.temperature}"
    if len(request.choices) > CHOICES_MAX or len(request.stop) > STOPS_MAX:
        return f"gives more than {CHOICES_MAX} choices or {STOPS_MAX} stops"
    if not 0 <= request.again <= AGAIN_MAX or request.value_minor < 0:
        return f"asks for the {request.again}. time, at a worth of {request.value_minor}"
    return ""


def ask_now(turn: Turn, command: AskModelNow) -> Plain:
    """Somebody asks outside of any run. What stands in the way is on record, and in the reply."""
    if fault := fault_of(command.request):
        raise QuarterdeckError("bad_value", f"the request {fault}")
    id = f"c{turn.number('c')}"
    send(turn, _record(turn, id, command.request, command.request.labels, None, None))
    call = find(turn, ModelCall, id)
    return {"call": id, "status": call.status, "model": call.model, "why": call.why}


def try_out(turn: Turn, command: TryModel) -> Plain:
    """A model is asked what was asked before. It is shown no more than who asks it anew would show it."""
    first = find(turn, ModelCall, command.call)
    if question_hash(command.request) != first.request_hash:
        raise QuarterdeckError("bad_value", f"{first.id} asked something else")
    more: Plain = {"only": command.model, "tries_out": first.id, "namespaces": list(first.namespaces)}
    id = f"c{turn.number('c')}"
    send(turn, _record(turn, id, command.request, first.labels, None, None, more))
    call = find(turn, ModelCall, id)
    return {"call": id, "status": call.status, "why": call.why}


def _record(
    turn: Turn, id: str, request: ModelRequest, labels: Labels, run: Run | None, step: Step | None,
    more: Plain | None = None,
) -> ModelCall:  # fmt: skip
    request = msgspec.structs.replace(request, labels=labels)
    words = " ".join((request.prompt, request.system, *request.choices))
    body: Plain = {
        "call": id,
        "request": msgspec.to_builtins(request),
        "question": question_hash(request),
        "most_in": tokens_of(words) * 5 // 4 + len(msgspec.json.encode(request.schema)) // 4 + 16,
        "most_out": 0 if request.choices else request.tokens_max,
    }
    body |= more or {}
    if run is not None and step is not None:
        body |= {"step": step.id, "agent": step.agent, "input_seq": step.input_seq}
        body["namespaces"] = list(run.namespaces)
    turn.emit("model.asked", body, run=run.id if run else None, labels=labels)
    return find(turn, ModelCall, id)


def send(turn: Turn, call: ModelCall) -> None:
    """Find who answers, and have it asked; or use a known answer again, wait, or refuse."""
    models, run = models_of(turn.draft), turn.draft.get(Run, call.run) if call.run else None
    answer = functools.cache(lambda spec: known_answer(turn, models, call, spec))
    found = route(
        models,
        _wanted(call),
        lambda spec: "" if answer(spec) else _closed(turn, spec, call.id),
        lambda spec: "" if answer(spec) else no_room_at_caps(turn, call_work(turn, call, spec, run)),
    )
    spec = found.model
    if spec is None:
        _without_model(turn, call, found.why, found.alternatives)
        return
    body: Plain = {"model": spec.name, "key": key_for(turn, call, spec), "why": found.why}
    if known := answer(spec):
        reuse(turn, call, known, body)
    elif ahead := asked_already(turn, call, spec):
        _tell(turn, "model.queued", call, {**body, "behind": ahead, "reason": f"{ahead} asks the same"})
    else:
        _take_place(turn, call, spec, run, body, found.alternatives)


def _take_place(
    turn: Turn, call: ModelCall, spec: ModelSpec, run: Run | None, body: Plain, alternatives: tuple[str, ...]
) -> None:
    refused = may_ask(turn, call, call_work(turn, call, spec, run), run, body)
    if refused is None:
        _tell(turn, "model.routed", call, {**body, "alternatives": list(alternatives)})
    elif refused:
        refuse(turn, call, "budget_exceeded", refused, alternatives)


def _without_model(turn: Turn, call: ModelCall, why: str, alternatives: tuple[str, ...]) -> None:
    """Nobody else may answer: the one that failed is tried once more, or it was in vain."""
    if not call.tried:
        refuse(turn, call, "no_model", why, alternatives)
    elif call.error.get("failure") in TRIED_AGAIN and call.tries < SAME_TRIES_MAX:
        _wait(turn, call, tried=(), error=call.error)
        send(turn, find(turn, ModelCall, call.id))
    else:
        _tell(turn, "model.failed", call, {"error": call.error})


def refuse(turn: Turn, call: ModelCall, code: str, reason: str, alternatives: tuple[str, ...] = ()) -> None:
    body: Plain = {"code": code, "reason": reason, "alternatives": list(alternatives)}
    _tell(turn, "model.refused", call, body)


def _wait(turn: Turn, call: ModelCall, *, tried: tuple[str, ...], error: Plain) -> None:
    _tell(turn, "model.queued", call, {"tried": list(tried), "error": error})


def _wanted(call: ModelCall) -> Wanted:
    return Wanted(
        purpose=call.purpose, labels=call.labels, value_minor=call.value_minor, again=call.again,
        tokens_in=call.most_in, tokens_out=call.most_out, tried=call.tried, only=call.only,
    )  # fmt: skip


def _closed(turn: Turn, spec: ModelSpec, call: str) -> str:
    breaker = turn.draft.get(Breaker, f"model:{spec.name}")
    barred = breakers.barred_until(breaker, call, turn.env.now_us)
    return "keeps failing" if barred is not None else ""


def _tell(turn: Turn, kind: str, call: ModelCall, body: Plain) -> None:
    """Record something of a call, with whose content it is and how far it is to be trusted."""
    turn.emit(kind, {"call": call.id, **body}, run=call.run or None, labels=made_by_model(call.labels))


def made_by_model(labels: Labels) -> Labels:
    """What a model made is at most an agent's word, and no better than anything that it was shown."""
    return labels if labels.integrity == "external" else msgspec.structs.replace(labels, integrity="agent")


def reuse(turn: Turn, call: ModelCall, known: ModelCall, body: Plain) -> None:
    saved: Plain = {"tokens": known.tokens_in + known.tokens_out, "ms": known.ms, "money": known.money}
    told: Plain = {**body, "from": known.id, "saved": saved}
    _tell(turn, "model.reused", call, told)


# --- answers --------------------------------------------------------------------------------------


def answered(turn: Turn, command: ModelAnswered) -> Plain:
    call = turn.draft.get(ModelCall, command.call)
    if call is None or call.status != "asked" or call.tries != command.attempt:
        return {"ignored": True}  # An answer to a call that was cancelled, or to a try that was given up.
    outcome = command.outcome
    if isinstance(outcome, ModelReply) and outcome.finish != "cancelled" and not outcome.refused:
        _take_reply(turn, call, outcome)
    elif isinstance(outcome, ModelReply):
        _cancel(turn, call, outcome.refused or "it was cancelled")
    elif isinstance(outcome, Failed):
        _take_failure(turn, call, outcome.failure)
    else:
        wrong = Failure(failure="contract", code="schema", message="an answer of the wrong kind")
        _take_failure(turn, call, wrong)
    return {"call": call.id, "status": find(turn, ModelCall, call.id).status}


def _take_reply(turn: Turn, call: ModelCall, reply: ModelReply) -> None:
    size = len(msgspec.msgpack.encode(reply))
    if size > REPLY_BYTES_MAX:
        message = f"an answer of {size:,} bytes; at most {REPLY_BYTES_MAX:,} are taken"
        _take_failure(turn, call, Failure(failure="contract", code="too_large", message=message))
        return
    spec = next((one for one in models_of(turn.draft).specs if one.name == call.model), None)
    money = money_of(spec, reply.tokens_in, reply.tokens_out) if spec is not None else 0
    body: Plain = {"reply": msgspec.to_builtins(reply), "money": money}
    body["key"] = key_of(reply.model, call.request_hash) if reply.model else call.key
    if call.repeatable:
        body["number"] = turn.number(ANSWERS)
    _tell(turn, "model.answered", call, body)
    breakers.succeeded(turn, f"model:{call.model}", call.id)
    free(turn, call.id, Amounts(tokens=reply.tokens_in + reply.tokens_out, money=money), turn.seq)


def _take_failure(turn: Turn, call: ModelCall, failure: Failure) -> None:
    """Another model may know better; the last one's failure is the call's."""
    # A question that does not fit the model speaks against the question.
    against = "permanent" if failure.failure == "contract" else failure.failure
    breakers.failed(turn, f"model:{call.model}", call.id, against if failure.code != "busy" else "stopped")
    begun = failure.failure != "stopped" and failure.code != "busy"
    free(turn, call.id, None if begun else NOTHING, turn.seq if begun else 0)
    error: Plain = msgspec.to_builtins(failure)
    if failure.failure in TRIED_ELSEWHERE and call.tries < TRIES_MAX:
        _wait(turn, call, tried=(*call.tried, call.model), error=error)
        send(turn, find(turn, ModelCall, call.id))
    else:
        _tell(turn, "model.failed", call, {"error": error})


def cancel(turn: Turn, command: CancelCall) -> Plain:
    call = find(turn, ModelCall, command.call)
    if call.live:
        _cancel(turn, call, command.reason or "nobody waits for it any more")
    return {"call": call.id, "status": find(turn, ModelCall, call.id).status}


def _cancel(turn: Turn, call: ModelCall, reason: str) -> None:
    """What was sent may have been computed: it counts in full."""
    breakers.lost(turn, f"model:{call.model}", call.id)
    free(turn, call.id, None, turn.seq if call.status == "asked" else 0)
    _tell(turn, "model.cancelled", call, {"reason": reason})


# --- what follows from what -----------------------------------------------------------------------


def over(turn: Turn, event: Event) -> None:
    """A call has ended: who asks the same goes on, and its step, if that was the last it waited for."""
    id = str(event.body["call"])
    call = turn.draft.get(ModelCall, id)
    for other in [turn.draft.get(ModelCall, one) for one in (call.followed if call is not None else ())]:
        if other is not None and other.behind == id:
            send(turn, other)
    run = turn.draft.get(Run, call.run) if call is not None and call.run else None
    step = run.steps.get(call.step) if run is not None and call is not None else None
    if run is None or step is None or step.status != "asking" or id not in step.calls:
        return
    calls = [find(turn, ModelCall, one) for one in step.calls]
    if not any(one.live for one in calls):
        labels = join((step.labels, *(made_by_model(one.labels) for one in calls)))
        turn.emit("step.replied", {"run": run.id, "step": step.id}, run=run.id, labels=labels)


def called(turn: Turn, id: str, waiter: str) -> None:
    """It has its turn at a limit: with what it needs reserved it is sent, else it asks anew."""
    call = turn.draft.get(ModelCall, id)
    if call is None or call.status != "queued" or call.queued != waiter:
        return
    if open_reservation(turn, id) is not None:
        body: Plain = {"model": call.model, "key": call.key, "why": call.why}
        _tell(turn, "model.routed", call, {**body, "alternatives": list(call.alternatives)})
    else:
        send(turn, call)


def drop(turn: Turn, event: Event) -> None:
    """A step does not ask any more: nobody waits for what it asked."""
    for call in _calls_of(turn, event):
        run = find(turn, Run, call.run)
        step = run.steps.get(call.step)
        if not run.live or step is None or step.status != "asking" or call.id not in step.calls:
            _cancel(turn, call, "its step went on without it")


def ask_again(turn: Turn, event: Event) -> None:
    """A run goes on that left its places in the lines."""
    for call in _calls_of(turn, event):
        if call.status == "queued" and not call.queued and not call.behind:
            send(turn, call)


def _calls_of(turn: Turn, event: Event) -> Iterator[ModelCall]:
    run = find(turn, Run, event.run or "")
    for id in [id for step in run.steps.values() for id in step.calls]:
        call = turn.draft.get(ModelCall, id)
        if call is not None and call.live:
            yield call


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    ConfigureModels: configure,
    AskModelNow: ask_now,
    TryModel: try_out,
    ModelAnswered: answered,
    CancelCall: cancel,
}
_ENDS = ("model.answered", "model.reused", "model.refused", "model.failed", "model.cancelled")
_LETS_GO = (
    "run.ended", "run.cancelled", "step.skipped", "step.retried", "step.edited", "step.rerouted", "step.failed",
)  # fmt: skip
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    **dict.fromkeys(_ENDS, over),
    **dict.fromkeys(_LETS_GO, drop),
    "run.resumed": ask_again,
}
