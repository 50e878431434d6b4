"""How events change runs."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from quarterdeck_protocol.events import Event
from quarterdeck_protocol.labels import join

from .entities import DeadLetter, Mode, Plain, Priority, Run, Step, StepStatus
from .objective_parts import move_part
from .table import Draft
from .turn import Applier, strings, take_number

replace = msgspec.structs.replace
NUMBERED = re.compile(r"r\d+")
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
            parent=body.parent,
            parent_step=body.parent_step,
            depth=body.depth,
            window=body.window,
            late_us=body.late_us,
            deadline_us=body.deadline_us,
            stall_us=body.stall_us,
            mode=body.mode,
            moved_us=event.at_us,
        )
    )
    move_part(draft, f"run:{body.run}", "", body.objective, event.seq)
    if NUMBERED.fullmatch(body.run):  # A name that somebody chose may be of a person, and is nobody's counter.
        take_number(draft, body.run, event.seq)
    if body.parent:
        draft.link(f"run:{body.run}", "part_of", f"run:{body.parent}", event.seq)
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
    parent: str = ""
    parent_step: str = ""
    depth: int = 0
    window: str = ""
    late_us: int | None = None
    deadline_us: int | None = None
    stall_us: int = 0
    mode: Mode | Literal[""] = ""


def run_of(draft: Draft, event: Event) -> Run:
    run = draft.get(Run, event.run or "")
    assert run is not None, "events of runs name a run that exists"
    return run


def _paused(draft: Draft, event: Event) -> None:
    run = run_of(draft, event)
    by = str(event.body.get("by_parent", ""))
    draft.put(
        replace(run, seq=event.seq, status="paused", ended_us=None, reason="", paused_us=event.at_us, paused_by=by)
    )


def _resumed(draft: Draft, event: Event) -> None:
    """The deadline is of work, not of a pause; what was promised to others stays as it was."""
    run = run_of(draft, event)
    pause = event.at_us - run.paused_us if run.paused_us is not None else 0
    due = run.deadline_us + pause if run.deadline_us is not None else None
    draft.put(
        replace(
            run, seq=event.seq, status="running", ended_us=None, reason="", paused_us=None, paused_by="", trouble="",
            deadline_us=due,
        )
    )  # fmt: skip


def _reopened(draft: Draft, event: Event) -> None:
    """Whoever opens it again knows how late it is."""
    run = run_of(draft, event)
    steps = {id: _again_waiting(step) for id, step in run.steps.items()}
    draft.put(
        replace(
            run, seq=event.seq, status="running", ended_us=None, reason="", deadline_us=None, late_us=None, trouble="",
            steps=steps,
        )
    )  # fmt: skip


def _again_waiting(step: Step) -> Step:
    """A fan-out that was not over when its run ended waits for its children once more."""
    return replace(step, status="waiting") if step.children and step.status == "pending" else step


def _ended(draft: Draft, event: Event) -> None:
    run = run_of(draft, event)
    outputs = event.body.get("outputs")
    steps = {id: _let_go(step) for id, step in run.steps.items()}
    draft.put(
        replace(
            run, seq=event.seq, status=event.body["status"], reason=str(event.body.get("reason", "")),
            ended_us=event.at_us, steps=steps, outputs=outputs if isinstance(outputs, dict) else {}, opens_us=None,
        )
    )  # fmt: skip


def _let_go(step: Step) -> Step:
    """Work under way belongs to nobody when its run has ended; reopened, it begins anew. Actions live on.

    A fan-out waits for nothing any more either, but keeps what its children have done; see `_reopened`.
    """
    if step.status in ("recalling", "queued", "started", "asking", "backoff") or (
        step.status == "waiting" and not step.actions
    ):
        return replace(step, status="pending", until_us=None, recall={}, signal="", queued="", gate="", thread=())
    return step


def _signalled(draft: Draft, event: Event) -> None:
    """The first of a name waits in `signals`, further ones behind it. Older logs knew only the last."""
    run = run_of(draft, event)
    name, payload = str(event.body["signal"]), event.body["payload"]
    assert isinstance(payload, dict), "a signal carries a map"
    if event.body.get("queued") and name in run.signals:
        behind = {**run.queued, name: (*run.queued.get(name, ()), payload)}
        draft.put(replace(run, seq=event.seq, queued=behind))
    else:
        draft.put(replace(run, seq=event.seq, signals={**run.signals, name: payload}))


def _without(run: Run, name: str) -> Run:
    """The run after its first signal of this name was taken."""
    behind = run.queued.get(name, ())
    signals = {one: payload for one, payload in run.signals.items() if one != name}
    queued = {one: queue for one, queue in run.queued.items() if one != name}
    if behind:
        signals[name] = behind[0]
        queued |= {name: behind[1:]} if behind[1:] else {}
    return replace(run, signals=signals, queued=queued)


# --- events of steps ------------------------------------------------------------------------------


def change_step(draft: Draft, event: Event, **fields: object) -> Run:
    """Replace fields of the event's step."""
    run = run_of(draft, event)
    step = replace(run.steps[str(event.body["step"])], **fields)
    run = replace(run, seq=event.seq, steps={**run.steps, step.id: step})
    draft.put(run)
    return run


