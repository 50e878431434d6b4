"""Runs: a playbook's steps carried out in order of need, each recorded before it is relied upon.

A step is pending until what it needs has ended; then it is skipped, waits, or is started with an
input that stands in the log. An agent's answer comes back as a command. All progress follows from
events (`FOLLOW`), so a run that is loaded after a crash goes on exactly where its log ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import Labels, join

from . import answering, fan_out, sub_runs, waits
from .actions import propose
from .admission import may_begin
from .agent_files import AgentFile
from .believing import believe
from .commands import Command, RecallAnswered, StepAnswered
from .contracts import advised, broken, check_input, contract_of, kept_version, longest_us
from .durations import duration_us
from .entities import ACTION_ENDED, Action, Plain, Run, Step
from .expressions import Unanswerable, holds, resolve
from .failing import fail, take_failure
from .joins import is_ready, reason_stuck, skipped_needs
from .lookup import find
from .model_calls import purposes_of, take_asks
from .modes import mode_of_step
from .orders import Failed, Failure, StepAsks, StepDone
from .playbook import Playbook, StepSpec
from .quarantine import loaded
from .reads import Asking, Reading, read_all
from .run_clock import may_begin_now, ring
from .run_endings import end
from .scopes import OutOfScope, check_effect, declared_for, refuse, scoped
from .searches import reads_of, searches, with_query
from .settings import settings_of
from .starting import begin_run as begin_run
from .step_ends import STEP_OVER, skip, succeed, values_for
from .tasks import take_tasks
from .turn import Turn

# --- advancing ------------------------------------------------------------------------------------


def advance(turn: Turn, event: Event) -> None:
    """Move the run of this event as far as it goes without an answer from outside."""
    assert event.run is not None, "events of runs name their run"
    run = find(turn, Run, event.run)
    if run.status != "running":
        return
    playbook = loaded(turn, run)
    if playbook is None:
        return
    for id in list(order_of(run, playbook)):
        step = run.steps.get(id)
        may_move = step is not None and step.status in ("pending", "waiting") and run.status == "running"
        if may_move and _move(turn, run, playbook, id):
            run = find(turn, Run, run.id)
    if run.status == "running" and not any(_can_move(run, playbook, id) for id in order_of(run, playbook)):
        _finish(turn, run, playbook)


def order_of(run: Run, playbook: Playbook) -> Iterator[str]:
    """The steps as the playbook has them, each fan-out followed by its children."""
    for spec in playbook.steps:
        yield spec.id
        yield from run.steps[spec.id].children


def _move(turn: Turn, run: Run, playbook: Playbook, id: str) -> bool:
    """Do what can be done about a step now. Returns whether anything was."""
    step = run.steps[id]
    if step.status == "waiting":
        return fan_out.settle(turn, run, step) if step.children else waits.deliver(turn, run, step)
    if step.status != "pending":
        return False
    spec = playbook.step(id)
    if step.parent:
        if not fan_out.has_room(run, spec, step):
            return False
    elif not is_ready(run, playbook, spec):
        return False
    elif _passed_over(turn, run, spec):
        return True
    if not may_begin_now(turn, run):
        return True
    _consider(turn, run, playbook, spec)
    return True


def _can_move(run: Run, playbook: Playbook, id: str) -> bool:
    """Whether something is still to come of a step: it is under way, or all that it needs went well."""
    step = run.steps[id]
    return step.status not in STEP_OVER and (
        step.status != "pending" or bool(step.parent) or is_ready(run, playbook, playbook.step(id))
    )


def _finish(turn: Turn, run: Run, playbook: Playbook) -> None:
    """Nothing moves any more: all steps are over, or what one of them waits for cannot come."""
    fresh = [str(event.body["step"]) for event in turn.events if event.kind == "step.failed" and event.run == run.id]
    if any(playbook.step(id).on_failure != "continue" for id in fresh):
        return  # Whoever follows that failure ends the run.
    stuck = next((spec for spec in playbook.steps if run.steps[spec.id].status == "pending"), None)
    if stuck is None:
        end(turn, run, playbook)
        return
    message = f"it can never begin: {reason_stuck(run, stuck)}"
    fail(turn, run, stuck.id, Failure(failure="permanent", code="blocked", message=message))


def _passed_over(turn: Turn, run: Run, spec: StepSpec) -> bool:
    """Skip a step whose needs were skipped."""
    reason = skipped_needs(run, spec)
    if reason:
        skip(turn, run, spec.id, reason)
    return bool(reason)


def _consider(turn: Turn, run: Run, playbook: Playbook, spec: StepSpec) -> None:
    """Begin, skip or fail a pending step whose needs have ended."""
    try:
        if spec.when and not holds(spec.when, values_for(run, playbook, spec)):
            skip(turn, run, spec.id, f"not the case: {spec.when}")
            return
        _begin_step(turn, run, playbook, spec)
    except (Unanswerable, QuarterdeckError) as error:
        _cannot_begin(turn, run, spec.id, error)


def _cannot_begin(turn: Turn, run: Run, step: str, error: Unanswerable | QuarterdeckError) -> None:
    """A reference that leads nowhere, to an id that nothing can have, or to what the agent may not see."""
    if isinstance(error, OutOfScope):
        refuse(turn, error, run=run.id)
    code = error.code if isinstance(error, QuarterdeckError) else "bad_value"
    fail(turn, run, step, Failure(failure="permanent", code=code, message=str(error)))


def _begin_step(turn: Turn, run: Run, playbook: Playbook, spec: StepSpec) -> None:
    if spec.each:
        fan_out.begin(turn, run, spec)
    elif spec.wait is not None:
        waits.begin(turn, run, playbook, spec)
    elif spec.playbook:
        sub_runs.begin(turn, run, playbook, spec)
    elif may_begin(turn, run, spec := assigned(run, spec)):
        recall = searches(turn.draft, spec, values_for(run, playbook, spec))
        if recall:
            body: Plain = {"run": run.id, "step": spec.id, "recall": recall}
            turn.emit("step.recalling", body, run=run.id, labels=run.labels)
        else:
            _start_step(turn, run, playbook, spec, {})


def assigned(run: Run, spec: StepSpec) -> StepSpec:
    """The step with the agent that has it now: its playbook's, or the one that it was handed to."""
    return msgspec.structs.replace(spec, agent=run.steps[spec.id].agent or spec.agent)


