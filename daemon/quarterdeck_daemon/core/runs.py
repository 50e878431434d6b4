"""Runs: a playbook's steps carried out in order of need, each recorded before it is relied upon.

A step is pending until what it needs has ended; then it is skipped, waits, or is started with an
input that stands in the log. An agent's answer comes back as a command. All progress follows from
events (`FOLLOW`), so a run that is loaded after a crash goes on exactly where its log ends.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import Labels, join

from .actions import propose
from .admission import may_begin
from .believing import believe
from .commands import Command, RecallAnswered, StartRun, StepAnswered
from .durations import duration_us
from .entities import ACTION_ENDED, Action, Document, Objective, Plain, Run, Step
from .expressions import Unanswerable, holds, resolve
from .failing import fail, take_failure
from .lookup import find
from .orders import Failed, Failure, StepDone
from .pinned import find_playbook, pinned_playbook
from .playbook import Playbook, StepSpec, check_inputs, parse_playbook
from .reads import Asking, Reading, read_all
from .scopes import COMMONS, OutOfScope, check_effect, refuse, scoped
from .searches import reads_of, searches, with_query
from .settings import settings_of
from .turn import Turn

RUN_ID = re.compile(r"\A(?!r\d{10,}\Z)[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")  # Numbers this high stay free for us.
STEP_OVER: frozenset[str] = frozenset(("succeeded", "failed", "skipped"))


# --- starting -------------------------------------------------------------------------------------


def start(turn: Turn, command: StartRun) -> Plain:
    asset = find_playbook(turn, command.playbook)
    playbook = parse_playbook(asset.text)
    inputs = check_inputs(playbook, command.inputs)
    if command.dry_run:
        return {
            "dry_run": True,
            "playbook": playbook.name,
            "inputs": inputs,
            "steps": [_outline(s) for s in playbook.steps],
        }
    if command.run_id and not RUN_ID.match(command.run_id):
        raise QuarterdeckError(
            "bad_value", f"{command.run_id!r} is no run id", hint="Letters, digits, `.`, `_`, `-`; at most 64."
        )
    id = command.run_id or f"r{turn.number('r')}"
    if turn.draft.get(Run, id) is not None:
        raise QuarterdeckError("conflict", f"there is a run {id} already", hint=f"See it: quarterdeck runs show {id}")
    namespace = command.namespace or _namespace_of(turn, inputs)
    if command.objective:
        find(turn, Objective, command.objective)
    begin_run(
        turn, id, playbook, asset.hash, inputs, command.labels, namespace=namespace, objective=command.objective
    )
    return {"run_id": id, "status": find(turn, Run, id).status}


def _namespace_of(turn: Turn, inputs: Plain) -> str:
    """Whose documents it is about; without any, or with those of several, it is the house's own."""
    documents = [turn.draft.get(Document, value) for value in inputs.values() if isinstance(value, str)]
    found = {document.namespace for document in documents if document is not None}
    return found.pop() if len(found) == 1 else COMMONS


def _outline(step: StepSpec) -> Plain:
    return {
        "id": step.id,
        "agent": step.agent,
        "needs": list(step.needs),
        "when": step.when,
        "reads": sorted(step.reads),
    }


def begin_run(
    turn: Turn, id: str, playbook: Playbook, hash: str, inputs: Plain, labels: Labels, *, namespace: str,
    origin: str = "", objective: str = "", chain: int = 0, priority: str = "", cause: str | None = None,
) -> None:  # fmt: skip
    """origin: what began it, `schedule:s2`.  objective: what it serves.  chain: runs before it that it follows from."""
    body: Plain = {
        "run": id,
        "playbook": playbook.name,
        "playbook_hash": hash,
        "inputs": inputs,
        "steps": [{"id": step.id, "agent": step.agent} for step in playbook.steps],
    }
    if namespace != COMMONS:
        body["namespace"] = namespace
    more: Plain = {"origin": origin, "objective": objective, "chain": chain, "priority": priority}
    body |= {name: value for name, value in more.items() if value}
    turn.emit("run.started", body, run=id, labels=labels, cause=cause)


# --- advancing ------------------------------------------------------------------------------------


def advance(turn: Turn, event: Event) -> None:
    """Move the run of this event as far as it goes without an answer from outside."""
    assert event.run is not None, "events of runs name their run"
    run = find(turn, Run, event.run)
    if run.status != "running":
        return
    playbook = pinned_playbook(turn, run)
    for spec in playbook.steps:
        step = run.steps[spec.id]
        if run.status == "running" and step.status == "pending" and _ready(run, spec):
            _consider(turn, run, spec)
        elif run.status == "running" and step.status == "waiting" and step.signal in run.signals:
            _deliver(turn, run, step)
        else:
            continue
        run = find(turn, Run, run.id)
    if run.status == "running" and not any(_can_move(run, spec) for spec in playbook.steps):
        status, reason = _ending(turn, run)
        turn.emit("run.ended", {"run": run.id, "status": status, "reason": reason}, run=run.id, labels=run.labels)