def _step_started(draft: Draft, event: Event) -> None:
    sources = strings(event.body["sources"])
    run = change_step(
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
        agent_version=str(event.body.get("agent_version", "")),
        mode=str(event.body.get("mode", "")),
        calls=(),
    )
    agent, version = str(event.body["agent"]), str(event.body.get("agent_version", ""))
    if version and agent not in run.agents:
        run = replace(run, agents={**run.agents, agent: version})
        draft.put(run)
    if others := [name for name in strings(event.body.get("namespaces", ())) if name not in run.seen]:
        draft.put(replace(run, seen=(*run.seen, *others)))
    for source in sources:
        draft.link(f"run:{run.id}", "read", source, event.seq)


def _step_asking(draft: Draft, event: Event) -> None:
    step = run_of(draft, event).steps[str(event.body["step"])]
    change_step(draft, event, status="asking", calls=(*step.calls, *strings(event.body["calls"])))


def _step_replied(draft: Draft, event: Event) -> None:
    """It goes on, knowing what the models said: what it makes is no better than that."""
    change_step(draft, event, status="started", labels=event.labels)


def _step_over(status: StepStatus) -> Applier:
    def apply(draft: Draft, event: Event) -> None:
        output = event.body.get("output")
        fields: Plain = {"status": status, "ended_us": event.at_us, "until_us": None}
        if isinstance(output, dict):
            fields["output"] = output
        if "error" in event.body:
            fields["error"] = event.body["error"]
            fields["failures"] = _with_failure(draft, event)
        run = change_step(draft, event, **fields)
        taken = run.steps[str(event.body["step"])].signal if status == "succeeded" else ""
        draft.put(replace(_without(run, taken) if taken else run, labels=join((run.labels, event.labels))))

    return apply


def _step_waiting(draft: Draft, event: Event) -> None:
    fields: Plain = {"status": "waiting", "signal": event.body["signal"], "until_us": event.body["until_us"]}
    fields |= {"gate": str(event.body.get("gate", "")), "thread": strings(event.body.get("thread", ()))}
    fields |= {"about": strings(event.body.get("about", ())), "warn_us": event.body.get("warn_us")}
    fields |= {"warned": False, "away_us": None, "away_on": ""}
    change_step(draft, event, **fields, started_us=event.at_us)


def _step_recalling(draft: Draft, event: Event) -> None:
    change_step(draft, event, status="recalling", recall=event.body["recall"])


def _step_proposed(draft: Draft, event: Event) -> None:
    output, actions = event.body["output"], strings(event.body["actions"])
    run = change_step(draft, event, status="waiting", output=output, actions=actions)
    # Other steps can read the output from now on.
    draft.put(replace(run, labels=join((run.labels, event.labels))))


def _retry_scheduled(draft: Draft, event: Event) -> None:
    fields: Plain = {"until_us": event.body["until_us"], "error": event.body["error"]}
    change_step(draft, event, status="backoff", failures=_with_failure(draft, event), **fields)