def _start_step(turn: Turn, run: Run, playbook: Playbook, spec: StepSpec, hits: dict[str, list[Plain]]) -> None:
    spec = assigned(run, spec)
    values = values_for(run, playbook, spec)
    asked = run.steps[spec.id].recall
    reads = {name: with_query(read, asked.get(name)) for name, read in reads_of(turn.draft, spec).items()}
    about = tuple(dict.fromkeys(source for step in run.steps.values() for source in step.sources))
    asking = Asking(agent=spec.agent, run=run.id, about=about)
    table = scoped(turn.draft, f"agent:{spec.agent}", within=run.namespace)
    agent = contract_of(turn.draft, spec.agent, run.agents.get(spec.agent, ""))
    given = _input(run, spec, values)
    check_input(agent, given)
    reading: Reading = read_all(table, reads, values, hits, now_us=turn.env.now_us, asking=asking)
    turn.keep(reading.versions)
    body: Plain = {
        "run": run.id,
        "step": spec.id,
        "agent": spec.agent,
        "attempt": run.steps[spec.id].attempts + 1,
        "input": given,
        "context": {"workspace": _about(turn), **reading.given},
        "sources": list(reading.sources),
        "deadline_ms": _deadline_ms(turn, spec, agent),
    }
    body |= _version(turn, run, spec.agent)
    if reading.reads:
        body["reads"] = reading.reads  # What was shown by reference; shown.py makes it again.
    if others := sorted(reading.namespaces - {run.namespace}):
        body["namespaces"] = others
    labels = join((run.labels, *reading.labels))
    body |= _models_for(turn, run, spec, labels)
    turn.emit("step.started", body, run=run.id, labels=labels)


def _models_for(turn: Turn, run: Run, spec: StepSpec, labels: Labels) -> Plain:
    """The mode in force, and for which purposes a model would answer; a try sees the same however often it asks."""
    mode = mode_of_step(turn.draft, run, spec)
    told: Plain = {"mode": mode} if mode != "creative" else {}
    purposes = purposes_of(turn, labels, mode)
    return told | ({"purposes": list(purposes)} if purposes else {})


