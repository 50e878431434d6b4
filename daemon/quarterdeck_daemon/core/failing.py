"""What becomes of a step that failed: another try after a while, or a dead letter with all that is needed to mend it."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from quarterdeck_protocol.events import Event

from .durations import duration_us
from .entities import Plain, Run, Step
from .lookup import find
from .orders import Failure
from .pinned import pinned_playbook
from .turn import Turn

RETRYABLE: frozenset[str] = frozenset(("transient", "crash", "timeout"))
BACKOFF_MAX_US = 3_600_000_000


def take_failure(turn: Turn, run: Run, step: Step, failure: Failure) -> None:
    spec = pinned_playbook(turn, run).step(step.id)
    if failure.failure not in RETRYABLE or step.attempts > spec.retry.times:
        fail(turn, run, step.id, failure)
        return
    backoff = min(BACKOFF_MAX_US, duration_us(spec.retry.backoff) * 2 ** (step.attempts - 1))
    until = turn.env.now_us + int(backoff * (0.5 + turn.env.chance / 2))
    body: Plain = {"run": run.id, "step": step.id, "until_us": until, "error": msgspec.to_builtins(failure)}
    turn.emit("step.retry_scheduled", body, run=run.id, labels=step.labels)


def fail(turn: Turn, run: Run, step: str, failure: Failure) -> None:
    body: Plain = {"run": run.id, "step": step, "error": msgspec.to_builtins(failure)}
    turn.emit("step.failed", body, run=run.id, labels=run.labels)


def file_dead_letter(turn: Turn, event: Event) -> None:
    """A step gave up: keep what is needed to mend it, and end the run."""
    assert event.run is not None, "events of runs name their run"
    run = find(turn, Run, event.run)
    step = run.steps[str(event.body["step"])]
    body: Plain = {
        "id": f"dead{turn.number('dead')}",
        "run": run.id,
        "step": step.id,
        "error": event.body["error"],
        "attempts": step.attempts,
        "remedies": [f"quarterdeck runs retry {run.id} {step.id}", f"quarterdeck runs skip {run.id} {step.id}"],
    }
    turn.emit("deadletter.filed", body, run=run.id, labels=event.labels)
    ended: Plain = {"run": run.id, "status": "failed", "reason": f"step {step.id} failed"}
    turn.emit("run.ended", ended, run=run.id, labels=event.labels)


FOLLOW: dict[str, Callable[[Turn, Event], None]] = {"step.failed": file_dead_letter}