def _can_move(run: Run, spec: StepSpec) -> bool:
    """Whether something is still to come of a step: it is under way, or all that it needs went well."""
    status = run.steps[spec.id].status
    return status not in STEP_OVER and (status != "pending" or _ready(run, spec))


def _ready(run: Run, spec: StepSpec) -> bool:
    return all(run.steps[need].status in ("succeeded", "skipped") for need in spec.needs)


def _deliver(turn: Turn, run: Run, step: Step) -> None:
    succeed(turn, run, step.id, {"signal": run.signals[step.signal], "timed_out": False})


def _consider(turn: Turn, run: Run, spec: StepSpec) -> None:
    """Begin, skip or fail a pending step whose needs have ended."""
    if any(run.steps[need].status == "skipped" for need in spec.needs):
        _skip(turn, run, spec.id, "a step it needs was skipped")
        return
    try:
        if spec.when and not holds(spec.when, values_of(run)):
            _skip(turn, run, spec.id, f"not the case: {spec.when}")
            return
        _begin_step(turn, run, spec)
    except (Unanswerable, QuarterdeckError) as error:
        _cannot_begin(turn, run, spec.id, error)


def _cannot_begin(turn: Turn, run: Run, step: str, error: Unanswerable | QuarterdeckError) -> None:
    """A reference that leads nowhere, to an id that nothing can have, or to what the agent may not see."""
    if isinstance(error, OutOfScope):
        refuse(turn, error, run=run.id)
    code = error.code if isinstance(error, QuarterdeckError) else "bad_value"
    fail(turn, run, step, Failure(failure="permanent", code=code, message=str(error)))


def _skip(turn: Turn, run: Run, step: str, reason: str) -> None:
    turn.emit("step.skipped", {"run": run.id, "step": step, "reason": reason}, run=run.id, labels=run.labels)


def values_of(run: Run) -> Plain:
    """The names that a playbook's expressions may use."""
    steps: Plain = {id: {"status": step.status, "output": step.output} for id, step in run.steps.items()}
    return {"inputs": run.inputs, "steps": steps, "run": {"id": run.id, "playbook": run.playbook}}


def _begin_step(turn: Turn, run: Run, spec: StepSpec) -> None:
    if spec.wait is not None:
        until = turn.env.now_us + duration_us(spec.wait.limit) if spec.wait.limit else None
        body: Plain = {"run": run.id, "step": spec.id, "signal": spec.wait.signal, "until_us": until}
        turn.emit("step.waiting", body, run=run.id, labels=run.labels)
        run = find(turn, Run, run.id)
        if spec.wait.signal in run.signals:
            _deliver(turn, run, run.steps[spec.id])
        return
    spec = assigned(run, spec)
    if not may_begin(turn, run, spec):
        return
    recall = searches(turn.draft, spec, values_of(run))
    if recall:
        body = {"run": run.id, "step": spec.id, "recall": recall}
        turn.emit("step.recalling", body, run=run.id, labels=run.labels)
    else:
        _start_step(turn, run, spec, {})


def assigned(run: Run, spec: StepSpec) -> StepSpec:
    """The step with the agent that has it now: its playbook's, or the one that it was handed to."""
    return msgspec.structs.replace(spec, agent=run.steps[spec.id].agent or spec.agent)


def _start_step(turn: Turn, run: Run, spec: StepSpec, hits: dict[str, list[Plain]]) -> None:
    spec = assigned(run, spec)
    values = values_of(run)
    asked = run.steps[spec.id].recall
    reads = {name: with_query(read, asked.get(name)) for name, read in reads_of(turn.draft, spec).items()}
    about = tuple(dict.fromkeys(source for step in run.steps.values() for source in step.sources))
    asking = Asking(agent=spec.agent, run=run.id, about=about)
    table = scoped(turn.draft, f"agent:{spec.agent}", within=run.namespace)
    reading: Reading = read_all(table, reads, values, hits, now_us=turn.env.now_us, asking=asking)
    turn.keep(reading.versions)
    body: Plain = {
        "run": run.id,
        "step": spec.id,
        "agent": spec.agent,
        "attempt": run.steps[spec.id].attempts + 1,
        "input": {**_map(resolve(spec.input, values)), **run.steps[spec.id].override},
        "context": {"workspace": _about(turn), **reading.given},
        "sources": list(reading.sources),
        "deadline_ms": _deadline_ms(turn, spec),
    }
    if reading.reads:
        body["reads"] = reading.reads  # What was shown by reference; shown.py makes it again.
    if others := sorted(reading.namespaces - {run.namespace}):
        body["namespaces"] = others
    turn.emit("step.started", body, run=run.id, labels=join((run.labels, *reading.labels)))


