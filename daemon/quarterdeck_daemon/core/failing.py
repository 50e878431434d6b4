"""What becomes of a step that failed: another try after a while, another agent, or the end of it.

How often and how soon depends on the class of the failure, as the step's `retry` says. The wait doubles with each try
and is shortened by chance to between a half and the whole of it, so that what failed together is not tried together.
"""

from __future__ import annotations

from typing import Final

import msgspec

from .durations import duration_us
from .entities import Plain, Run, Step
from .orders import Failure
from .pinned import pinned_playbook
from .playbook import Reroute, StepSpec
from .turn import Turn

BACKOFF_MAX_US: Final = 3_600_000_000
DOUBLINGS_MAX: Final = 20


def take_failure(turn: Turn, run: Run, step: Step, failure: Failure) -> None:
    """A try has failed. The step must have been started."""
    spec = pinned_playbook(turn, run).step(step.id)
    times, backoff = spec.retry.for_class(failure.failure)
    if step.attempts > times:
        if not reroute(turn, run, spec, f"{step.agent} failed: {failure.message}", failure):
            fail(turn, run, step.id, failure)
        return
    until = turn.env.now_us + wait_us(duration_us(backoff), step.attempts, turn.env.chance)
    body: Plain = {"run": run.id, "step": step.id, "until_us": until, "error": msgspec.to_builtins(failure)}
    turn.emit("step.retry_scheduled", body, run=run.id, labels=step.labels)


def wait_us(first_us: int, attempt: int, chance: float) -> int:
    """How long after the failure of this attempt, from 1, the next begins. chance: [0, 1)."""
    whole = min(BACKOFF_MAX_US, first_us * 2 ** min(attempt - 1, DOUBLINGS_MAX))
    return int(whole * (0.5 + chance / 2))


def fail(turn: Turn, run: Run, step: str, failure: Failure) -> None:
    """The step gives up. What follows is in dead_letters.py."""
    body: Plain = {"run": run.id, "step": step, "error": msgspec.to_builtins(failure)}
    turn.emit("step.failed", body, run=run.id, labels=run.labels)


def reroute(turn: Turn, run: Run, spec: StepSpec, reason: str, failure: Failure | None = None) -> bool:
    """Hand the step to the agent that its playbook names for this. False: there is none, or it has it already."""
    other = spec.on_failure.reroute if isinstance(spec.on_failure, Reroute) else ""
    step = run.steps[spec.id]
    if not other or step.agent == other:
        return False
    error: Plain = {"error": msgspec.to_builtins(failure)} if failure is not None else {}
    body: Plain = {"run": run.id, "step": spec.id, "agent": other, "was": step.agent, "reason": reason, **error}
    turn.emit("step.rerouted", body, run=run.id, labels=step.labels)
    return True