def _version(turn: Turn, run: Run, agent: str) -> Plain:
    """Which version of the agent does it, and that it is another one than the run began with, if so."""
    now = declared_for(turn.draft, f"agent:{agent}").version
    pinned = run.agents.get(agent, now)
    version = kept_version(turn.draft, agent, pinned, now)
    told: Plain = {"agent_version": version} if version else {}
    return told | ({"agent_was": pinned} if pinned != version else {})


def _input(run: Run, spec: StepSpec, values: Plain) -> Plain:
    """What the operator gave instead is not even looked up: it may be what led nowhere."""
    given = run.steps[spec.id].override
    return {**_map(resolve({name: one for name, one in spec.input.items() if name not in given}, values)), **given}


def _map(value: object) -> Plain:
    assert isinstance(value, dict), "the input of a step is a map"
    return value


def _about(turn: Turn) -> Plain:
    """Who the house is; every agent may know that."""
    settings = settings_of(turn.draft)
    return {"name": settings.name, "operator": settings.operator, "timezone": settings.timezone}


def _deadline_ms(turn: Turn, spec: StepSpec, agent: AgentFile | None) -> int:
    longest = duration_us(spec.timeout) if spec.timeout else longest_us(agent)
    return max(1, longest // 1000) if longest is not None else settings_of(turn.draft).step_deadline_ms


# --- answers --------------------------------------------------------------------------------------


def recall_answered(turn: Turn, command: RecallAnswered) -> Plain:
    run = find(turn, Run, command.run)
    step = run.steps[command.step]
    if run.status != "running" or step.status != "recalling":
        return {"ignored": True}
    found: Plain = {name: [hit["id"] for hit in hits] for name, hits in command.hits.items()}
    body: Plain = {"run": run.id, "step": step.id, "queries": step.recall, "found": found}
    turn.emit("memory.recalled", body, run=run.id, labels=run.labels)
    playbook = loaded(turn, run)
    if playbook is None:
        return {"ignored": True}
    try:
        _start_step(turn, find(turn, Run, run.id), playbook, playbook.step(command.step), command.hits)
    except (Unanswerable, QuarterdeckError) as error:
        _cannot_begin(turn, run, step.id, error)
    return {"run_id": run.id}


def step_answered(turn: Turn, command: StepAnswered) -> Plain:
    run = find(turn, Run, command.run)
    step = run.steps.get(command.step)
    if step is None or not run.live or step.status != "started" or step.attempts != command.attempt:
        return {"ignored": True}  # An answer to a try that has been given up.
    if command.replies != len(step.calls):
        return {"ignored": True}  # An answer of an earlier turn: it knew less.
    if isinstance(command.outcome, StepDone):
        _take_result(turn, run, step, command.outcome, command.via)
    elif isinstance(command.outcome, StepAsks):
        take_asks(turn, run, step, command.outcome, command.via)
    elif isinstance(command.outcome, Failed):
        if loaded(turn, run) is None:
            return {"ignored": True}  # It is done anew when the run is mended.
        agent = contract_of(turn.draft, step.agent, step.agent_version)
        take_failure(turn, run, step, advised(agent, command.outcome.failure))
    else:
        fail(turn, run, step.id, Failure(failure="contract", code="schema", message="an answer of the wrong kind"))
    return {"run_id": run.id, "status": find(turn, Run, run.id).status}


def _take_result(turn: Turn, run: Run, step: Step, done: StepDone, via: str) -> None:
    labels = _made_by_agent(step.labels) if not via else _made_elsewhere(step.labels)
    made_from = (f"run:{run.id}", *step.sources)
    if failure := broken(contract_of(turn.draft, step.agent, step.agent_version), done):
        fail(turn, run, step.id, failure)
        return
    try:
        for action in done.actions:
            check_effect(turn.draft, f"{action.connector}.{action.verb}", f"agent:{step.agent}")
    except OutOfScope as error:
        refuse(turn, error, run=run.id)
        fail(turn, run, step.id, Failure(failure="contract", code=error.code, message=error.message))
        return
    refused = [fact for fact in done.facts if not believe(turn, run, step.agent, fact, labels, made_from)]
    actions = [propose(turn, run, step, action, labels) for action in done.actions]
    output = dict(done.output)
    if not_taken := take_tasks(turn, run, step, done.tasks, labels):
        output["tasks_refused"] = not_taken
    if refused:
        output["facts_refused"] = [f"{fact.fact_kind}/{fact.key}" for fact in refused]
    told: Plain = {**_used(done), **({"via": via} if via else {})}
    if actions:
        body: Plain = {"run": run.id, "step": step.id, "output": output, "actions": actions, **told}
        turn.emit("step.proposed", body, run=run.id, labels=labels, actor=f"agent:{step.agent}")
    else:
        outside = labels if via else None
        succeed(turn, run, step.id, output, actor=f"agent:{step.agent}", labels=outside, told=told)


def _used(done: StepDone) -> Plain:
    """What it told of tokens and money, as part of an event."""
    return {"used": msgspec.to_builtins(done.used)} if done.used is not None else {}


def _made_by_agent(labels: Labels) -> Labels:
    """Deterministic or not, what an agent made is at most the agent's word."""
    return labels if labels.integrity == "external" else msgspec.structs.replace(labels, integrity="agent")


def _made_elsewhere(labels: Labels) -> Labels:
    """What a remote executor answers could have been shaped by whoever reaches its machines."""
    return msgspec.structs.replace(labels, integrity="external")


# --- what follows from what -----------------------------------------------------------------------


def settle_step(turn: Turn, event: Event) -> None:
    """An action has ended: when it was the last of its step, the step has ended too, also in an ended run."""
    action = find(turn, Action, str(event.body["action"]))
    run = turn.draft.get(Run, action.run)
    step = run.steps.get(action.step) if run else None
    if run is None or step is None or step.status != "waiting":
        return
    actions = [find(turn, Action, id) for id in step.actions]
    if action.status not in ACTION_ENDED or not all(one.status in ACTION_ENDED for one in actions):
        return
    failed = next((one for one in actions if one.status == "failed"), None)
    if failed is not None and run.live:
        message = f"{failed.id} failed: {failed.error.get('message', 'no reason given')}"
        code = str(failed.error.get("code", "failed"))
        fail(turn, run, step.id, Failure(failure="permanent", code=code, message=message))
        return
    ends: list[Plain] = [{"id": one.id, "status": one.status, "result": one.result} for one in actions]
    succeed(turn, run, step.id, {**step.output, "actions": ends})
    run = find(turn, Run, run.id)
    if step.parent and not run.live:  # In one that lives, advance() does it.
        fan_out.settle(turn, run, run.steps[step.parent])


def withdraw_actions(turn: Turn, event: Event) -> None:
    """A cancelled run asks for nothing any more; what has left stays as it is."""
    run = find(turn, Run, event.run or "")
    for id in [id for step in run.steps.values() for id in step.actions]:
        action = find(turn, Action, id)
        if action.status in ("proposed", "held"):
            body: Plain = {"action": id, "reason": "its run was cancelled", "was": action.status}
            turn.emit("action.withdrawn", body, run=run.id, labels=action.labels)


def resume_step(turn: Turn, run: Run, step: Step) -> None:
    """A step's time has come: the end of its back-off or of its wait."""
    if step.status == "backoff":
        turn.emit("step.resumed", {"run": run.id, "step": step.id}, run=run.id, labels=step.labels)
    elif step.status == "waiting" and not step.actions:
        waits.time_over(turn, run, step)


def wake(turn: Turn, id: str, due_us: int) -> None:
    """Something of a run is due: what a step waits for, or one of the run's own clocks."""
    run = turn.draft.get(Run, id)
    for name in run.steps if run is not None else ():
        run = find(turn, Run, id)
        step = run.steps.get(name)
        if run.status == "running" and step is not None and step.until_us is not None and step.until_us <= due_us:
            resume_step(turn, run, step)
    run = turn.draft.get(Run, id)
    if run is not None and run.status == "running":
        answering.ring(turn, run, due_us)
        ring(turn, run, due_us)


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    RecallAnswered: recall_answered,
    StepAnswered: step_answered,
}
_ADVANCES = (
    "run.started", "run.resumed", "run.reopened", "run.signalled", "run.opened", "reply.received",
    "step.succeeded", "step.skipped", "step.failed", "step.resumed", "step.retried", "step.rerouted", "step.edited",
    "step.fanned_out",
)  # fmt: skip
_SETTLES = (
    "action.denied", "action.expired", "action.withdrawn", "approval.rejected", "effect.succeeded", "effect.failed",
)  # fmt: skip
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    **dict.fromkeys(_ADVANCES, advance),
    **dict.fromkeys(_SETTLES, settle_step),
    "run.cancelled": withdraw_actions,
}