def _map(value: object) -> Plain:
    assert isinstance(value, dict), "the input of a step is a map"
    return value


def _about(turn: Turn) -> Plain:
    """Who the house is; every agent may know that."""
    settings = settings_of(turn.draft)
    return {"name": settings.name, "operator": settings.operator, "timezone": settings.timezone}


def _deadline_ms(turn: Turn, spec: StepSpec) -> int:
    return max(1, duration_us(spec.timeout) // 1000) if spec.timeout else settings_of(turn.draft).step_deadline_ms


def _ending(turn: Turn, run: Run) -> tuple[str, str]:
    """How a run whose steps are all over ended, and why in words."""
    actions = [turn.draft.get(Action, id) for step in run.steps.values() for id in step.actions]
    states = [action.status for action in actions if action is not None]
    failed = [id for id, step in run.steps.items() if step.status == "failed"]
    if failed:
        return "failed", f"step {failed[0]} failed"
    if any(status == "failed" for status in states):
        return "failed", "an effect failed"
    if states and not any(status == "succeeded" for status in states):
        return "no_op", f"nothing was done: {', '.join(sorted(set(states)))}"
    skipped = [id for id, step in run.steps.items() if step.status == "skipped"]
    if skipped and not states:
        return "no_op", f"nothing to do: {', '.join(skipped)} skipped"
    return "succeeded", ""


# --- answers --------------------------------------------------------------------------------------


def recall_answered(turn: Turn, command: RecallAnswered) -> Plain:
    run = find(turn, Run, command.run)
    step = run.steps[command.step]
    if run.status != "running" or step.status != "recalling":
        return {"ignored": True}
    found: Plain = {name: [hit["id"] for hit in hits] for name, hits in command.hits.items()}
    body: Plain = {"run": run.id, "step": step.id, "queries": step.recall, "found": found}
    turn.emit("memory.recalled", body, run=run.id, labels=run.labels)
    spec = pinned_playbook(turn, run).step(command.step)
    try:
        _start_step(turn, find(turn, Run, run.id), spec, command.hits)
    except (Unanswerable, QuarterdeckError) as error:
        _cannot_begin(turn, run, step.id, error)
    return {"run_id": run.id}


def step_answered(turn: Turn, command: StepAnswered) -> Plain:
    run = find(turn, Run, command.run)
    step = run.steps.get(command.step)
    if step is None or not run.live or step.status != "started" or step.attempts != command.attempt:
        return {"ignored": True}  # An answer to a try that has been given up.
    if isinstance(command.outcome, StepDone):
        _take_result(turn, run, step, command.outcome)
    elif isinstance(command.outcome, Failed):
        take_failure(turn, run, step, command.outcome.failure)
    else:
        fail(turn, run, step.id, Failure(failure="contract", code="schema", message="an answer of the wrong kind"))
    return {"run_id": run.id, "status": find(turn, Run, run.id).status}


def _take_result(turn: Turn, run: Run, step: Step, done: StepDone) -> None:
    labels = _made_by_agent(step.labels)
    made_from = (f"run:{run.id}", *step.sources)
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
    if refused:
        output["facts_refused"] = [f"{fact.fact_kind}/{fact.key}" for fact in refused]
    if actions:
        body: Plain = {"run": run.id, "step": step.id, "output": output, "actions": actions}
        turn.emit("step.proposed", body, run=run.id, labels=labels, actor=f"agent:{step.agent}")
    else:
        succeed(turn, run, step.id, output, actor=f"agent:{step.agent}")


def _made_by_agent(labels: Labels) -> Labels:
    """Deterministic or not, what an agent made is at most the agent's word."""
    return labels if labels.integrity == "external" else msgspec.structs.replace(labels, integrity="agent")


def succeed(turn: Turn, run: Run, step: str, output: Plain, *, actor: str | None = None) -> None:
    body: Plain = {"run": run.id, "step": step, "output": output}
    turn.emit("step.succeeded", body, run=run.id, labels=run.steps[step].labels, actor=actor)


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
        succeed(turn, run, step.id, {"timed_out": True})


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    StartRun: start,
    RecallAnswered: recall_answered,
    StepAnswered: step_answered,
}
FOLLOW: dict[str, Callable[[Turn, Event], None]] = {
    "run.started": advance,
    "run.resumed": advance,
    "run.signalled": advance,
    "run.cancelled": withdraw_actions,
    "step.succeeded": advance,
    "step.skipped": advance,
    "action.denied": settle_step,
    "action.expired": settle_step,
    "action.withdrawn": settle_step,
    "approval.rejected": settle_step,
    "effect.succeeded": settle_step,
    "effect.failed": settle_step,
    "step.resumed": advance,
    "step.retried": advance,
    "step.rerouted": advance,
    "step.failed": advance,
}
