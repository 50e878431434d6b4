"""How events change runs, and how the operator steers them."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.codes import QuarterdeckError
from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import join

from .commands import Command, SignalRun, SteerRun, SteerStep
from .entities import DeadLetter, Plain, Priority, Run, Step, StepStatus
from .lookup import find
from .objective_parts import move_part
from .table import Draft
from .turn import Applier, Turn, strings, take_number

replace = msgspec.structs.replace
SIGNALS_MAX = 100  # That came before anyone waited for them.
FAILURES_MAX = 50  # Of one step, the last ones.


# --- events of runs -------------------------------------------------------------------------------


def _started(draft: Draft, event: Event) -> None:
    body = msgspec.convert(event.body, _RunStarted)
    draft.put(
        Run(
            id=body.run,
            seq=event.seq,
            playbook=body.playbook,
            playbook_hash=body.playbook_hash,
            inputs=body.inputs,
            status="running",
            steps={step.id: step for step in body.steps},
            at_us=event.at_us,
            labels=event.labels,
            cause=event.cause or "",
            namespace=body.namespace,
            origin=body.origin,
            objective=body.objective,
            chain=body.chain,
            priority=body.priority,
        )
    )
    move_part(draft, f"run:{body.run}", "", body.objective, event.seq)
    take_number(draft, body.run, event.seq)
    for value in body.inputs.values():
        if isinstance(value, str) and value.startswith("doc"):
            draft.link(f"run:{body.run}", "read", f"document:{value}", event.seq)


class _RunStarted(msgspec.Struct):
    run: str
    playbook: str
    playbook_hash: str
    inputs: Plain
    steps: tuple[Step, ...]
    namespace: str = "default"  # Logs from before runs had one.
    origin: str = ""
    objective: str = ""
    chain: int = 0
    priority: Priority = "normal"


def _run_of(draft: Draft, event: Event) -> Run:
    run = draft.get(Run, event.run or "")
    assert run is not None, "events of runs name a run that exists"
    return run


def _status(status: str) -> Applier:
    def apply(draft: Draft, event: Event) -> None:
        run = _run_of(draft, event)
        draft.put(replace(run, seq=event.seq, status=status, ended_us=None, reason=""))

    return apply


def _ended(draft: Draft, event: Event) -> None:
    run = _run_of(draft, event)
    status, reason = event.body["status"], str(event.body.get("reason", ""))
    steps = {id: _let_go(step) for id, step in run.steps.items()}
    draft.put(replace(run, seq=event.seq, status=status, reason=reason, ended_us=event.at_us, steps=steps))


def _let_go(step: Step) -> Step:
    """Work under way belongs to nobody when its run has ended; reopened, it begins anew. Actions live on."""
    if step.status in ("recalling", "queued", "started", "backoff") or (step.status == "waiting" and not step.actions):
        return replace(step, status="pending", until_us=None, recall={}, signal="", queued="")
    return step


def _signalled(draft: Draft, event: Event) -> None:
    run = _run_of(draft, event)
    draft.put(replace(run, seq=event.seq, signals={**run.signals, str(event.body["signal"]): event.body["payload"]}))


# --- events of steps ------------------------------------------------------------------------------


def _change(draft: Draft, event: Event, **fields: object) -> Run:
    """Replace fields of the event's step."""
    run = _run_of(draft, event)
    step = replace(run.steps[str(event.body["step"])], **fields)
    run = replace(run, seq=event.seq, steps={**run.steps, step.id: step})
    draft.put(run)
    return run


def _step_started(draft: Draft, event: Event) -> None:
    sources = strings(event.body["sources"])
    run = _change(
        draft,
        event,
        status="started",
        attempts=event.body["attempt"],
        input_seq=event.seq,
        sources=sources,
        labels=event.labels,
        started_us=event.at_us,
        until_us=None,
        recall={},
    )
    if others := [name for name in strings(event.body.get("namespaces", ())) if name not in run.seen]:
        draft.put(replace(run, seen=(*run.seen, *others)))
    for source in sources:
        draft.link(f"run:{run.id}", "read", source, event.seq)


