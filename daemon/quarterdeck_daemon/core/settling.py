"""Settling: work has ended, so what it had reserved is settled, breakers hear how it went, and who waits is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from quarterdeck_protocol.events import Event

from . import breakers
from .admission import serve
from .alerts import settle_topic
from .budgets import open_reservation, settle, topic_of, used_of
from .entities import Action, Amounts, Breaker, Cap, Meter, Reservation, Run, Step
from .limits import NOTHING
from .lookup import find
from .pinned import pinned_playbook, spec_of
from .turn import Turn


def free(turn: Turn, work: str, told: Amounts | None, begun_seq: int) -> None:
    """Settle what it had reserved, and call who waits for that. Work that never began used nothing."""
    reservation = open_reservation(turn, work)
    if reservation is None:
        return
    used = used_of(reservation, turn.env.now_us, told) if begun_seq > reservation.seq else NOTHING
    for scope in settle(turn, work, used):
        serve(turn, scope)


def step_answered(turn: Turn, event: Event) -> None:
    """A try succeeded; with `used` of the event as what it told of tokens and money."""
    run = find(turn, Run, event.run or "")
    step = run.steps[str(event.body["step"])]
    if not step.agent or (event.kind == "step.succeeded" and step.actions):
        return  # A wait, or effects that were proposed by an answer that has been counted.
    work = f"{run.id}/{step.id}"
    breakers.succeeded(turn, f"agent:{step.agent}", work)
    free(turn, work, _told(event, step), step.input_seq)


def _told(event: Event, step: Step) -> Amounts | None:
    """What it says that it used. What models it asked is counted with each of them."""
    told = event.body.get("used")
    if isinstance(told, dict):
        return msgspec.convert(told, Amounts)
    return NOTHING if step.calls else None


def step_failed(turn: Turn, event: Event) -> None:
    run = find(turn, Run, event.run or "")
    step = run.steps[str(event.body["step"])]
    if not step.agent:
        return
    work, error = f"{run.id}/{step.id}", event.body["error"]
    failure = str(error.get("failure", "permanent")) if isinstance(error, dict) else "permanent"
    if isinstance(error, dict) and error.get("code") == "busy":
        failure = "stopped"  # Nobody was asked: it speaks against nobody.
    scope = f"agent:{step.agent}"
    if not step.actions and not _never_began(turn, scope, work, step.input_seq):
        breakers.failed(turn, scope, work, failure)
    free(turn, work, None, step.input_seq)


def _never_began(turn: Turn, scope: str, work: str, begun_seq: int) -> bool:
    """The one try of a breaker that failed before anybody was asked shows nothing."""
    breaker = turn.draft.get(Breaker, scope)
    if breaker is None or breaker.probe != work or begun_seq > breaker.seq:
        return False
    breakers.lost(turn, scope, work)
    return True


def step_rerouted(turn: Turn, event: Event) -> None:
    """Another agent has it: the one before failed for good, was not even asked, or the operator said so."""
    error = event.body.get("error")
    run = find(turn, Run, event.run or "")
    step = run.steps[str(event.body["step"])]
    work = f"{run.id}/{step.id}"
    scope = f"agent:{event.body['was']}"
    if isinstance(error, dict):
        breakers.failed(turn, scope, work, str(error.get("failure", "permanent")))
    else:
        breakers.lost(turn, scope, work)
    free(turn, work, None, step.input_seq)


def step_dropped(turn: Turn, event: Event) -> None:
    """It was skipped, is to be done anew, or was given an output by hand."""
    run = find(turn, Run, event.run or "")
    step = run.steps.get(str(event.body["step"]))
    if step is not None and (event.kind != "step.edited" or step.status == "succeeded"):
        _drop(turn, run, step)
    if step is not None and event.kind == "step.retried":
        _drop_children(turn, run, step)


def _drop_children(turn: Turn, run: Run, step: Step) -> None:
    """Children of a fan-out that is done anew are no steps any more; what they had reserved may have been used."""
    spec = spec_of(turn, run, step.id)
    if spec is None or not spec.each:
        return
    for child in list(turn.draft.scan(Reservation, prefix=f"{run.id}/{step.id}[")):
        if child.open and child.id.partition("/")[2] not in run.steps:
            for scope in settle(turn, child.id, child.amounts):
                serve(turn, scope)


def _drop(turn: Turn, run: Run, step: Step) -> None:
    if not step.agent:
        return
    work = f"{run.id}/{step.id}"
    breakers.lost(turn, f"agent:{step.agent}", work)
    free(turn, work, None, step.input_seq)


def run_over(turn: Turn, event: Event) -> None:
    """Nothing of an ended run is under way any more, and nobody is asked about its budget."""
    run = find(turn, Run, event.run or "")
    for step in run.steps.values():
        if step.status == "pending":  # What was under way has been let go.
            _drop(turn, run, step)
    meter = turn.draft.get(Meter, f"run:{run.id}")
    if meter is not None:
        if run.status != "exhausted":
            for cap in meter.own:
                settle_topic(turn, topic_of(meter.id, cap.per), f"the run ended: {run.status}")
        serve(turn, meter.id)


def effect_over(turn: Turn, event: Event) -> None:
    """The wire was touched, or it provably was not; `failure` and `error` say what went wrong."""
    action = find(turn, Action, str(event.body["action"]))
    scope = f"connector:{action.connector}"
    if event.kind == "effect.succeeded":
        breakers.succeeded(turn, scope, action.id)
    elif failure := _failure_of(event):
        breakers.failed(turn, scope, action.id, failure)
    elif event.kind in ("action.held", "action.withdrawn"):
        breakers.lost(turn, scope, action.id)
    reservation = open_reservation(turn, action.id)
    if reservation is not None and not event.body.get("queued"):
        for freed in settle(turn, action.id, reservation.amounts if event.kind != "action.withdrawn" else NOTHING):
            serve(turn, freed)


def _failure_of(event: Event) -> str:
    error = event.body.get("error")
    told = error.get("failure") if isinstance(error, dict) else event.body.get("failure")
    if event.kind == "effect.unknown":  # One that only waits for room was not tried.
        return "" if event.body.get("waits") else "uncertain"
    return str(told or "")


# --- when there may be room -----------------------------------------------------------------------


def _serve_named(turn: Turn, event: Event) -> None:
    serve(turn, str(event.body.get("scope") or event.body.get("id")))


def _serve_all(turn: Turn, event: Event) -> None:
    for meter in list(turn.draft.live(Meter)):
        serve(turn, meter.id)


def begin_budget(turn: Turn, event: Event) -> None:
    """A run begins with what its playbook gives it, unless its start said otherwise."""
    run = find(turn, Run, event.run or "")
    budget = pinned_playbook(turn, run).budget
    known = turn.draft.get(Meter, f"run:{run.id}")
    if budget is None or (known is not None and known.own):
        return
    most = Amounts(calls=budget.calls, ms=int(budget.minutes * 60_000), tokens=budget.tokens, money=budget.money)
    caps = [msgspec.to_builtins(Cap(per="ever", most=most, over=budget.over))]
    turn.emit("budget.set", {"scope": f"run:{run.id}", "caps": caps})


def _table(follower: Callable[[Turn, Event], None], kinds: Iterable[str]) -> dict[str, Callable[[Turn, Event], None]]:
    return dict.fromkeys(kinds, follower)


FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    "run.started": begin_budget,
    **_table(step_answered, ("step.succeeded", "step.proposed")),
    **_table(step_failed, ("step.failed", "step.retry_scheduled")),
    "step.rerouted": step_rerouted,
    **_table(step_dropped, ("step.skipped", "step.retried", "step.edited")),
    **_table(run_over, ("run.ended", "run.cancelled")),
    **_table(effect_over, ("effect.succeeded", "effect.failed", "effect.unknown", "action.held", "action.withdrawn")),
    **_table(_serve_named, ("budget.raised", "budget.set", "breaker.closed", "breaker.opened")),
    "limits.configured": _serve_all,
}
