"""Admission: whether a step or an effect may begin now, and what becomes of it if not.

A step is asked for before anything is looked up for it, an effect before its intent is recorded. What may begin has its
reservation in the log by then. What may not is rerouted (a breaker is open, and the step names another agent), ends its
run as exhausted, fails when waiting would be too late, or joins a line and is called when there is room: a try that
ended, a new span of time, a raised budget, a closed breaker. Nobody polls.
"""

from __future__ import annotations

import msgspec

from .alerts import raise_alert, settle_topic
from .budgets import topic_of
from .entities import Action, Limits, Meter, ModelCall, Plain, Run, Stop, Waiter, Work
from .failing import fail, reroute
from .limits import caps_of, limits_of
from .lines import WAITING_MAX, first_of, join_line, leave_line, look_again
from .lookup import find
from .orders import Failure
from .playbook import StepSpec
from .room import Block, block_at, blocked, effect_work, first_block, place_at, places_of, step_work, take
from .run_clock import may_begin_now
from .turn import Turn

SERVE_MAX = 200  # Called at one go; the next go follows at once.
NEXT_GO_US = 1_000


# --- what asks ------------------------------------------------------------------------------------


def may_begin(turn: Turn, run: Run, spec: StepSpec) -> bool:
    """Whether an agent's step may begin now; if not, it has been seen to."""
    if not spec.agent:
        return True
    work = step_work(turn, run, spec)
    block = blocked(turn, work)
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
    block = blocked(turn, work)
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


def may_ask(turn: Turn, call: ModelCall, work: Work, run: Run | None, routed: Plain) -> str | None:
    """None: the call may be sent. Else it has been seen to, or the reason is returned for which it is refused.

    routed: what is recorded of its model, for when it is called from its line.
    """
    block = blocked(turn, work)
    if block is None:
        return None
    if block.over == "stop" and run is not None:
        _exhaust(turn, run, block)
        return ""
    if block.never or _too_late(work, block) or (run is None and block.per):
        return block.why
    part: Plain = {"priority": "inside"} if block.scope in work.inside else {}
    waiter = join_line(turn, block.scope, msgspec.structs.replace(work, **part))
    body: Plain = {"call": call.id, **routed, "waiter": waiter, "reason": block.why}
    turn.emit("model.queued", body, run=call.run or None, labels=call.labels)
    _ask(turn, work, block)
    serve(turn, block.scope)
    return ""


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
        hint=f"quarterdeck budget raise {block.scope} --per {block.per} --calls 10, then: quarterdeck runs resume {run.id}",
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
        here = block_at(turn, place_at(turn, limits, scope, waiter.work), waiter.work)
        if here is not None and here.over != "stop":
            _ask(turn, waiter.work, here)
            look_again(turn, meter, here.until_us)
            return
        places = places_of(turn, waiter.work)
        block = here or first_block(turn, places, waiter.work)
        if block is None:
            leave_line(turn, waiter, "called")
            take(turn, places, waiter.work, called=True)
            _call(turn, waiter)
            _settle_asked(turn, limits, meter)
        else:
            leave_line(turn, waiter, "moved")
            _call(turn, waiter)  # It asks anew, and what bars it elsewhere is seen to.
    if (meter := turn.draft.get(Meter, scope)) is not None and meter.waiting:
        look_again(turn, meter, turn.env.now_us + NEXT_GO_US)


def _still_waits(turn: Turn, waiter: Waiter) -> bool:
    """Whether it waits in this place. What was paused or stopped meanwhile goes on by itself later."""
    run_id, _, step_id = waiter.work.id.partition("/")
    if not step_id:
        call = turn.draft.get(ModelCall, run_id)
        return _action_waits(turn, waiter) if call is None else _call_waits(turn, waiter, call)
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


def _call_waits(turn: Turn, waiter: Waiter, call: ModelCall) -> bool:
    if call.status != "queued" or call.queued != waiter.id:
        return False
    run = turn.draft.get(Run, call.run) if call.run else None
    if run is not None and run.status != "running":
        body: Plain = {"call": call.id, "reason": "it is asked again when its run goes on"}
        turn.emit("model.queued", body, run=call.run, labels=call.labels)
        return False
    return True


def _call(turn: Turn, waiter: Waiter) -> None:
    """A step begins by this event; an effect or a call goes on by whoever follows `line.left`."""
    run_id, _, step_id = waiter.work.id.partition("/")
    if step_id:
        run = find(turn, Run, run_id)
        turn.emit("step.resumed", {"run": run_id, "step": step_id}, run=run_id, labels=run.steps[step_id].labels)


def _settle_asked(turn: Turn, limits: Limits, meter: Meter) -> None:
    for cap in caps_of(limits, meter, meter.id):
        if cap.over == "escalate" or cap.per == "ever":
            settle_topic(turn, topic_of(meter.id, cap.per), "there is room again")
