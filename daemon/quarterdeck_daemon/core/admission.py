"""Admission: whether a step or an effect may begin now, and what becomes of it if not.

A step is asked for before anything is looked up for it, an effect before its intent is recorded. What may begin has its
reservation in the log by then. What may not is rerouted (a breaker is open, and the step names another agent), ends its
run as exhausted, fails when waiting would be too late, or joins a line and is called when there is room: a try that
ended, a new span of time, a raised budget, a closed breaker. Nobody polls.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from quarterdeck_protocol.events import Event

from . import breakers
from .alerts import raise_alert, settle_topic
from .budgets import open_reservation, reserve, settle, topic_of, used_of
from .durations import duration_us
from .entities import (
    Action,
    Amounts,
    Breaker,
    Cap,
    Limits,
    Meter,
    Over,
    Plain,
    Priority,
    Run,
    Step,
    Stop,
    Waiter,
    Work,
)
from .failing import fail, reroute
from .limits import NOTHING, add, caps_of, ends, limits_of, raised, rule_of, run_scopes, span_of, too_much
from .lines import WAITING_MAX, first_of, join_line, leave_line, look_again
from .lookup import find
from .orders import Failure
from .pinned import pinned_playbook, spec_of
from .playbook import Playbook, StepSpec
from .run_clock import may_begin_now
from .settings import settings_of
from .turn import Turn

SERVE_MAX = 200  # Called at one go; the next go follows at once.
NEXT_GO_US = 1_000
SAID = {"calls": "calls", "ms": "time", "tokens": "tokens", "money": "money"}


class Block(msgspec.Struct, frozen=True, kw_only=True):
    """Why work may not begin: at which limit, until when as far as that is known, and what is to be done with it."""

    scope: str
    why: str
    until_us: int | None = None
    over: Over = "throttle"
    breaker: bool = False
    per: str = ""
    never: bool = False  # It is larger than the whole limit: no waiting helps.


# --- what asks ------------------------------------------------------------------------------------


def may_begin(turn: Turn, run: Run, spec: StepSpec) -> bool:
    """Whether an agent's step may begin now; if not, it has been seen to."""
    if not spec.agent:
        return True
    work = step_work(turn, run, spec)
    block = _blocked(turn, work)
    if block is None:
        return True
    if block.breaker and reroute(turn, run, spec, f"{block.scope} is not given work"):
        return False
    if block.over == "stop":
        _exhaust(turn, run, block)
    elif block.never:
        # It would stand at the head of the line for ever, and everybody behind it.
        fail(turn, run, spec.id, Failure(failure="permanent", code="budget_exceeded", message=block.why))
    elif _too_late(work, block):
        fail(
            turn, run, spec.id, Failure(failure="timeout", code="deadline", message=f"{block.why}; later is too late")
        )
    else:
        _queue_step(turn, run, spec.id, work, block)
    return False


def may_leave(turn: Turn, action: Action) -> bool:
    """Whether an effect may leave now; if not, it has been seen to."""
    work = effect_work(turn, action)
    block = _blocked(turn, work)
    if block is None:
        return True
    run = turn.draft.get(Run, action.run) if action.run else None
    if block.over == "stop":
        body: Plain = {"action": action.id, "reason": block.why, "was": "held"}
        turn.emit("action.withdrawn", body, run=action.run or None, labels=action.labels)
        if run is not None and run.live:
            _exhaust(turn, run, block)
    else:
        _queue_action(turn, action, work, block)
    return False


def step_work(turn: Turn, run: Run, spec: StepSpec) -> Work:
    playbook = pinned_playbook(turn, run)
    agent = run.steps[spec.id].agent or spec.agent
    model = (f"model:{spec.uses.model}",) if spec.uses.model else ()
    deadline_ms = duration_us(spec.timeout) // 1000 if spec.timeout else settings_of(turn.draft).step_deadline_ms
    return Work(
        id=f"{run.id}/{spec.id}",
        scopes=(f"agent:{agent}", *model, *run_scopes(turn.draft, run), "workspace"),
        amounts=Amounts(calls=1, ms=deadline_ms, tokens=spec.uses.tokens, money=spec.uses.money),
        priority=_priority(run, playbook),
        run=run.id,
        due_us=getattr(run, "deadline_us", None),
    )


def _priority(run: Run, playbook: Playbook) -> Priority:
    return run.priority if run.priority != "normal" else playbook.priority or "normal"


