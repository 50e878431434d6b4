"""What the operator may do to a run and its steps: pause, resume, cancel, kill, retry, skip, signal."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Final

from quarterdeck_protocol.codes import QuarterdeckError

from .commands import Command, SignalRun, SteerRun, SteerStep
from .entities import DeadLetter, Plain, Run, Step
from .lookup import find
from .quarantine import trouble_with
from .turn import Turn

SIGNALS_MAX: Final = 100  # That came before anyone waited for them.
LIVE: Final = ("running", "paused", "quarantined")
REOPENS: Final = ("timed_out", "stalled", "blocked", "exhausted")  # Ends after which a run may simply go on.
ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    "pause": ("running",),
    "resume": ("paused", "quarantined", *REOPENS),
    "cancel": LIVE,
    "kill": LIVE,
}


def steer(turn: Turn, command: SteerRun) -> Plain:
    run = find(turn, Run, command.id)
    allowed = ALLOWED[command.verb]
    if run.status not in allowed:
        raise QuarterdeckError(
            "conflict",
            f"run {run.id} is {run.status}; {command.verb} needs it {' or '.join(allowed)}",
            hint=f"See where it stands: quarterdeck runs show {run.id}",
        )
    if command.verb == "resume":
        _resume(turn, run, command.reason)
    elif command.verb == "pause":
        turn.emit("run.paused", {"run": run.id, "reason": command.reason}, run=run.id, labels=run.labels)
    else:
        body: Plain = {"run": run.id, "reason": command.reason, "status": "cancelled"}
        if command.verb == "kill":
            body |= {"killed": True, "reason": command.reason or "killed"}
        turn.emit("run.cancelled", body, run=run.id, labels=run.labels)
    return {"run_id": run.id, "status": find(turn, Run, run.id).status}


def _resume(turn: Turn, run: Run, reason: str) -> None:
    trouble = trouble_with(turn, run)
    if trouble:
        raise QuarterdeckError(
            "conflict", f"run {run.id} cannot go on: {trouble}", hint=f"Give it up: quarterdeck runs kill {run.id}"
        )
    for letter in _letters(turn, run):
        turn.emit("deadletter.resolved", {"id": letter.id, "remedy": "retry"}, run=run.id)
    kind = "run.resumed" if run.live else "run.reopened"
    # Ended for want of tries or of something to come: what failed by that is tried again.
    failed = [one for one in run.steps.values() if one.status == "failed" and run.status in ("blocked", "exhausted")]
    turn.emit(kind, {"run": run.id, "reason": reason}, run=run.id, labels=run.labels)
    for step in failed:
        body: Plain = {"run": run.id, "step": step.id, "reason": reason or "resumed by the operator"}
        turn.emit("step.retried", body, run=run.id, labels=run.labels)


def _letters(turn: Turn, run: Run, step: str | None = None) -> list[DeadLetter]:
    """Open dead letters of a run that has ended, or of one step."""
    if step is None and run.live:
        return []
    return [one for one in turn.draft.live(DeadLetter, f"run:{run.id}") if step in (None, one.step)]


def step_of(run: Run, id: str) -> Step:
    """Raises `not_found` naming the nearest."""
    step = run.steps.get(id)
    if step is not None:
        return step
    near = difflib.get_close_matches(id, run.steps, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"It has: {', '.join(list(run.steps)[:20])}."
    raise QuarterdeckError("not_found", f"run {run.id} has no step {id!r}", hint=hint)


def steer_step(turn: Turn, command: SteerStep) -> Plain:
    run = find(turn, Run, command.id)
    step = step_of(run, command.step)
    allowed: tuple[str, ...] = (
        ("failed", "backoff")
        if command.verb == "retry"
        else ("failed", "backoff", "pending", "queued", "asking", "waiting")
    )
    if not run.live:
        allowed = ("failed",)  # Only the step that ended the run can open it again.
    if step.status not in allowed or (step.actions and step.status != "failed") or (step.children and run.live):
        raise QuarterdeckError(
            "conflict",
            f"step {step.id} of the {run.status} run {run.id} is {step.status}; "
            f"{command.verb} needs it {' or '.join(allowed)}",
            hint=f"Steer its children instead: {step.children[0]} …" if step.children else "",
        )
    again(turn, run, step, command.verb, command.reason)
    return {"run_id": run.id, "step": step.id, "status": find(turn, Run, run.id).status}


def again(turn: Turn, run: Run, step: Step, verb: str, reason: str) -> None:
    """Retry or skip a step; when its run has ended, that is opened again."""
    for letter in _letters(turn, run, step.id):
        turn.emit("deadletter.resolved", {"id": letter.id, "remedy": verb}, run=run.id)
    reopen(turn, run)
    body: Plain = {"run": run.id, "step": step.id, "reason": reason or f"{verb} by the operator"}
    turn.emit("step.retried" if verb == "retry" else "step.skipped", body, run=run.id, labels=run.labels)


def reopen(turn: Turn, run: Run) -> None:
    if not run.live:
        turn.emit("run.reopened", {"run": run.id}, run=run.id, labels=run.labels)


def signal(turn: Turn, command: SignalRun) -> Plain:
    """Keep the signal first, so that it is there even when nobody waits for it yet."""
    run = find(turn, Run, command.id)
    if not run.live:
        raise QuarterdeckError("conflict", f"run {run.id} has ended ({run.status})")
    kept = len(run.signals) + sum(len(queue) for queue in run.queued.values())
    if kept >= SIGNALS_MAX:
        raise QuarterdeckError("busy", f"run {run.id} holds {SIGNALS_MAX} signals that nobody took")
    body: Plain = {"run": run.id, "signal": command.signal, "payload": command.payload, "queued": True}
    turn.emit("run.signalled", body, run=run.id, labels=run.labels)
    return {"run_id": run.id, "signal": command.signal}


DECIDE: dict[type[Command], Callable[..., Plain]] = {
    SteerRun: steer,
    SteerStep: steer_step,
    SignalRun: signal,
}