def _with_failure(draft: Draft, event: Event) -> tuple[Plain, ...]:
    """The failures of the event's step with the one that the event tells of."""
    step = run_of(draft, event).steps[str(event.body["step"])]
    agent = str(event.body.get("was", step.agent))
    failure: Plain = {"attempt": step.attempts, "at_us": event.at_us, "agent": agent, "error": event.body["error"]}
    return (*step.failures[-FAILURES_MAX + 1 :], failure)


def _step_queued(draft: Draft, event: Event) -> None:
    change_step(draft, event, status="queued", queued=event.body["waiter"], until_us=None, recall={})


def _step_rerouted(draft: Draft, event: Event) -> None:
    """Another agent has it now. keep: it is not begun anew by that."""
    fields: Plain = {"agent": event.body["agent"]}
    if "error" in event.body:
        fields |= {"error": event.body["error"], "failures": _with_failure(draft, event)}
    if not event.body.get("keep"):
        fields |= {"status": "pending", "attempts": 0, "until_us": None, "queued": ""}
    change_step(draft, event, **fields)


def _step_edited(draft: Draft, event: Event) -> None:
    """Other input for its next try, or an output in place of its own work: then it is done."""
    fields: Plain = {}
    if isinstance(event.body.get("input"), dict):
        fields["override"] = event.body["input"]
    if isinstance(event.body.get("output"), dict):
        done: Plain = {"status": "succeeded", "ended_us": event.at_us, "until_us": None, "signal": "", "queued": ""}
        fields |= {
            **done,
            "output": event.body["output"],
            "given_output": True,
            "error": {},
            "gate": "",
            "thread": (),
        }
    run = change_step(draft, event, **fields)
    draft.put(replace(run, labels=join((run.labels, event.labels))))


def _step_pending(draft: Draft, event: Event) -> None:
    change_step(draft, event, status="pending", until_us=None, ended_us=None, queued="")


def _step_retried(draft: Draft, event: Event) -> None:
    """A fan-out that is done anew begins with its list; a child of one only by itself, and the fan-out waits for it."""
    run = change_step(
        draft, event, status="pending", attempts=0, error={}, actions=(), until_us=None, ended_us=None, children=(),
        given_output=False,
    )  # fmt: skip
    step = run.steps[str(event.body["step"])]
    dropped = {id for id, one in run.steps.items() if one.parent == step.id}
    steps = {id: one for id, one in run.steps.items() if id not in dropped}
    if step.parent and steps[step.parent].status != "waiting":
        steps[step.parent] = replace(steps[step.parent], status="waiting", ended_us=None)
    draft.put(replace(run, steps=steps))


def _touch_run(draft: Draft, event: Event) -> None:
    """The event says something about the run without changing it."""
    draft.touch(run_of(draft, event))


def moving(appliers: dict[str, Applier]) -> dict[str, Applier]:
    """The same, and each of them notes when the run moved last."""
    return {kind: _moving(apply) for kind, apply in appliers.items()}


def _moving(apply: Applier) -> Applier:
    def then_note(draft: Draft, event: Event) -> None:
        apply(draft, event)
        run = draft.puts.get(("run", event.run or ""))
        if isinstance(run, Run) and run.seq == event.seq and run.moved_us != event.at_us:
            draft.puts["run", run.id] = replace(run, moved_us=event.at_us)

    return then_note


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
        namespaces=run_of(draft, event).namespaces if event.run else strings(body["namespaces"]),
        agent=str(body.get("agent", "")),
        playbook=str(body.get("playbook", "")),
        action=str(body.get("action", "")),
        diagnosis=str(body.get("diagnosis", "")),
        cause=str(body.get("cause", "")),
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


APPLY: dict[str, Applier] = {
    "run.started": _started,
    "run.paused": _paused,
    "run.resumed": _resumed,
    "run.reopened": _reopened,
    "run.cancelled": _ended,
    "run.ended": _ended,
    "run.signalled": _signalled,
    "step.started": _step_started,
    "step.asking": _step_asking,
    "step.replied": _step_replied,
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
