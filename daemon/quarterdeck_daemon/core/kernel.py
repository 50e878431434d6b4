"""The kernel: command and state in, events out; events applied; needs told.

    decide(table, command, env)  ->  Decision(commit, reply, needs)
    fold(table, event)           ->  the same state change, for replay and rebuild
    needs_of(entity)             ->  what the rim must do for it, now or after a restart

All of it is a function of its arguments. Production, replay, tests and simulation call the same code.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event

from . import (
    action_state,
    actions,
    admission,
    alerts,
    announcing,
    answering,
    approvals,
    assets,
    attention,
    autonomy,
    breakers,
    budgets,
    correcting,
    dead_letters,
    documents,
    endorsement,
    erasure,
    facts,
    fan_out,
    firing,
    forking,
    gates,
    grants,
    habits,
    instruction_files,
    lessons,
    limits,
    lines,
    links,
    memory,
    merits,
    model_calls,
    model_state,
    objectives,
    plans,
    proposals,
    pruning,
    quarantine,
    questions,
    reminders,
    retention,
    run_clock,
    run_edits,
    run_state,
    run_steering,
    runs,
    schedule_state,
    schedules,
    scopes,
    settling,
    starting,
    stopping,
    sub_runs,
    task_state,
    tasks,
    tiers,
    time_travel,
    track,
    triggers,
    undoing,
    waits,
)
from .commands import Command, Needs, Wake
from .commit import Commit
from .entities import (
    Action,
    DeadLetter,
    Document,
    Entity,
    Grant,
    Meter,
    ModelCall,
    Objective,
    Plain,
    Receipt,
    Run,
    Schedule,
    Stop,
    Task,
    Waiter,
)
from .hashing import same_request
from .step_ends import UNDER_WAY
from .subjects import erased
from .table import Draft, Table
from .turn import Applier, Env, Turn

FOLLOWING_MAX = 20_000  # Events of one command; more is a playbook that feeds itself.

Decider = Callable[..., Plain]
Follower = Callable[[Turn, Event], None]


def _merged(*tables: dict[str, Applier]) -> dict[str, Applier]:
    whole: dict[str, Applier] = {}
    for table in tables:
        assert not whole.keys() & table.keys(), "an event kind is applied in one place"
        whole |= table
    return whole


def _one_after_the_other(*tables: dict[str, Follower]) -> dict[str, Follower]:
    """Several may follow one kind of event; they do so in the order of the tables."""

    def all_of(kind: str) -> Follower:
        followers = [table[kind] for table in tables if kind in table]

        def follow(turn: Turn, event: Event) -> None:
            for follower in followers:
                follower(turn, event)

        return follow

    return {kind: all_of(kind) for table in tables for kind in table}


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """commit: what to write; reply: what to answer; needs: what the rim must now see to."""

    commit: Commit
    reply: Plain
    needs: tuple[Needs, ...]


def decide(
    table: Table, command: Command, env: Env, *, head: int, actor: str, cause: str | None = None,
    request_id: str | None = None, body_hash: str = "",
) -> Decision:  # fmt: skip
    """Decide one command on top of the log position `head`.

    With a `request_id` the reply is recorded, and the same request gets it again without a second effect.
    Raises QuarterdeckError for a refusal; then nothing has happened.
    """
    if request_id is not None:
        known = table.get(Receipt, request_id)
        if known is not None:
            return _repeated(known, body_hash)
    turn = Turn(table, env, APPLY, head=head, actor=actor, cause=cause or request_id)
    time_travel.note_clock(turn)
    command = scopes.bounded(table, command, actor)
    reply = DECIDE[type(command)](turn, command)
    _follow(turn)
    if request_id is not None:
        turn.emit("request.answered", {"request_id": request_id, "body_hash": body_hash, "reply": reply})
    return Decision(commit=turn.commit(), reply=reply, needs=_needs(turn))


def _repeated(known: Receipt, body_hash: str) -> Decision:
    if not same_request(known.body_hash, body_hash):
        raise QuarterdeckError(
            "id_conflict",
            f"request id {known.id!r} was used for something else",
            hint="Use a fresh request id for a new request.",
            details={"seq": known.reply_seq},
        )
    return Decision(commit=Commit(events=(), touched=()), reply=known.reply, needs=())


def _follow(turn: Turn) -> None:
    """Let every event have its consequences, and those theirs, in order."""
    done = 0
    while done < len(turn.events):
        if done > FOLLOWING_MAX:
            raise QuarterdeckError("internal", f"one command led to more than {FOLLOWING_MAX} events")
        event = turn.events[done]
        follower = FOLLOW.get(event.kind)
        if follower is not None:
            follower(turn, event)
        done += 1


def fold(draft: Draft, event: Event) -> tuple[str, ...]:
    """Apply a recorded event. Returns the entities that it concerns; one that was erased concerns nothing any more."""
    if erased(event):
        return ()
    APPLY[event.kind](draft, event)
    return draft.take_touched()


# --- needs ----------------------------------------------------------------------------------------


def _needs(turn: Turn) -> tuple[Needs, ...]:
    stop = turn.draft.get(Stop, "stop")
    # What was kept waiting by a stop or a pause is needed again.
    if any(event.kind in ("stop.released", "run.resumed") for event in turn.events):
        return all_needs(turn.draft)
    return tuple(need for entity in turn.draft.puts.values() for need in needs_of(entity, stop))


def all_needs(table: Table) -> tuple[Needs, ...]:
    """What all live entities need; asked at start and when a stop is released."""
    stop = table.get(Stop, "stop")
    kinds: tuple[type[Entity], ...] = (Document, Run, Action, ModelCall, Schedule, Task, Meter, DeadLetter, Grant)
    return tuple(need for cls in kinds for entity in table.live(cls) for need in needs_of(entity, stop))


def needs_of(entity: Entity, stop: Stop | None) -> tuple[Needs, ...]:
    """What must be done for one entity as it stands. Reading goes on while stopped, the rest waits."""
    if isinstance(entity, Document):
        return (_parse(entity),) if entity.live else ()
    if isinstance(entity, DeadLetter):
        due = entity.escalate_us if entity.live and not entity.escalated else None
        return (_wake(f"deadletter:{entity.id}", due),) if due is not None else ()
    if isinstance(entity, Meter):
        due = entity.until_us if entity.live else None
        return (_wake(f"meter:{entity.id}", due),) if due is not None else ()
    if isinstance(entity, Task):
        due = entity.due_us if entity.live and not entity.overdue else None
        return (_wake(f"task:{entity.id}", due),) if due is not None else ()
    if isinstance(entity, Grant):
        return (_wake(f"grant:{entity.id}", entity.expires_us),) if entity.live else ()
    if stop is not None and stop.engaged:
        return ()
    if isinstance(entity, Run):
        times = (*run_clock.moments(entity), *gates.moments(entity))
        clocks = tuple(_wake(f"run:{entity.id}", at_us) for at_us in times)
        under_way = [id for id, step in entity.steps.items() if step.status in UNDER_WAY]
        return tuple(need for need in (_step_need(entity, id) for id in under_way) if need is not None) + clocks
    if isinstance(entity, Action):
        return _action_needs(entity, stop.epoch if stop else 0)
    if isinstance(entity, ModelCall):
        return (_ask(entity),) if entity.status == "asked" else ()
    if isinstance(entity, Schedule):
        return (_wake(f"schedule:{entity.id}", entity.wake_us),) if entity.live and entity.wake_us else ()
    return ()


def _parse(document: Document) -> Needs:
    return Needs(kind="parse", key=f"parse/{document.id}", entity=document.id)


def _ask(call: ModelCall) -> Needs:
    return Needs(kind="ask", key=f"ask/{call.id}/{call.tries}", entity=call.id, attempt=call.tries)


def _step_need(run: Run, id: str) -> Needs | None:
    step = run.steps[id]
    if run.status != "running":
        return None
    if step.status == "recalling":
        return Needs(kind="recall", key=f"recall/{run.id}/{id}", entity=run.id, step=id)
    if step.status == "started":
        turn = f"/{len(step.calls)}" if step.calls else ""
        key = f"step/{run.id}/{id}/{step.attempts}/{step.input_seq}{turn}"
        return Needs(kind="step", key=key, entity=run.id, step=id, attempt=step.attempts, replies=len(step.calls))
    if step.status in ("backoff", "waiting") and step.until_us is not None:
        return _wake(f"run:{run.id}", step.until_us)
    return None


def _action_needs(action: Action, epoch: int) -> tuple[Needs, ...]:
    if action.status == "unknown" and action.looking:
        return (Needs(kind="reconcile", key=f"reconcile/{action.id}/look{action.looks}/{epoch}", entity=action.id),)
    if action.status in ("intent", "sent"):
        # An order from before a stop may not pass after it; find out first what became of it.
        kind = "effect" if action.epoch == epoch else "reconcile"
        return (Needs(kind=kind, key=f"{kind}/{action.id}/{action.tries}/{epoch}", entity=action.id),)
    if action.status == "proposed":
        times = (action.expires_us, action.warn_us, action.snoozed_until_us)
        return tuple(_wake(f"action:{action.id}", at_us) for at_us in dict.fromkeys(times) if at_us is not None)
    held = None if action.held_back else action.release_us
    due = {"held": held, "proposed": action.expires_us, "unknown": action.look_us}.get(action.status)
    return (_wake(f"action:{action.id}", due),) if due is not None else ()


def _wake(entity: str, at_us: int) -> Needs:
    return Needs(kind="wake", key=f"wake/{entity}/{at_us}", entity=entity, at_us=at_us)


# --- time -----------------------------------------------------------------------------------------


def wake(turn: Turn, command: Wake) -> Plain:
    """What an entity waited for is due, unless it has moved on meanwhile."""
    kind, _, id = command.entity.partition(":")
    if kind == "meter":
        admission.serve(turn, id)
        return {}
    if kind == "deadletter":
        if (letter := turn.draft.get(DeadLetter, id)) is not None:
            dead_letters.wake(turn, letter, command.due_us)
        return {}
    if kind == "schedule":
        if (schedule := turn.draft.get(Schedule, id)) is not None:
            firing.wake(turn, schedule)
        return {}
    if kind == "task":
        if (task := turn.draft.get(Task, id)) is not None:
            tasks.wake(turn, task)
        return {}
    if kind == "grant":
        if (grant := turn.draft.get(Grant, id)) is not None:
            grants.wake(turn, grant, command.due_us)
        return {}
    if kind == "action":
        action = turn.draft.get(Action, id)
        if action is not None:
            approvals.wake(turn, action, command.due_us)
            actions.wake(turn, action, command.due_us)
        return {}
    runs.wake(turn, id, command.due_us)
    return {}


# --- receipts -------------------------------------------------------------------------------------


def _answered(draft: Draft, event: Event) -> None:
    reply = event.body["reply"]
    assert isinstance(reply, dict), "a reply is a map"
    id = str(event.body["request_id"])
    receipt = Receipt(id=id, seq=event.seq, body_hash=str(event.body["body_hash"]), reply=reply, reply_seq=event.seq)
    draft.puts["receipt", id] = receipt


def _called(turn: Turn, event: Event) -> None:
    """An effect or a model's call has its turn at a limit; a step goes on by an event of its own."""
    waiter = turn.draft.get(Waiter, str(event.body["waiter"]))
    if waiter is None or event.body["why"] == "gone":
        return
    model_calls.called(turn, waiter.work.id, waiter.id)
    action = turn.draft.get(Action, waiter.work.id)
    if action is not None and action.status == "held":
        actions.release(turn, action)