def effect_work(turn: Turn, action: Action) -> Work:
    run = turn.draft.get(Run, action.run) if action.run else None
    return Work(
        id=action.id,
        scopes=(f"connector:{action.connector}", *run_scopes(turn.draft, run), "workspace"),
        amounts=Amounts(calls=1),
        priority="interactive" if action.approval is not None else "normal",  # Somebody is waiting to see it leave.
        run=action.run,
    )


# --- whether there is room ------------------------------------------------------------------------


def _blocked(turn: Turn, work: Work) -> Block | None:
    """Why it may not begin. None: it may, and everything for it is reserved."""
    if open_reservation(turn, work.id) is not None:
        return None  # It was called from a line.
    block = _first_block(turn, work) or _line_before(turn, work)
    if block is None:
        _take(turn, work)
    return block


def _take(turn: Turn, work: Work, *, called: bool = False) -> None:
    """called: from a line. Then a reservation is its ticket, though it may count in no limit."""
    for scope in work.scopes:
        breakers.let_through(turn, scope, work)
    reserve(turn, work, always=called)


def _first_block(turn: Turn, work: Work) -> Block | None:
    limits = limits_of(turn.draft)
    found = (_block_at(turn, limits, scope, work) for scope in work.scopes)
    return next((block for block in found if block is not None), None)


def _block_at(turn: Turn, limits: Limits, scope: str, work: Work) -> Block | None:
    now = turn.env.now_us
    until = breakers.barred_until(turn.draft, scope, work.id, now)
    if until is not None:
        return Block(scope=scope, why=f"the breaker of {scope} is open", until_us=until, breaker=True)
    rule, meter = rule_of(limits, scope), turn.draft.get(Meter, scope)
    if rule is not None and rule.at_once and meter is not None and meter.in_use >= rule.at_once:
        return Block(scope=scope, why=f"{scope} does {rule.at_once} at once")
    caps = caps_of(limits, meter, scope)
    return next((block for cap in caps if (block := _cap_block(meter, scope, cap, work, now)) is not None), None)


def _cap_block(meter: Meter | None, scope: str, cap: Cap, work: Work, now: int) -> Block | None:
    span = span_of(meter, cap.per, now)
    most = raised(cap, span.more)
    beyond = too_much(add(add(span.used, span.reserved), work.amounts), most)
    if not beyond:
        return None
    allowed = getattr(most, beyond)
    why = f"{scope} may use {allowed:,} {'ms' if beyond == 'ms' else SAID[beyond]} {_within(cap.per)}"
    until = ends(cap.per, now)
    never = too_much(work.amounts, cap.most) != ""
    # A span that never ends is over only when somebody says so.
    over: Over = "escalate" if cap.over == "throttle" and until is None else cap.over
    return Block(scope=scope, why=why, until_us=until, over=over, per=cap.per, never=never and until is not None)


def _within(per: str) -> str:
    return "in all" if per == "ever" else f"a {per}"


def _line_before(turn: Turn, work: Work) -> Block | None:
    """Others wait where it would go; it does not pass them."""
    for scope in work.scopes:
        meter = turn.draft.get(Meter, scope)
        if meter is not None and meter.waiting:
            return Block(scope=scope, why=f"others wait for {scope}", until_us=meter.until_us)
    return None


def _too_late(work: Work, block: Block) -> bool:
    return work.due_us is not None and block.until_us is not None and block.until_us > work.due_us


# --- waiting --------------------------------------------------------------------------------------


def _queue_step(turn: Turn, run: Run, step: str, work: Work, block: Block) -> None:
    meter = turn.draft.get(Meter, block.scope)
    if meter is not None and meter.waiting >= WAITING_MAX:
        message = f"{WAITING_MAX:,} wait for {block.scope} already"
        fail(turn, run, step, Failure(failure="transient", code="busy", message=message))
        return
    waiter = join_line(turn, block.scope, work)
    body: Plain = {"run": run.id, "step": step, "waiter": waiter, "reason": block.why}
    turn.emit("step.queued", body, run=run.id, labels=run.labels)
    _ask(turn, work, block)
    serve(turn, block.scope)


def _queue_action(turn: Turn, action: Action, work: Work, block: Block) -> None:
    waiter = join_line(turn, block.scope, work)
    body: Plain = {"action": action.id, "until_us": None, "reason": block.why, "queued": waiter}
    turn.emit("action.held", body, run=action.run or None, labels=action.labels)
    _ask(turn, work, block)
    serve(turn, block.scope)