def _step_over(status: StepStatus) -> Applier:
    def apply(draft: Draft, event: Event) -> None:
        output = event.body.get("output")
        fields: Plain = {"status": status, "ended_us": event.at_us, "until_us": None}
        if isinstance(output, dict):
            fields["output"] = output
        if "error" in event.body:
            fields["error"] = event.body["error"]
            fields["failures"] = _with_failure(draft, event)
        run = _change(draft, event, **fields)
        taken = run.steps[str(event.body["step"])].signal if status == "succeeded" else ""
        signals = {name: payload for name, payload in run.signals.items() if name != taken}
        draft.put(replace(run, labels=join((run.labels, event.labels)), signals=signals))

    return apply


def _step_waiting(draft: Draft, event: Event) -> None:
    fields: Plain = {"status": "waiting", "signal": event.body["signal"], "until_us": event.body["until_us"]}
    _change(draft, event, **fields, started_us=event.at_us)


def _step_recalling(draft: Draft, event: Event) -> None:
    _change(draft, event, status="recalling", recall=event.body["recall"])


def _step_proposed(draft: Draft, event: Event) -> None:
    output, actions = event.body["output"], strings(event.body["actions"])
    run = _change(draft, event, status="waiting", output=output, actions=actions)
    # Other steps can read the output from now on.
    draft.put(replace(run, labels=join((run.labels, event.labels))))


def _retry_scheduled(draft: Draft, event: Event) -> None:
    fields: Plain = {"until_us": event.body["until_us"], "error": event.body["error"]}
    _change(draft, event, status="backoff", failures=_with_failure(draft, event), **fields)


def _with_failure(draft: Draft, event: Event) -> tuple[Plain, ...]:
    """The failures of the event's step with the one that the event tells of."""
    step = _run_of(draft, event).steps[str(event.body["step"])]
    agent = str(event.body.get("was", step.agent))
    failure: Plain = {"attempt": step.attempts, "at_us": event.at_us, "agent": agent, "error": event.body["error"]}
    return (*step.failures[-FAILURES_MAX + 1 :], failure)


def _step_queued(draft: Draft, event: Event) -> None:
    _change(draft, event, status="queued", queued=event.body["waiter"], until_us=None, recall={})


def _step_rerouted(draft: Draft, event: Event) -> None:
    """Another agent has it now. keep: it is not begun anew by that."""
    fields: Plain = {"agent": event.body["agent"]}
    if "error" in event.body:
        fields |= {"error": event.body["error"], "failures": _with_failure(draft, event)}
    if not event.body.get("keep"):
        fields |= {"status": "pending", "attempts": 0, "until_us": None, "queued": ""}
    _change(draft, event, **fields)


def _step_edited(draft: Draft, event: Event) -> None:
    _change(draft, event, override=event.body["input"])


def _step_pending(draft: Draft, event: Event) -> None:
    _change(draft, event, status="pending", until_us=None, ended_us=None, queued="")


def _step_retried(draft: Draft, event: Event) -> None:
    _change(draft, event, status="pending", attempts=0, error={}, actions=(), until_us=None, ended_us=None)


def _touch_run(draft: Draft, event: Event) -> None:
    """The event says something about the run without changing it."""
    draft.touch(_run_of(draft, event))


# --- dead letters ---------------------------------------------------------------------------------


def _filed(draft: Draft, event: Event) -> None:
    body = event.body
    error = body["error"]
    assert isinstance(error, dict), "an error is a map"
    letter = DeadLetter(
        id=str(body["id"]),
        seq=event.seq,
        run=str(body["run"]),
        step=str(body["step"]),
        error=error,
        attempts=int(str(body["attempts"])),
        at_us=event.at_us,
        remedies=strings(body["remedies"]),
        namespaces=_run_of(draft, event).namespaces if event.run else strings(body["namespaces"]),
        **{name: body[name] for name in ("agent", "playbook", "action", "diagnosis", "cause") if name in body},
        failures=msgspec.convert(body.get("failures", ()), tuple[Plain, ...]),
        input_seq=msgspec.convert(body.get("input_seq", 0), int),
        labels=event.labels,
        escalate_us=msgspec.convert(body.get("escalate_us"), int | None),
    )
    draft.put(letter)
    take_number(draft, letter.id, event.seq)


def _resolved(draft: Draft, event: Event) -> None:
    letter = draft.get(DeadLetter, str(event.body["id"]))
    assert letter is not None, "only a letter that was filed is resolved"
    draft.put(replace(letter, seq=event.seq, resolved=str(event.body["remedy"])))


