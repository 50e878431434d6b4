"""What becomes of a step that failed: another try after a while, another agent, or the end of it.

How often and how soon depends on the class of the failure, as the step's `retry` says. The wait doubles with each try
and is shortened by chance to between a half and the whole of it, so that what failed together is not tried together.
"""

from __future__ import annotations

from typing import Final

import msgspec

from .capable import Choice, substitute
from .durations import duration_us
from .entities import Plain, Run, Step
from .orders import Failure
from .pinned import pinned_playbook
from .playbook import CAPABLE, Reroute, StepSpec
from .turn import Turn

BACKOFF_MAX_US: Final = 3_600_000_000
DOUBLINGS_MAX: Final = 20


def take_failure(turn: Turn, run: Run, step: Step, failure: Failure) -> None:
    """A try has failed. The step must have been started."""
    spec = pinned_playbook(turn, run).step(step.id)
    times, backoff = spec.retry.for_class(failure.failure)
    if step.attempts > times:
        if not reroute(turn, run, spec, f"{step.agent} failed: {failure.message}", failure):
            fail(turn, run, step.id, _with_nobody_else(turn, run, spec, failure))
        return
    until = turn.env.now_us + wait_us(duration_us(backoff), step.attempts, turn.env.chance)
    body: Plain = {"run": run.id, "step": step.id, "until_us": until, "error": msgspec.to_builtins(failure)}
    turn.emit("step.retry_scheduled", body, run=run.id, labels=step.labels)


def _with_nobody_else(turn: Turn, run: Run, spec: StepSpec, failure: Failure) -> Failure:
    """The failure with why no other agent took the step, when any capable one might have."""
    if not isinstance(spec.on_failure, Reroute) or spec.on_failure.reroute != CAPABLE or failure.hint:
        return failure
    passed = substitute(turn.draft, run, spec, turn.env.now_us).passed_over
    why = "; ".join(f"{name}: {said}" for name, said in passed.items()) or "none declares the same intents"
    return msgspec.structs.replace(failure, hint=f"No other agent took it over ({why}).")


def wait_us(first_us: int, attempt: int, chance: float) -> int:
    """How long after the failure of this attempt, from 1, the next begins. chance: [0, 1)."""
    whole = min(BACKOFF_MAX_US, first_us * 2 ** min(attempt - 1, DOUBLINGS_MAX))
    return int(whole * (0.5 + chance / 2))


def fail(turn: Turn, run: Run, step: str, failure: Failure) -> None:
    """The step gives up. What follows is in dead_letters.py."""
    body: Plain = {"run": run.id, "step": step, "error": msgspec.to_builtins(failure)}
    turn.emit("step.failed", body, run=run.id, labels=run.labels)


def reroute(turn: Turn, run: Run, spec: StepSpec, reason: str, failure: Failure | None = None) -> bool:
    """Hand the step to the agent that its playbook names for this, or to a capable one. False: there is none."""
    named = spec.on_failure.reroute if isinstance(spec.on_failure, Reroute) else ""
    step = run.steps[spec.id]
    choice = substitute(turn.draft, run, spec, turn.env.now_us) if named == CAPABLE else Choice(agent=named)
    if not choice.agent or step.agent == choice.agent:
        return False
    body: Plain = {"run": run.id, "step": spec.id, "agent": choice.agent, "was": step.agent, "reason": reason}
    if named == CAPABLE:
        body["chosen"] = {"intents": list(choice.intents), "passed_over": choice.passed_over}
    if failure is not None:
        body["error"] = msgspec.to_builtins(failure)
    turn.emit("step.rerouted", body, run=run.id, labels=step.labels)
    return True