def _ask(turn: Turn, work: Work, block: Block) -> None:
    """Over budget, and it is the operator's to say what happens."""
    if block.over != "escalate":
        return
    give = f"quarterdeck budget raise {block.scope} --per {block.per}"
    raise_alert(
        turn,
        "warning",
        topic_of(block.scope, block.per),
        f"over budget: {block.why}; {work.id} waits for you",
        hint=f"{give} --calls 10 (or --minutes, --tokens, --money); or cancel what waits",
        about=(f"run:{work.run}",) if work.run else (),
        details={"scope": block.scope, "per": block.per},
        runbook="over-budget",
    )


def _exhaust(turn: Turn, run: Run, block: Block) -> None:
    body: Plain = {"run": run.id, "status": "exhausted", "reason": block.why}
    turn.emit("run.ended", body, run=run.id, labels=run.labels)
    raise_alert(
        turn,
        "warning",
        topic_of(block.scope, block.per),
        f"run {run.id} ended, its budget is used up: {block.why}",
        hint=f"quarterdeck budget raise {block.scope} --per {block.per}, then start its playbook again",
        about=(f"run:{run.id}",),
        details={"scope": block.scope, "per": block.per},
        runbook="over-budget",
    )


def serve(turn: Turn, scope: str) -> None:
    """Call those who wait at this limit, in their order, as long as there is room."""
    limits = limits_of(turn.draft)
    for _ in range(SERVE_MAX):
        meter = turn.draft.get(Meter, scope)
        if meter is None or not meter.waiting:
            return
        waiter = first_of(turn, meter)
        if not _still_waits(turn, waiter):
            leave_line(turn, waiter, "gone")
            continue
        here = _block_at(turn, limits, scope, waiter.work)
        if here is not None:
            look_again(turn, meter, here.until_us)
            return
        block = _first_block(turn, waiter.work)
        if block is None:
            leave_line(turn, waiter, "called")
            _take(turn, waiter.work, called=True)
            _call(turn, waiter)
            _settle_asked(turn, limits, meter)
        else:
            leave_line(turn, waiter, "moved")
            _move(turn, waiter, block)
    if (meter := turn.draft.get(Meter, scope)) is not None and meter.waiting:
        look_again(turn, meter, turn.env.now_us + NEXT_GO_US)


def _still_waits(turn: Turn, waiter: Waiter) -> bool:
    """Whether it waits in this place. What was paused or stopped meanwhile goes on by itself later."""
    run_id, _, step_id = waiter.work.id.partition("/")
    if not step_id:
        return _action_waits(turn, waiter)
    run = turn.draft.get(Run, run_id)
    step = run.steps.get(step_id) if run is not None else None
    if run is None or step is None or step.status != "queued" or step.queued != waiter.id:
        return False
    if run.status == "paused" or (run.status == "running" and not may_begin_now(turn, run)):
        turn.emit("step.resumed", {"run": run.id, "step": step.id}, run=run.id, labels=step.labels)
        return False
    return run.status == "running"


def _action_waits(turn: Turn, waiter: Waiter) -> bool:
    action = turn.draft.get(Action, waiter.work.id)
    if action is None or action.status != "held" or action.queued != waiter.id:
        return False
    run = turn.draft.get(Run, action.run) if action.run else None
    stop = turn.draft.get(Stop, "stop")
    if (run is not None and run.status == "paused") or (stop is not None and stop.engaged) or action.held_back:
        body: Plain = {"action": action.id, "until_us": turn.env.now_us, "reason": "it is asked again later"}
        turn.emit("action.held", body, run=action.run or None, labels=action.labels)
        return False
    return True


def _call(turn: Turn, waiter: Waiter) -> None:
    """A step begins by this event; an effect is released by whoever follows `line.left`."""
    run_id, _, step_id = waiter.work.id.partition("/")
    if step_id:
        run = find(turn, Run, run_id)
        turn.emit("step.resumed", {"run": run_id, "step": step_id}, run=run_id, labels=run.steps[step_id].labels)