# --- steering -------------------------------------------------------------------------------------


def steer(turn: Turn, command: SteerRun) -> Plain:
    run = find(turn, Run, command.id)
    allowed = {"pause": ("running",), "resume": ("paused",), "cancel": ("running", "paused")}[command.verb]
    if run.status not in allowed:
        raise QuarterdeckError(
            "conflict", f"run {run.id} is {run.status}; {command.verb} needs it {' or '.join(allowed)}"
        )
    kind = {"pause": "run.paused", "resume": "run.resumed", "cancel": "run.cancelled"}[command.verb]
    turn.emit(kind, {"run": run.id, "reason": command.reason, "status": "cancelled"}, run=run.id, labels=run.labels)
    return {"run_id": run.id, "status": find(turn, Run, run.id).status}


def steer_step(turn: Turn, command: SteerStep) -> Plain:
    run = find(turn, Run, command.id)
    step = run.steps.get(command.step)
    if step is None:
        raise QuarterdeckError(
            "not_found", f"run {run.id} has no step {command.step!r}", hint=f"It has: {', '.join(run.steps)}."
        )
    allowed: tuple[str, ...] = (
        ("failed", "backoff") if command.verb == "retry" else ("failed", "backoff", "pending", "waiting")
    )
    if not run.live:
        allowed = ("failed",)  # Only the step that ended the run can open it again.
    if step.status not in allowed or (step.actions and step.status != "failed"):
        raise QuarterdeckError(
            "conflict",
            f"step {step.id} of the {run.status} run {run.id} is {step.status}; "
            f"{command.verb} needs it {' or '.join(allowed)}",
        )
    body: Plain = {"run": run.id, "step": step.id, "reason": command.reason or f"{command.verb} by the operator"}
    for letter in list(turn.draft.live(DeadLetter)):
        if (letter.run, letter.step) == (run.id, step.id):
            turn.emit("deadletter.resolved", {"id": letter.id, "remedy": command.verb}, run=run.id)
    if not run.live:
        turn.emit("run.reopened", {"run": run.id}, run=run.id, labels=run.labels)
    turn.emit("step.retried" if command.verb == "retry" else "step.skipped", body, run=run.id, labels=run.labels)
    return {"run_id": run.id, "step": step.id, "status": find(turn, Run, run.id).status}


def signal(turn: Turn, command: SignalRun) -> Plain:
    """Keep the signal first, so that it is there even when nobody waits for it yet."""
    run = find(turn, Run, command.id)
    if not run.live:
        raise QuarterdeckError("conflict", f"run {run.id} has ended ({run.status})")
    if len(run.signals) >= SIGNALS_MAX:
        raise QuarterdeckError("busy", f"run {run.id} holds {SIGNALS_MAX} signals that nobody took")
    body: Plain = {"run": run.id, "signal": command.signal, "payload": command.payload}
    turn.emit("run.signalled", body, run=run.id, labels=run.labels)
    return {"run_id": run.id, "signal": command.signal}


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    SteerRun: steer,
    SteerStep: steer_step,
    SignalRun: signal,
}
APPLY: dict[str, Applier] = {
    "run.started": _started,
    "run.paused": _status("paused"),
    "run.resumed": _status("running"),
    "run.reopened": _status("running"),
    "run.cancelled": _ended,
    "run.ended": _ended,
    "run.signalled": _signalled,
    "step.started": _step_started,
    "step.succeeded": _step_over("succeeded"),
    "step.failed": _step_over("failed"),
    "step.skipped": _step_over("skipped"),
    "step.waiting": _step_waiting,
    "step.recalling": _step_recalling,
    "step.proposed": _step_proposed,
    "step.retry_scheduled": _retry_scheduled,
    "step.queued": _step_queued,
    "step.rerouted": _step_rerouted,
    "step.edited": _step_edited,
    "step.resumed": _step_pending,
    "step.retried": _step_retried,
    "memory.recalled": _touch_run,
    "fact.refused": lambda draft, event: _touch_run(draft, event) if event.run else None,  # Else: of a file.
    "deadletter.filed": _filed,
    "deadletter.resolved": _resolved,
    "trigger.refused": lambda draft, event: None,
}