def _run_over(turn: Turn, event: Event) -> None:
    """A run has ended: those within it end, the one above hears of it, nobody need look at it any more."""
    sub_runs.pass_on(turn, event)
    sub_runs.settle(turn, event)
    run_clock.settle_late(turn, event)
    quarantine.settle(turn, event)


RUN_ENDINGS: dict[str, Follower] = {
    "run.ended": _run_over, "run.cancelled": _run_over, "run.resumed": quarantine.settle,
}  # fmt: skip
_MODULES = (
    memory, documents, facts, starting, runs, run_steering, run_edits, quarantine,
    actions, approvals, undoing, stopping, assets, time_travel, forking, alerts, announcing,
    endorsement, links, retention, proposals, scopes, erasure, pruning, schedules, tasks, objectives,
    limits, budgets, breakers, dead_letters, grants, autonomy, model_calls, plans, habits,
)  # fmt: skip
DECIDE: dict[type[Command], Decider] = {Wake: wake}
for _module in _MODULES:
    DECIDE |= _module.DECIDE
FOLLOW: dict[str, Follower] = _one_after_the_other(
    firing.ENDINGS,
    schedules.FOLLOW,
    reminders.FOLLOW,
    triggers.FOLLOW,
    correcting.FOLLOW,
    dead_letters.FOLLOW,
    settling.FOLLOW,
    {"line.left": _called},
    model_calls.FOLLOW,
    sub_runs.FOLLOW,
    waits.FOLLOW,
    runs.FOLLOW,
    RUN_ENDINGS,
    plans.FOLLOW,
    approvals.FOLLOW,
    answering.FOLLOW,
    proposals.FOLLOW,
    undoing.FOLLOW,
    firing.FOLLOW,
    tasks.FOLLOW,
    grants.FOLLOW,
    questions.FOLLOW,
    track.FOLLOW,
    autonomy.FOLLOW,
    habits.FOLLOW,
    instruction_files.FOLLOW,
    merits.FOLLOW,
)
_APPLIERS: dict[str, Applier] = _merged(
    memory.APPLY,
    documents.APPLY,
    facts.APPLY,
    run_state.moving(run_state.APPLY | fan_out.APPLY | sub_runs.APPLY | run_clock.APPLY | quarantine.APPLY),
    waits.APPLY,
    answering.APPLY,
    action_state.APPLY,
    stopping.APPLY,
    assets.APPLY,
    plans.APPLY,
    time_travel.APPLY,
    forking.APPLY,
    alerts.APPLY,
    attention.APPLY,
    endorsement.APPLY,
    links.APPLY,
    reminders.APPLY,
    retention.APPLY,
    scopes.APPLY,
    erasure.APPLY,
    pruning.APPLY,
    undoing.APPLY,
    schedule_state.APPLY,
    task_state.APPLY,
    objectives.APPLY,
    limits.APPLY,
    budgets.APPLY,
    lines.APPLY,
    breakers.APPLY,
    dead_letters.APPLY,
    grants.APPLY,
    questions.APPLY,
    track.APPLY,
    autonomy.APPLY,
    habits.APPLY,
    merits.APPLY,
    model_state.APPLY,
    {"request.answered": _answered},
)
APPLY: dict[str, Applier] = {
    kind: lessons.keep_lessons(tiers.keep_shelves(apply)) for kind, apply in _APPLIERS.items()
}
LIVE_KINDS: tuple[type[Entity], ...] = (
    Document,
    Run,
    Action,
    DeadLetter,
    Schedule,
    Task,
    Objective,
    Grant,
    ModelCall,
)