def _move(turn: Turn, waiter: Waiter, block: Block) -> None:
    """There is room where it waited, and none elsewhere."""
    run_id, _, step_id = waiter.work.id.partition("/")
    place = join_line(turn, block.scope, waiter.work)
    if step_id:
        body: Plain = {"run": run_id, "step": step_id, "waiter": place, "reason": block.why}
        turn.emit("step.queued", body, run=run_id, labels=find(turn, Run, run_id).labels)
    else:
        action = find(turn, Action, run_id)
        body = {"action": action.id, "until_us": None, "reason": block.why, "queued": place}
        turn.emit("action.held", body, run=action.run or None, labels=action.labels)
    _ask(turn, waiter.work, block)
    meter = find(turn, Meter, block.scope)
    if block.until_us is not None and (meter.until_us is None or block.until_us < meter.until_us):
        look_again(turn, meter, block.until_us)


def _settle_asked(turn: Turn, limits: Limits, meter: Meter) -> None:
    for cap in caps_of(limits, meter, meter.id):
        if cap.over == "escalate" or cap.per == "ever":
            settle_topic(turn, topic_of(meter.id, cap.per), "there is room again")


# --- when work ends -------------------------------------------------------------------------------


def _free(turn: Turn, work: str, told: Amounts | None, begun_seq: int) -> None:
    """Settle what it had reserved, and call who waits for that. Work that never began used nothing."""
    reservation = open_reservation(turn, work)
    if reservation is None:
        return
    used = used_of(reservation, turn.env.now_us, told) if begun_seq > reservation.seq else NOTHING
    for scope in settle(turn, work, used):
        serve(turn, scope)


def _breakers_of(turn: Turn, run: Run, step: Step) -> tuple[str, ...]:
    spec = spec_of(turn, run, step.id)
    return (f"agent:{step.agent}", *((f"model:{spec.uses.model}",) if spec is not None and spec.uses.model else ()))


def step_answered(turn: Turn, event: Event) -> None:
    """A try succeeded; with `used` of the event as what it told of tokens and money."""
    run = find(turn, Run, event.run or "")
    step = run.steps[str(event.body["step"])]
    if not step.agent or (event.kind == "step.succeeded" and step.actions):
        return  # A wait, or effects that were proposed by an answer that has been counted.
    work = f"{run.id}/{step.id}"
    for scope in _breakers_of(turn, run, step):
        breakers.succeeded(turn, scope, work)
    told = event.body.get("used")
    _free(turn, work, msgspec.convert(told, Amounts) if isinstance(told, dict) else None, step.input_seq)


def step_failed(turn: Turn, event: Event) -> None:
    run = find(turn, Run, event.run or "")
    step = run.steps[str(event.body["step"])]
    if not step.agent:
        return
    work, error = f"{run.id}/{step.id}", event.body["error"]
    failure = str(error.get("failure", "permanent")) if isinstance(error, dict) else "permanent"
    if isinstance(error, dict) and error.get("code") == "busy":
        failure = "stopped"  # Nobody was asked: it speaks against nobody.
    for scope in _breakers_of(turn, run, step) if not step.actions else ():
        if not _never_began(turn, scope, work, step.input_seq):
            breakers.failed(turn, scope, work, failure)
    _free(turn, work, None, step.input_seq)


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
    for scope in _breakers_of(turn, run, msgspec.structs.replace(step, agent=str(event.body["was"]))):
        if isinstance(error, dict):
            breakers.failed(turn, scope, work, str(error.get("failure", "permanent")))
        else:
            breakers.lost(turn, scope, work)
    _free(turn, work, None, step.input_seq)


def step_dropped(turn: Turn, event: Event) -> None:
    """It was skipped, is to be done anew, or was given an output by hand."""
    run = find(turn, Run, event.run or "")
    step = run.steps.get(str(event.body["step"]))
    if step is not None and (event.kind != "step.edited" or step.status == "succeeded"):
        _drop(turn, run, step)


def _drop(turn: Turn, run: Run, step: Step) -> None:
    if not step.agent:
        return
    work = f"{run.id}/{step.id}"
    for scope in _breakers_of(turn, run, step):
        breakers.lost(turn, scope, work)
    _free(turn, work, None, step.input_seq)


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
    if event.kind == "effect.unknown":
        return "uncertain"
    return str(told or "")


# --- when there may be room -----------------------------------------------------------------------


def _serve_named(turn: Turn, event: Event) -> None:
    serve(turn, str(event.body.get("scope") or event.body.get("id")))


def _serve_all(turn: Turn, event: Event) -> None:
    for meter in list(turn.draft.live(Meter)):
        serve(turn, meter.id)


def begin_budget(turn: Turn, event: Event) -> None:
    """A run begins with what its playbook gives it."""
    run = find(turn, Run, event.run or "")
    budget = pinned_playbook(turn, run).budget
    if budget is None:
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
